import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { printable, printableCut } from "../log/printable.ts";
import { type DigestOf, describeSite, type Fact, type Thing } from "./describe-site.ts";
import { excerpts, masked } from "./masked.ts";
import type { Site } from "./site.ts";

/** Lines at most; the last one then says how many there would be more. */
export const MOST_LINES = 100;
/** Characters of a line at most. */
export const LONGEST_LINE = 120;
/** Characters that the names of things with the same change may take. */
const NAMES_WIDTH = 48;
/** What a configuration refers to is small; anything larger is not compared. */
const MAX_CONTENT_OCTETS = 1 << 20;

/**
 * What is different between two sites, a line for each change that a person reads:
 *
 *     network: router: 172.24.42.1 → 172.24.42.254
 *     machine v100 added: mac 00:03:ba:5b:ae:b3, ip 172.24.42.51, profile netbsd
 *     machines n1, n2 and 14 more: profile: debian-12 → debian-13
 *
 * What is the same in both folders though its path is another one is no change. Templates and certificates that the site
 * refers to are compared by content, where both are to be had; their content is not shown, nor is anything that looks like a
 * credential. No line for equal sites.
 *
 * @param old undefined: there was none, all of `next` is new
 */
export function siteChanges(
  old: Site | undefined,
  next: Site,
  digestOf: DigestOf = digestOfFile,
): readonly string[] {
  // In one folder there is one content, and it says nothing about what was there before.
  const digest = old?.dir === next.dir ? () => undefined : digestOf;
  const before = old === undefined ? [] : describeSite(old, digest);
  const changes = compare(before, describeSite(next, digest));
  const lines = grouped(changes);
  if (lines.length <= MOST_LINES) return lines;
  const rest = lines.length - MOST_LINES + 1;
  return [...lines.slice(0, MOST_LINES - 1), `… and ${rest} more changes`];
}

/** One change of one thing. `tail` follows its name. */
interface Change {
  readonly kind: string;
  readonly name: string;
  readonly tail: string;
}

function compare(before: readonly Thing[], after: readonly Thing[]): readonly Change[] {
  const old = new Map(before.map((thing) => [keyOf(thing), thing]));
  const changes: Change[] = [];
  for (const thing of after) {
    const was = old.get(keyOf(thing));
    old.delete(keyOf(thing));
    const tails = was ? factTails(was.facts, thing.facts) : addedTails(thing);
    for (const tail of tails) changes.push({ kind: thing.kind, name: thing.name, tail });
  }
  for (const { kind, name, facts } of old.values()) {
    if (name !== "" || facts.size > 0) changes.push({ kind, name, tail: " removed" });
  }
  return changes;
}

function keyOf({ kind, name }: Thing): string {
  return `${kind} ${name}`;
}

function addedTails({ facts }: Thing): readonly string[] {
  if (facts.size === 0) return [];
  const parts = [...facts]
    .filter(([, { is }]) => is === "text")
    .map(([key, { text }]) => `${key} ${excerpts(masked(key, text), "")[0]}`);
  return [` added: ${parts.join(", ")}`];
}

function factTails(
  before: ReadonlyMap<string, Fact>,
  after: ReadonlyMap<string, Fact>,
): readonly string[] {
  const tails: string[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const tail = factTail(key, before.get(key), after.get(key));
    if (tail !== undefined) tails.push(tail);
  }
  return tails;
}

function factTail(key: string, was: Fact | undefined, is: Fact | undefined): string | undefined {
  if (was?.is === "content" || is?.is === "content") {
    const known = was !== undefined && is !== undefined && was.text !== "" && is.text !== "";
    return known && was.text !== is.text ? `: ${key} changed` : undefined;
  }
  if (was?.text === is?.text) return undefined;
  const [from, to] = [was, is].map((fact) => fact && masked(key, fact.text));
  if (from === undefined) return `: ${key} added: ${excerpts(to ?? "", "")[0]}`;
  if (to === undefined) return `: ${key} removed: ${excerpts(from, "")[0]}`;
  if (from === to) return `: ${key} changed, in a part that is not shown`;
  const [a, b] = excerpts(from, to);
  return `: ${key}: ${a} → ${b}`;
}

/** Things of one kind with the same change share a line, at the place of the first. */
function grouped(changes: readonly Change[]): readonly string[] {
  const groups = new Map<string, { readonly kind: string; tail: string; names: string[] }>();
  for (const { kind, name, tail } of changes) {
    const key = `${kind}\0${tail}`;
    const group = groups.get(key);
    if (group) group.names.push(name);
    else groups.set(key, { kind, tail, names: [name] });
  }
  return [...groups.values()].map(({ kind, tail, names }) =>
    printableCut(`${who(kind, names)}${printable(tail)}`, LONGEST_LINE),
  );
}

function who(kind: string, names: readonly string[]): string {
  const [first = ""] = names;
  if (names.length === 1) return first === "" ? kind : `${kind} ${first}`;
  let text = first;
  let shown = 1;
  for (const name of names.slice(1)) {
    if (text.length + name.length + 2 > NAMES_WIDTH) break;
    text += `, ${name}`;
    shown += 1;
  }
  const more = names.length - shown;
  return `${kind}s ${text}${more > 0 ? ` and ${more} more` : ""}`;
}

function digestOfFile(file: string): string | undefined {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > MAX_CONTENT_OCTETS) return undefined;
    return createHash("sha256").update(readFileSync(file)).digest("hex");
  } catch {
    return undefined;
  }
}
