import type { FileOctets } from "../file-octets.ts";
import { Pace } from "../pace.ts";
import { Refusal } from "../refusal.ts";
import type { Archive, Entry, EntryKind } from "./entry.ts";
import { type IsoRecord, isDots, isoName, parseIsoRecord, SECTOR_LEN } from "./iso-record.ts";
import { MAX_CONTINUATIONS, RockRidge } from "./rock-ridge.ts";

/** The first volume descriptor; what is before belongs to boot loaders. */
const FIRST_DESCRIPTOR = 16;
const MAX_DESCRIPTORS = 64;
const MAX_DIRECTORIES = 100_000;
/** Parts of one file at most: 4 GiB each. */
const MAX_PARTS = 1_024;
const PRIMARY = 1;
const SUPPLEMENTARY = 2;
const TERMINATOR = 255;
const ROOT_RECORD = 156;
const ROOT_LEN = 34;

/** What names are taken from. */
type Naming = "rock-ridge" | "joliet" | "plain";

interface Tree {
  readonly file: FileOctets;
  readonly naming: Naming;
  readonly blockLen: number;
  readonly root: IsoRecord;
  /** Octets before the fields of a record. */
  readonly skip: number;
}

/** A part of a file: octets from `at`. */
interface Part {
  readonly at: number;
  readonly len: number;
}

/** Whether octets 32768 to 32774 of a file are those of a volume descriptor. */
export function isIsoDescriptor(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(1, 6)) === "CD001";
}

/**
 * An ISO 9660 image (ECMA-119), once for each kind of names in it: Rock Ridge, Joliet, then plain ones, whose case does not
 * matter. Where a file has no such name, the next kind is for that.
 */
export async function isoArchives(file: FileOctets): Promise<readonly Archive[]> {
  const trees: Tree[] = [];
  for (let i = 0; i < MAX_DESCRIPTORS; i++) {
    const at = (FIRST_DESCRIPTOR + i) * SECTOR_LEN;
    const descriptor = await file.read(at, SECTOR_LEN, "a volume descriptor");
    const type = descriptor[0] ?? 0;
    if (!isIsoDescriptor(descriptor)) throw new Refusal("is damaged (an ISO 9660 image)");
    if (type === TERMINATOR) break;
    if (type !== PRIMARY && type !== SUPPLEMENTARY) continue;
    const blockLen = (descriptor[128] ?? 0) | ((descriptor[129] ?? 0) << 8);
    if (![512, 1_024, 2_048].includes(blockLen)) {
      throw new Refusal(`is damaged (an ISO 9660 image): blocks of ${blockLen} octets`);
    }
    const root = parseIsoRecord(descriptor.subarray(ROOT_RECORD, ROOT_RECORD + ROOT_LEN), 0);
    if (root === undefined) throw new Refusal("is damaged (an ISO 9660 image): it has no root");
    const tree: Tree = { file, naming: "plain", blockLen, root, skip: 0 };
    if (type === PRIMARY) trees.push(...(await primaryTrees(tree)));
    else if (isJoliet(descriptor)) trees.push({ ...tree, naming: "joliet" });
  }
  const order: readonly Naming[] = ["rock-ridge", "joliet", "plain"];
  trees.sort((a, b) => order.indexOf(a.naming) - order.indexOf(b.naming));
  if (trees.length === 0) throw new Refusal("is damaged (an ISO 9660 image): it has no volume");
  return trees.map((tree) => ({
    kind: "an ISO 9660 image",
    ignoresCase: tree.naming === "plain",
    entries: () => treeEntries(tree),
  }));
}

/** UCS-2 of level 1, 2 or 3. */
function isJoliet(descriptor: Uint8Array): boolean {
  return /^%\/[@CE]/.test(String.fromCharCode(...descriptor.subarray(88, 91)));
}

/** The plain tree, and the same with Rock Ridge where the root's first record says so. */
async function primaryTrees(plain: Tree): Promise<readonly Tree[]> {
  const at = plain.root.block * plain.blockLen;
  const sector = await plain.file.read(at, SECTOR_LEN, "the root");
  const first = parseIsoRecord(sector, 0);
  const fields = new RockRidge();
  if (first !== undefined) fields.read(first.systemUse);
  if (fields.skip === undefined) return [plain];
  return [{ ...plain, naming: "rock-ridge", skip: fields.skip }, plain];
}

interface Directory {
  readonly path: string;
  readonly block: number;
  readonly size: number;
}

