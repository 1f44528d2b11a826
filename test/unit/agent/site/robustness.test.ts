import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSite } from "../../../../agent/site/load.ts";
import { formatProblems } from "../../../../agent/site/problems.ts";
import { HEAD } from "./problem-table.ts";
import { read } from "./site-text.ts";

const TEXT = `site: rack7
network: { interface: eth0, address: 172.24.42.150/24, dns: [9.9.9.9], relays: [10.1.0.1] }
cache: { size: 8GiB, versions: 4, refresh: 6h }
stores:
  files: { url: "https://x.example/", username: u, password: { env: P } }
  rack: { s3: "*", endpoint: "http://10.0.0.9:9000", pathStyle: true }
  reg: { oci: "r.example:5000", plainHttp: true, token: { file: t } }
assets:
  a: { file: a, sha256: "${"9f".repeat(32)}" }
  b: { url: ["https://x.example/b", "s3://bucket/b"], extract: b/c, decompress: gzip }
  c: { oci: "r.example:5000/c:1", title: c, pin: none, refresh: 1h }
  d: { folder: d, match: "d*", checksums: { url: "https://x.example/S", entry: d, signify: base.pub } }
profiles:
  bsd:
    bsd: { loader: a, root: { netbsd: b }, bootparams: { swap: "v100:/swap" } }
  lin:
    linux: { kernel: a, initrd: [a, b], cmdline: quiet, root: dir }
    files: { f: a, g: { template: t } }
    boot: f
defaults: { chain: { pxe-bios: a } }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: bsd, vars: { n: 3 } }
  minipc: { mac: "00:11:22:33:44:55", ip: 172.24.42.60, profile: lin, chain: { ipxe: b } }
`;

/** What stands in place of a word, a number, a bracket. */
const SUBSTITUTES = ["", "x", "7", "0.5", "null", "[]", "{}", "[x, [y]]", "{ x: y }", ".inf", "~"];
const TOKENS = [...TEXT.matchAll(/[\w.-]+|"[^"]*"|[[\]{}:,\n]/g)];

const change = fc.record({
  token: fc.nat(TOKENS.length - 1),
  by: fc.oneof(fc.constantFrom(...SUBSTITUTES, "\t", "*a", "&a ", "!t ", "|", '"'), fc.string()),
});

/** Whatever a text is answered with, it is a site, or problems that lie in the text and are worded. */
function checkAnswer(text: string): void {
  const result = read(text, ["/rack/t"]);
  if (result.site !== undefined) return;
  const lines = text.split("\n");
  expect(result.problems.length).toBeGreaterThan(0);
  for (const p of result.problems) {
    expect(p.message).not.toMatch(/undefined|\n/);
    expect(p.cure).not.toMatch(/undefined|\n|^$/);
    expect(p.line).toBeLessThanOrEqual(lines.length);
    // Credentials are hidden, one asterisk for each character.
    const line = lines[p.line - 1]?.replace(/\r$/, "") ?? "";
    expect(p.source).toHaveLength(line.length);
    for (let i = 0; i < line.length; i++) {
      if (p.source[i] !== "*") expect(p.source[i]).toBe(line[i]);
    }
    expect(p.column).toBeLessThanOrEqual(p.source.length + 1);
  }
  formatProblems(result.problems);
}

/** Values that one key or another of the two sections takes, and ones that none does. */
const VALUES = [
  ...[
    "boot/a",
    "\0",
    "",
    "*",
    "x".repeat(300),
    "..",
    "/",
    "never",
    "6h",
    "6",
    "8GiB",
    "none",
    "xz",
  ],
  ...[
    "https://x/a",
    "http://[::1]:1/a?b",
    "https://",
    "https://u:p@x",
    "https://x/%",
    "file:///a%00",
  ],
  ...[
    "s3://bucket/k",
    "bucket/k",
    "bucket",
    "s3://",
    "r.example/x:1",
    "r.example",
    "alpine",
    "oci://",
  ],
  ...[
    "linux/arm64",
    "a/b",
    "base.pub",
    "secret.key",
    "RWQ",
    "@",
    ":",
    "%",
    "toString",
    "eu-west-3",
  ],
];
const KEYS = [
  ...["file", "folder", "match", "url", "s3", "oci", "title", "mediaType", "path", "platform"],
  ...["sha256", "checksums", "pin", "refresh", "extract", "decompress", "entry", "signify"],
  ...["minisign", "signature", "endpoint", "region", "pathStyle", "accessKey", "secretKey"],
  ...[
    "plainHttp",
    "username",
    "password",
    "token",
    "ca",
    "env",
    "size",
    "versions",
    "x",
    "toString",
  ],
];

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<unknown>(...VALUES, true, false, null, 0, 3, -1, 1e300),
    fc.string({ unit: "grapheme" }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("value"), { maxKeys: 5 }),
    fc.array(tie("value"), { maxLength: 4 }),
  ),
}));
const section = fc.oneof(
  fc.dictionary(
    fc.constantFrom("a", "b", "1", "valueOf", "__proto__", "a b"),
    fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: 6 }),
    { maxKeys: 4 },
  ),
  value,
);

describe("parseSite", () => {
  it("takes the text that the next test spoils", () => {
    expect(read(TEXT, ["/rack/t"]).problems).toBeUndefined();
  });

  it("answers any text with a site or with problems that lie in it, and never throws", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let text = TEXT;
        for (const { token, by } of changes.toSorted((a, b) => b.token - a.token)) {
          const { index = 0, 0: old = "" } = TOKENS[token] ?? {};
          text = text.slice(0, index) + by + text.slice(index + old.length);
        }
        checkAnswer(text);
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 1_500 },
    );
  });

  it("answers whatever stands under cache, stores and assets", () => {
    fc.assert(
      fc.property(section, section, value, (assets, stores, cache) => {
        const parts = Object.entries({ cache, stores, assets });
        const lines = parts.map(([key, part]) => `${key}: ${JSON.stringify(part)}\n`);
        checkAnswer(`site: s\nnetwork: { address: 10.0.0.1/24 }\n${lines.join("")}`);
      }),
      { numRuns: 3_000, interruptAfterTimeLimit: 2_500 },
    );
  });

  it.each(['files: { f: { template: "a\\0" } }', 'linux: { root: "a\\0" }'])(
    "answers a path that no system call takes: %s",
    (profile) => {
      const { problems = [] } = parseSite(`${HEAD}profiles: { p: { ${profile} } }\n`, "/rack/x");
      expect(problems.map((p) => p.message)).toEqual(['"a\\u0000" is not a path']);
    },
  );
});
