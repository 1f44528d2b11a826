import { parseSite } from "../../../agent/site/load.ts";
import { formatProblems } from "../../../agent/site/problems.ts";
import { formatIpv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { formatMac, parseMac } from "../../../protocols/wire/mac-address.ts";
import { ascii, type Target } from "../engine/target.ts";
import { RACK_SITE } from "./rack.ts";

const WORDS = [
  ...new Set(RACK_SITE.match(/[\w./-]+|"[^"]*"|[[\]{}:,]|\n {2}/g)),
  "&a ",
  "*a",
  "!!binary ",
  "<<: ",
  "|\n ",
  "? ",
  "---\n",
  "%YAML 1.1\n",
  "pool: 192.168.77.20-192.168.77.30",
  "sha256: ",
  "url: ",
  "vars: { a: 1 }",
  "unknown: ",
  "\t",
  "\ufeff",
  "\u2028",
];

/** The texts of site files: each is a site, or has problems that lie in it. */
export const siteFile: Target = {
  name: "site",
  sources: ["/agent/site/"],
  maxLen: 4_096,
  dictionary: WORDS.map(utf8),
  seeds: [
    utf8(RACK_SITE),
    utf8("site: a\nnetwork: { address: 10.0.0.1/24 }\nmachines: {}\n"),
    utf8("site: a\nassets: { a: { url: http://x/, sha256: 00 }, b: { oci: r/i:t } }\n"),
    utf8(
      "profiles: { a: { boot: x, linux: { kernel: k } } }\nmachines: { m: { mac: 1, ip: 2 } }\n",
    ),
    utf8("a: &a [1, *a]\nb: !t { <<: *a }\n"),
  ],
  run(o, at, len, t) {
    const text = new TextDecoder("utf-8").decode(o.u8.subarray(at, at + len));
    const { site, problems } = parseSite(text, "/rack/site.yaml", () => true);
    if (site) {
      t.add(site.machines.length, site.assets.size);
      for (const machine of site.machines)
        t.check(machine.mac.length === 17, "a machine has no MAC");
      return;
    }
    t.check(problems.length > 0, "neither a site nor a problem");
    const lines = text.split(/\r\n|\n|\r/);
    for (const { message, cure, line, column } of problems) {
      t.add(message, line, column);
      t.check(
        !/undefined|\[object/.test(`${message}${cure}`.replaceAll(text, "")) ||
          /undefined|\[object/.test(text),
        "a message with a hole",
      );
      t.check(line >= 1 && line <= Math.max(lines.length, 1), "a problem outside the text");
      t.check(column >= 1, "a problem left of the text");
    }
    formatProblems(problems);
  },
  limits: { guarded: false, inPlace: false, allocatedOctets: 1024 * 1024, ms: 500 },
};

/** Texts of addresses: what is taken is written back the same. */
export const addresses: Target = {
  name: "addresses",
  sources: ["/protocols/wire/"],
  maxLen: 64,
  dictionary: [
    ascii("192.168.77.1"),
    ascii("00:03:ba:5b:ae:b3"),
    ascii("."),
    ascii("-"),
    ascii("255"),
  ],
  seeds: [ascii("192.168.77.1"), ascii("00:03:ba:5b:ae:b3"), ascii("0:3:ba:5B:AE-B3")],
  run(o, at, len, t) {
    let text = "";
    for (let i = at; i < at + len; i++) text += String.fromCharCode(o.u8[i] ?? 0);
    const ip = parseIpv4(text);
    t.add(ip);
    if (ip !== undefined) t.check(formatIpv4(ip) === text, "an address with two spellings");
    const mac = parseMac(text);
    if (!mac) return;
    const plain = formatMac(mac);
    t.add(plain);
    const again = parseMac(plain);
    t.check(again !== undefined && formatMac(again) === plain, "format(parse(x)) is not x");
  },
};

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