async function* treeEntries(tree: Tree): AsyncGenerator<Entry, void, undefined> {
  const pace = new Pace();
  const seen = new Set<number>([tree.root.block]);
  const waiting: Directory[] = [{ path: "", block: tree.root.block, size: tree.root.size }];
  for (let dir = waiting.pop(); dir !== undefined; dir = waiting.pop()) {
    for await (const entry of directoryEntries(tree, dir, pace)) {
      const { inside } = entry;
      // Where directories lie within each other in a circle, each is gone through once.
      if (inside !== undefined && !seen.has(inside.block)) {
        if (seen.size >= MAX_DIRECTORIES) throw new Refusal("has too many directories");
        seen.add(inside.block);
        waiting.push(inside);
      }
      yield entry;
    }
  }
}

async function* directoryEntries(
  tree: Tree,
  dir: Directory,
  pace: Pace,
): AsyncGenerator<Entry & { readonly inside?: Directory }, void, undefined> {
  const { file, blockLen } = tree;
  let parts: Part[] = [];
  for (let offset = 0; offset < dir.size; offset += SECTOR_LEN) {
    const len = Math.min(SECTOR_LEN, dir.size - offset);
    const sector = await file.read(dir.block * blockLen + offset, len, "a directory");
    if (pace.due()) await pace.rest();
    for (let at = 0; at < len; ) {
      const record = parseIsoRecord(sector, at);
      if (record === undefined) break;
      at += record.len;
      if (isDots(record)) continue;
      const fields = await fieldsOf(tree, record);
      if (fields.isMoved) continue;
      parts.push({ at: record.block * blockLen, len: record.size });
      if (parts.length > MAX_PARTS) throw new Refusal("is damaged: a file has too many parts");
      if (record.hasMore && !record.isDirectory) continue;
      yield await entryOf(tree, dir, record, fields, parts);
      parts = [];
    }
  }
}

async function fieldsOf(tree: Tree, record: IsoRecord): Promise<RockRidge> {
  const fields = new RockRidge();
  if (tree.naming !== "rock-ridge") return fields;
  let next = fields.read(record.systemUse.subarray(tree.skip));
  for (let i = 0; next !== undefined; i++) {
    if (i >= MAX_CONTINUATIONS || next.len > SECTOR_LEN) {
      throw new Refusal("is damaged (an ISO 9660 image): a record goes on without end");
    }
    const at = next.block * tree.blockLen + next.offset;
    next = fields.read(await tree.file.read(at, next.len, "a record"));
  }
  return fields;
}

async function entryOf(
  tree: Tree,
  dir: Directory,
  record: IsoRecord,
  fields: RockRidge,
  parts: readonly Part[],
): Promise<Entry & { readonly inside?: Directory }> {
  const name = fields.name ?? isoName(record.name, tree.naming === "joliet");
  const path = dir.path === "" ? name : `${dir.path}/${name}`;
  const size = parts.reduce((sum, part) => sum + part.len, 0);
  const { file } = tree;
  const octets = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { at, len } of parts) yield* file.stream(at, len, path);
  };
  if (fields.child !== undefined) {
    const inside = { path, block: fields.child, size: await movedSize(tree, fields.child) };
    return { path, kind: "directory", size: 0, octets, inside };
  }
  if (record.isDirectory) {
    const inside = { path, block: record.block, size: record.size };
    return { path, kind: "directory", size: 0, octets, inside };
  }
  const unreadable = whyUnreadable(record, fields);
  return {
    path,
    kind: kindOf(fields),
    size,
    ...(fields.link === undefined ? {} : { target: fields.link }),
    ...(unreadable === undefined ? {} : { unreadable }),
    octets,
  };
}

/** Of a directory that was moved, its own first record tells how long it is. */
async function movedSize(tree: Tree, block: number): Promise<number> {
  const sector = await tree.file.read(block * tree.blockLen, SECTOR_LEN, "a directory");
  return parseIsoRecord(sector, 0)?.size ?? 0;
}

function whyUnreadable(record: IsoRecord, fields: RockRidge): string | undefined {
  if (record.isInterleaved) return "is interleaved, which is not supported";
  if (fields.isCompressed) return "is compressed (zisofs), which is not supported";
  return undefined;
}

function kindOf(fields: RockRidge): EntryKind {
  if (fields.link !== undefined) return "symlink";
  const type = (fields.mode ?? 0o100000) & 0o170000;
  return type === 0o100000 || type === 0 ? "file" : "special";
}
