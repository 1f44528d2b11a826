import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Fields, FieldValue } from "../capture/message.ts";
import { fieldOf, type ReplayMessage } from "./message.ts";
import type { NfsTranslation } from "./nfs-translation.ts";
import { optionValue } from "./option-text.ts";

/** One field in which two replies are not alike; null: the reply does not have it. */
export interface Difference {
  readonly field: string;
  readonly ours: string | number | boolean | null;
  readonly recorded: string | number | boolean | null;
}

type Value = string | number | boolean | null;

/** HTTP headers that say nothing of the answer: the time of day. */
const IGNORED: ReadonlySet<string> = new Set(["headers.date"]);

/** Where one of these differs the replies are of two kinds: what only one of them can have is no difference of its own. */
const KINDS: readonly string[] = ["replyStat", "acceptStat", "status", "opcode", "messageType"];

/** Fields of what was read from a file: told once a transfer. */
const CONTENT: ReadonlySet<string> = new Set(["sha256", "dataLength", "bodyLength"]);

/**
 * Compares replies field by field.
 *
 * The recorded server's addresses, hardware addresses and file handles count as ours where they stand for the same thing:
 * they differ by nature.
 */
export class Comparison {
  private readonly address: Ipv4;
  private readonly servers: readonly Ipv4[];
  private readonly ownMac: string;
  private readonly nfs: NfsTranslation;
  /** Hardware addresses of the recorded servers. */
  readonly serverMacs: Set<string> = new Set();

  constructor(address: Ipv4, servers: readonly Ipv4[], ownMac: string, nfs: NfsTranslation) {
    this.address = address;
    this.servers = servers.filter((server) => server !== address);
    this.ownMac = ownMac;
    this.nfs = nfs;
  }

  /** How our reply differs from the recorded one, in the order of our fields. */
  differences(ours: ReplayMessage, recorded: ReplayMessage): Difference[] {
    const own = flatten(ours);
    const theirs = flatten(recorded);
    const found: Difference[] = [];
    const missing = lacksContent(recorded) || lacksContent(ours);
    const otherKind = KINDS.find((kind) => own.get(kind) !== theirs.get(kind));
    for (const field of new Set([...own.keys(), ...theirs.keys()])) {
      if (IGNORED.has(field) || (missing && CONTENT.has(field))) continue;
      const isInBoth = own.has(field) && theirs.has(field);
      if (otherKind !== undefined && !isInBoth && field !== otherKind) continue;
      const a = own.get(field) ?? null;
      const b = theirs.get(field) ?? null;
      if (a !== b && a !== this.mapped(field, b)) found.push({ field, ours: a, recorded: b });
    }
    return found;
  }

  /** A recorded value with what stands for the recorded server replaced by what stands for us. */
  private mapped(field: string, value: Value): Value {
    if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
    if (/(^|\.)fhandle$/.test(field)) return this.nfs.handle(value) ?? value;
    if (this.serverMacs.has(value)) return this.ownMac;
    let text = value;
    for (const server of this.servers) {
      text = replaceAddress(text, formatIpv4(server), formatIpv4(this.address));
    }
    return text;
  }
}

/** Whether a difference is one of file content, which is told once a transfer. */
export function isContent(d: Difference): boolean {
  return CONTENT.has(d.field);
}

/** HTTP bodies of which the capture has a part have no digest and no length that could be compared. */
function lacksContent(m: ReplayMessage): boolean {
  return m.protocol === "http" && fieldOf(m, "sha256") === null;
}

/** Not inside of a longer number: 10.0.0.1 does not stand in 110.0.0.12. */
function replaceAddress(text: string, from: string, to: string): string {
  const pattern = new RegExp(`(?<![\\d.])${from.replaceAll(".", "\\.")}(?![\\d]|\\.\\d)`, "g");
  return text.replace(pattern, to);
}

/** Fields as "a.b" to plain values. Lists of options go by their names, so that their order does not count. */
export function flatten(m: ReplayMessage): Map<string, Value> {
  const flat = new Map<string, Value>();
  for (const [name, value] of Object.entries(m.fields)) {
    if (name === "xid") continue;
    if (name === "options" && Array.isArray(value)) {
      for (const option of value as readonly FieldValue[]) addOption(flat, option);
    } else add(flat, name, value);
  }
  return flat;
}

function add(flat: Map<string, Value>, name: string, value: FieldValue): void {
  if (value === null || typeof value !== "object") {
    flat.set(name, value);
  } else if (Array.isArray(value)) {
    for (const [i, item] of (value as readonly FieldValue[]).entries())
      add(flat, `${name}.${itemName(item) ?? i}`, item);
  } else {
    for (const [inner, item] of Object.entries(value as Fields))
      add(flat, `${name}.${inner}`, item);
  }
}

/** Lists in which the order says nothing go by their items: directory entries by name, mappings by program. */
function itemName(item: FieldValue): string | undefined {
  if (item === null || typeof item !== "object" || Array.isArray(item)) return undefined;
  const { name, prog, vers, prot } = item as Fields;
  if (typeof name === "string") return name;
  return prog === undefined ? undefined : `${String(prog)} ${String(vers)} ${String(prot)}`;
}

/** An option of DHCP {code, hex}, or of TFTP [name, value]. */
function addOption(flat: Map<string, Value>, option: FieldValue): void {
  if (Array.isArray(option)) {
    const [name, value] = option as readonly FieldValue[];
    flat.set(`option ${String(name).toLowerCase()}`, value as Value);
    return;
  }
  const { code, hex } = option as { readonly code: number; readonly hex: string };
  const field = `option ${code}`;
  // RFC 3396: a long option comes in several pieces, which together are its value.
  const before = flat.get(field);
  const text = optionValue(code, hex);
  flat.set(field, before === undefined ? text : `${before}${text}`);
}
