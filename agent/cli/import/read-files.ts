import { parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { formatMac, parseMac } from "../../../protocols/wire/mac-address.ts";
import type { Draft } from "./draft.ts";
import { configLines } from "./lines.ts";

/** hosts(5): names to addresses. They become machines only when another file knows their card. */
export function readHosts(text: string, draft: Draft): void {
  for (const { text: line } of configLines(text, false)) {
    const [address = "", ...names] = line.split(/\s+/);
    if (parseIpv4(address) === undefined || address.startsWith("127.")) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      if (!draft.addressOf.has(key)) draft.addressOf.set(key, address);
    }
  }
}

/** ethers(5): a card's address, and a name or an IPv4 address. */
export function readEthers(text: string, file: string, draft: Draft): void {
  for (const { line, text: row } of configLines(text, false)) {
    const [card = "", name = ""] = row.split(/\s+/);
    const mac = parseMac(card);
    if (!mac || name === "") {
      draft.note(file, line, `not "CARD NAME": ${row}`);
      continue;
    }
    const isAddress = parseIpv4(name) !== undefined;
    const known = draft.machineByMac(formatMac(mac));
    const machine = known ?? draft.machine(isAddress ? `host-${name.replaceAll(".", "-")}` : name);
    machine.mac = formatMac(mac);
    if (isAddress) machine.ip = name;
  }
}

/** bootparams(5): what WHOAMI and GETFILE answer. */
export function readBootparams(text: string, file: string, draft: Draft): void {
  for (const { line, text: row } of configLines(text, true)) {
    const [name = "", ...words] = row.split(/\s+/);
    if (name === "*" || name === "+" || name.startsWith("+@")) {
      draft.note(file, line, `"${name}" stands for many machines: give each its profile`);
      continue;
    }
    const params = new Map<string, string>();
    for (const word of words) {
      const [, key, value = ""] = /^([^=]+)=(.*)$/.exec(word) ?? [];
      if (key === undefined) draft.note(file, line, `not "key=server:path": ${word}`);
      else params.set(key, value);
    }
    const machine = draft.machine(name);
    machine.profile = profileOf(name, params, draft, file, line);
  }
}

/** Machines whose parameters are the same boot the same profile. */
function profileOf(
  machine: string,
  params: Map<string, string>,
  draft: Draft,
  file: string,
  line: number,
): string {
  const [, , path = `/${machine}`] = /^([^:]*):(.*)$/.exec(params.get("root") ?? "") ?? [];
  const bootparams = new Map<string, string>();
  for (const [key, value] of params) {
    if (key !== "root") bootparams.set(key, parameterOf(value, draft, file, line));
  }
  for (const [name, profile] of draft.profiles) {
    const same = profile.bsd?.root === path && sameMap(profile.bsd.bootparams, bootparams);
    if (same) return name;
  }
  const name = `${machine}-root`;
  draft.profiles.set(name, { files: new Map(), bsd: { root: path, rootPath: path, bootparams } });
  if (!params.has("root")) draft.note(file, line, `${machine} has no root: ${path} is a guess`);
  return name;
}

/** A server is written as its address, since the site does not know its name; one that no hosts file has is taken for us. */
function parameterOf(value: string, draft: Draft, file: string, line: number): string {
  const [, server = "", path = value] = /^([^:]+):(.*)$/.exec(value) ?? [];
  if (server === "") return value;
  const address =
    parseIpv4(server) === undefined ? draft.addressOf.get(server.toLowerCase()) : server;
  if (address !== undefined) return `${address}:${path}`;
  draft.note(file, line, `no hosts file has ${server}: it is taken for this agent`);
  return path;
}

function sameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
