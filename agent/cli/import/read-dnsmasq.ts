import { formatIpv4, maskOf, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { formatMac, parseMac } from "../../../protocols/wire/mac-address.ts";
import { architectureFamily, architectureOfClass } from "../../plan/architectures.ts";
import type { Family } from "../../site/families.ts";
import type { Draft, DraftSubnet } from "./draft.ts";
import { leaseText } from "./lease-text.ts";
import { configLines } from "./lines.ts";
import { prefixOf } from "./read-dhcpd.ts";

/** Without a mask dnsmasq takes that of its interface, which is not in the file. */
const USUAL_LEN = 24;
const IPXE = "ipxe";

/** Said of dnsmasq itself, or true of every agent. */
const SILENT: ReadonlySet<string> = new Set([
  "bind-interfaces",
  "bind-dynamic",
  "dhcp-authoritative",
  "dhcp-leasefile",
  "dhcp-no-override",
  "enable-tftp",
  "except-interface",
  "keep-in-foreground",
  "listen-address",
  "log-dhcp",
  "log-facility",
  "log-queries",
  "no-daemon",
  "no-hosts",
  "no-ping",
  "no-resolv",
  "pid-file",
  "port",
  "tftp-no-fail",
  "tftp-secure",
  "user",
]);

interface Reading {
  readonly draft: Draft;
  readonly file: string;
  tftpRoot: string;
  /** What a tag stands for. */
  readonly tags: Map<string, Family | typeof IPXE>;
  readonly boots: { line: number; tags: readonly string[]; name: string }[];
  readonly options: { line: number; code: string; values: readonly string[] }[];
  domain: string | undefined;
}

/** dnsmasq.conf, its DHCP and TFTP parts. What depends on a tag that stands for no firmware is only told. */
export function readDnsmasq(text: string, file: string, tftpRoot: string, draft: Draft): void {
  const r: Reading = {
    draft,
    file,
    tftpRoot,
    tags: new Map(),
    boots: [],
    options: [],
    domain: undefined,
  };
  for (const { line, text: row } of configLines(text, false)) {
    const [, key = row, value = ""] = /^([^=\s]+)\s*=\s*(.*)$/.exec(row) ?? [];
    readLine(key, value, line, r);
  }
  for (const subnet of draft.subnets.values()) applyOptions(subnet, r);
  for (const boot of r.boots) applyBoot(boot, r);
}

function readLine(key: string, value: string, line: number, r: Reading): void {
  const { draft, file } = r;
  const parts = value.split(",").map((p) => p.trim());
  if (key === "interface") draft.interface = value;
  else if (key === "tftp-root") r.tftpRoot = (parts[0] ?? "").replace(/\/+$/, "");
  else if (key === "domain") r.domain = parts[0];
  else if (key === "dhcp-range") readRange(parts, line, r);
  else if (key === "dhcp-host") readHost(parts, line, r);
  else if (key === "dhcp-option" || key === "dhcp-option-force") readOption(parts, line, r);
  else if (key === "dhcp-boot") {
    const { tags, rest } = tagged(parts);
    r.boots.push({ line, tags, name: rest[0] ?? "" });
  } else if (key === "dhcp-match" || key === "dhcp-vendorclass" || key === "dhcp-userclass") {
    readTag(key, parts, line, r);
  } else if (key === "dhcp-ignore" && value === "tag:!known") draft.servesStrangers = false;
  else if (!SILENT.has(key))
    draft.note(file, line, `not carried over: ${key}${value ? `=${value}` : ""}`);
}

function readRange(parts: readonly string[], line: number, r: Reading): void {
  const { rest } = tagged(parts);
  const [from = "", to = ""] = rest;
  const first = parseIpv4(from);
  if (first === undefined) {
    r.draft.note(r.file, line, `not a range of IPv4 addresses: ${rest.join(",")}`);
    return;
  }
  const mask = rest.slice(2).find((p) => /^255\./.test(p));
  const bare = `${formatIpv4(first & maskOf(USUAL_LEN))}/${USUAL_LEN}`;
  const prefix = mask === undefined ? bare : (prefixOf(from, mask) ?? bare);
  if (mask === undefined) {
    r.draft.note(
      r.file,
      line,
      `no mask: ${prefix} is a guess, correct it if the interface has another`,
    );
  }
  const subnet = r.draft.subnet(prefix);
  if (to === "proxy") {
    r.draft.note(
      r.file,
      line,
      "another server gives the addresses here: write dhcp: proxy under network",
    );
  } else if (to !== "static") {
    subnet.pool.push(`${from}-${to}`);
    r.draft.servesStrangers = true;
  }
  const seconds = secondsOf(rest.at(-1) ?? "");
  if (seconds !== undefined) subnet.lease = leaseText(seconds);
}

function readHost(parts: readonly string[], line: number, r: Reading): void {
  const { draft, file } = r;
  const macs = parts.filter((p) => parseMac(p) !== undefined);
  const [ip] = parts.filter((p) => parseIpv4(p) !== undefined);
  const name = parts.find(
    (p) => /^[A-Za-z][A-Za-z0-9.-]*$/.test(p) && p !== "ignore" && p !== "infinite",
  );
  const [card] = macs;
  if (parts.includes("ignore") || card === undefined) {
    draft.note(file, line, `not carried over: dhcp-host=${parts.join(",")}`);
    return;
  }
  const machine = draft.machine(name ?? `host-${card.replaceAll(":", "")}`);
  machine.mac = formatMac(parseMac(card) ?? new Uint8Array());
  if (ip !== undefined) machine.ip = ip;
  if (macs.length > 1) {
    draft.note(
      file,
      line,
      `${machine.name} has ${macs.length} cards: only ${card} is carried over`,
    );
  }
}

function readOption(parts: readonly string[], line: number, r: Reading): void {
  const { tags, rest } = tagged(parts);
  const [code = "", ...values] = rest;
  if (tags.length > 0)
    r.draft.note(r.file, line, `depends on ${tags.join(", ")}: option ${code} is not carried over`);
  else r.options.push({ line, code, values });
}

function readTag(key: string, parts: readonly string[], line: number, r: Reading): void {
  const tag = parts.find((p) => p.startsWith("set:"))?.slice(4);
  const words = parts.filter((p) => !p.startsWith("set:"));
  const means = meaning(key, words);
  if (tag !== undefined && means !== undefined) r.tags.set(tag, means);
  else r.draft.note(r.file, line, `no firmware is known by ${words.join(",")}`);
}

function meaning(key: string, words: readonly string[]): Family | typeof IPXE | undefined {
  const [what = "", value = ""] = words;
  if (key === "dhcp-userclass") return what === "iPXE" ? IPXE : undefined;
  if (key === "dhcp-match" && (what === "175" || what === "option:175")) return IPXE;
  if (key === "dhcp-match" && (what === "option:client-arch" || what === "93")) {
    return architectureFamily(Number(value));
  }
  return architectureFamily(architectureOfClass(`:${what}`) ?? -1);
}

function applyOptions(subnet: DraftSubnet, r: Reading): void {
  if (r.domain !== undefined) subnet.domain = r.domain;
  for (const { line, code, values } of r.options) {
    const addresses = values.filter((v) => parseIpv4(v) !== undefined);
    const [first] = addresses;
    if (/^(?:3|option:router)$/.test(code) && first !== undefined) subnet.router = first;
    else if (/^(?:6|option:dns-server)$/.test(code)) subnet.dns = addresses;
    else r.draft.note(r.file, line, `option ${code} ${values.join(",")} is not carried over`);
  }
}

function applyBoot(
  { line, tags, name }: { line: number; tags: readonly string[]; name: string },
  r: Reading,
): void {
  const { draft, file } = r;
  const place = /^https?:/.test(name) ? name : `${r.tftpRoot}/${name.replace(/^\/+/, "")}`;
  const families = tags.filter((t) => !t.startsWith("!")).map((t) => r.tags.get(t));
  if (families.includes(IPXE)) {
    draft.note(
      file,
      line,
      `iPXE's script ${name}: write what it loads as linux (kernel, initrd, cmdline) of a profile`,
    );
  } else if (families.length > 0 && families.every((f) => f !== undefined)) {
    for (const family of families)
      if (family !== undefined && family !== IPXE) draft.chain.set(family, draft.asset(place));
  } else if (tags.every((t) => t === `!${IPXE}` || r.tags.get(t.slice(1)) === IPXE)) {
    const profile = draft.bootProfile(name.replace(/^\/+/, ""), place);
    for (const machine of draft.machines.values()) machine.profile ??= profile;
  } else draft.note(file, line, `depends on ${tags.join(", ")}: ${name} is not carried over`);
}

function tagged(parts: readonly string[]): { tags: readonly string[]; rest: readonly string[] } {
  const isTag = (p: string): boolean => /^(?:tag|set|net):/.test(p);
  const tags = parts
    .filter((p) => p.startsWith("tag:") || p.startsWith("net:"))
    .map((p) => p.slice(4));
  return { tags, rest: parts.filter((p) => !isTag(p)) };
}

/** "12h", "45m", "3600", "infinite". */
function secondsOf(text: string): number | undefined {
  if (text === "infinite") return Number.MAX_SAFE_INTEGER;
  const [, digits, unit = ""] = /^(\d+)([smhdw]?)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const factor = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit] ?? 1;
  return Number(digits) * factor;
}
