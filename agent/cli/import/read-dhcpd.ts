import { formatIpv4, maskOf, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { formatMac, parseMac } from "../../../protocols/wire/mac-address.ts";
import { type DhcpdStatement, dhcpdStatements } from "./dhcpd-statements.ts";
import type { Draft, DraftSubnet } from "./draft.ts";
import { leaseText } from "./lease-text.ts";

/** What holds within a block unless it says otherwise. */
interface Scope {
  readonly router?: string;
  readonly dns?: readonly string[];
  readonly domain?: string;
  readonly leaseS?: number;
  readonly filename?: string;
}

interface Reading {
  readonly draft: Draft;
  readonly file: string;
  readonly tftpRoot: string;
}

/** Said of a server, and true of every agent. */
const SILENT: ReadonlySet<string> = new Set([
  "authoritative",
  "ddns-update-style",
  "ddns-updates",
  "log-facility",
  "default-lease-time",
  "max-lease-time",
  "min-lease-time",
  "next-server",
  "server-name",
  "use-host-decl-names",
  "allow",
  "deny",
  "ignore",
  "filename",
]);

/** dhcpd.conf(5) of ISC: subnets, pools and hosts. What depends on a condition is only told. */
export function readDhcpd(text: string, file: string, tftpRoot: string, draft: Draft): void {
  readBlock(dhcpdStatements(text), {}, undefined, { draft, file, tftpRoot });
}

function readBlock(
  block: readonly DhcpdStatement[],
  outer: Scope,
  subnet: DraftSubnet | undefined,
  r: Reading,
): void {
  const scope = scopeOf(block, outer);
  if (subnet) applyScope(subnet, scope);
  for (const statement of block) readStatement(statement, scope, subnet, r);
}

function readStatement(
  s: DhcpdStatement,
  scope: Scope,
  subnet: DraftSubnet | undefined,
  r: Reading,
): void {
  const [word = "", first = ""] = s.words;
  const { draft, file } = r;
  if (word === "subnet" && s.block) {
    const prefix = prefixOf(first, s.words[3] ?? "");
    if (prefix === undefined) draft.note(file, s.line, `not a subnet: ${s.words.join(" ")}`);
    else readBlock(s.block, scope, draft.subnet(prefix), r);
  } else if (word === "host" && s.block) readHost(s, first, scope, r);
  else if ((word === "group" || word === "shared-network") && s.block) {
    readBlock(s.block, scope, undefined, r);
  } else if (word === "pool" && s.block) readBlock(s.block, scope, subnet, r);
  else if (word === "range") {
    const [from = "", to = from] = s.words.slice(1).filter((w) => w !== "dynamic-bootp");
    if (subnet) subnet.pool.push(`${from}-${to}`);
    draft.servesStrangers = true;
  } else if (word === "option") {
    if (!OPTIONS.has(first)) {
      const value = s.words.slice(2).join(" ");
      draft.note(file, s.line, `option ${first} ${value} is not carried over`);
    }
  } else if (!SILENT.has(word)) {
    const what = s.block ? `${s.words.join(" ")} { … }` : s.words.join(" ");
    draft.note(file, s.line, `not carried over: ${what}`);
  }
}

const OPTIONS: ReadonlySet<string> = new Set([
  "routers",
  "domain-name-servers",
  "domain-name",
  "subnet-mask",
  "broadcast-address",
  "host-name",
  "root-path",
]);

function readHost(s: DhcpdStatement, name: string, outer: Scope, r: Reading): void {
  const { draft, file } = r;
  const block = s.block ?? [];
  const scope = scopeOf(block, outer);
  const machine = draft.machine(name);
  for (const { line, words } of block) {
    const [word = "", first = "", second = ""] = words;
    if (word === "hardware" && first === "ethernet") {
      const mac = parseMac(second);
      if (mac) machine.mac = formatMac(mac);
      else draft.note(file, line, `not the address of a card: ${second}`);
    } else if (word === "fixed-address") {
      const address =
        parseIpv4(first) === undefined ? draft.addressOf.get(first.toLowerCase()) : first;
      if (address !== undefined) machine.ip = address;
      else draft.note(file, line, `${first} is in no hosts file that was given`);
      if (words.length > 2)
        draft.note(file, line, `${name} has further addresses: only the first is carried over`);
    } else if (word === "option" && first === "host-name") machine.hostname = second;
    else if (word === "option" && first === "root-path") {
      draft.note(file, line, `the root ${second} of ${name}: name it as root of its profile`);
    } else readStatement({ line, words, block: undefined }, scope, undefined, r);
  }
  if (scope.filename !== undefined) machine.profile = bootProfile(scope.filename, r);
}

function bootProfile(filename: string, { draft, tftpRoot }: Reading): string {
  const name = filename.replace(/^\/+/, "");
  const place = /^https?:/.test(filename) ? filename : `${tftpRoot}/${name}`;
  return draft.bootProfile(
    /^https?:/.test(filename) ? (filename.split("/").at(-1) ?? name) : name,
    place,
  );
}

function scopeOf(block: readonly DhcpdStatement[], outer: Scope): Scope {
  const own: { -readonly [K in keyof Scope]: Scope[K] } = { ...outer };
  for (const { words } of block) {
    const [word, first = "", second = ""] = words;
    if (word === "option" && first === "routers") own.router = second;
    else if (word === "option" && first === "domain-name-servers") own.dns = words.slice(2);
    else if (word === "option" && first === "domain-name") own.domain = second;
    else if (word === "default-lease-time") own.leaseS = Number(first);
    else if (word === "filename") own.filename = first;
  }
  return own;
}

function applyScope(subnet: DraftSubnet, { router, dns, domain, leaseS }: Scope): void {
  if (router !== undefined) subnet.router = router;
  const addresses = dns?.filter((a) => parseIpv4(a) !== undefined) ?? [];
  if (addresses.length > 0) subnet.dns = addresses;
  if (domain !== undefined) subnet.domain = domain;
  if (leaseS !== undefined && leaseS > 0) subnet.lease = leaseText(leaseS);
}

/** "10.0.0.0" and "255.255.255.0" to "10.0.0.0/24". */
export function prefixOf(network: string, mask: string): string | undefined {
  const address = parseIpv4(network);
  const bits = parseIpv4(mask);
  if (address === undefined || bits === undefined) return undefined;
  for (let len = 8; len <= 30; len++) {
    if (maskOf(len) === bits) return `${formatIpv4(address & bits)}/${len}`;
  }
  return undefined;
}
