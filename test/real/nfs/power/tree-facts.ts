import { createHash } from "node:crypto";
import { isRefusal } from "../../../../agent/assets/trees/tree.ts";
import type { FileOps } from "../../../support/file-ops/file-ops.ts";

/** What a disk writes in one piece. */
export const PAGE = 4_096;
/** Dates that were set are before this. Those of the clock are not compared: the last may be lost with the power. */
const SET_BEFORE_MS = Date.UTC(2010);

/** What there is at a path, as `layers.mjs` says it. */
export interface Facts {
  /** Kind, mode, names. */
  readonly node: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Of a file: a digest of each page, with zeros behind the end. Of a symbolic link its text. */
  readonly content: readonly string[];
}

export type TreeFacts = ReadonlyMap<string, Facts>;

/** What the worker said of a machine's tree. */
export function factsSaid(lines: readonly string[], machine: string): TreeFacts {
  const facts = new Map<string, Facts>();
  for (const line of lines) {
    const [word, whose, path = "", kind, mode, nlink, size, mtimeMs, content = ""] =
      line.split(" ");
    if (word !== "node" || whose !== machine) continue;
    facts.set(decodeURIComponent(path), {
      node: `${kind} ${mode} ${nlink}`,
      size: Number(size),
      mtimeMs: Number(mtimeMs),
      content: content.split(","),
    });
  }
  return facts;
}

/** The same of files at hand. */
export async function factsOf(files: FileOps): Promise<TreeFacts> {
  const facts = new Map<string, Facts>();
  const walk = async (path: string): Promise<void> => {
    const stat = there(await files.stat(path));
    const { kind, mode, nlink, size, mtimeMs } = stat;
    const node = `${kind} ${mode} ${nlink}`;
    const isDirectory = kind === "directory";
    const content = isDirectory ? [""] : await contentOf(files, path, kind, size);
    facts.set(path, { node, size: isDirectory ? 0 : size, mtimeMs: Math.round(mtimeMs), content });
    if (!isDirectory) return;
    for (const name of there(await files.list(path))) {
      await walk(path === "" ? name : `${path}/${name}`);
    }
  };
  await walk("");
  return facts;
}

/** The paths of what is otherwise than in the model. */
export function differences(found: TreeFacts, model: TreeFacts): readonly string[] {
  const all = new Set([...found.keys(), ...model.keys()]);
  return [...all].filter((path) => !same(found.get(path), model.get(path))).sort();
}

/** What is at a path, in words. */
export function factsText(facts: Facts | undefined): string {
  if (!facts) return "not there";
  const { node, size, mtimeMs, content } = facts;
  return `${node}, ${size} octets, ${new Date(mtimeMs).toISOString()}, ${content.join(",")}`;
}

/** The digest of a page. */
export function pageDigest(octets: Uint8Array): string {
  const page = new Uint8Array(PAGE);
  page.set(octets);
  return createHash("sha256").update(page).digest("hex").slice(0, 8);
}

function same(found: Facts | undefined, model: Facts | undefined): boolean {
  if (!found || !model) return found === model;
  const isDate = model.mtimeMs >= SET_BEFORE_MS || found.mtimeMs === model.mtimeMs;
  const isContent = found.content.join() === model.content.join();
  return found.node === model.node && found.size === model.size && isContent && isDate;
}

async function contentOf(
  files: FileOps,
  path: string,
  kind: string,
  size: number,
): Promise<string[]> {
  if (kind !== "file") return [encodeURIComponent(there(await files.readlink(path)).target)];
  const octets = there(await files.read(path, 0, size));
  const pages: string[] = [];
  for (let at = 0; at < size; at += PAGE) pages.push(pageDigest(octets.subarray(at, at + PAGE)));
  return pages.length === 0 ? [""] : pages;
}

function there<T>(value: T): Exclude<T, string> {
  if (isRefusal(value)) throw new Error(`the model has an answer of its own: ${value}`);
  return value as Exclude<T, string>;
}
