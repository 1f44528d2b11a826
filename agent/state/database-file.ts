import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { PageWalk } from "./page-walk.ts";

/*
 * The first two pages of an LMDB file are its meta pages (mdb.c, MDB_meta), each after a page header of 24 octets:
 * magic 4, version 4, address 8, map size 8, two tree heads of 48 octets (the first begins with the page size), last page
 * number 8, transaction 8.
 */
const PAGE_HEADER = 24;
const MAGIC = PAGE_HEADER;
const VERSION = PAGE_HEADER + 4;
const PAGE_SIZE = PAGE_HEADER + 24;
const FREE_ROOT = PAGE_HEADER + 64;
const MAIN_ROOT = PAGE_HEADER + 112;
const LAST_PAGE = PAGE_HEADER + 120;
const TXN = PAGE_HEADER + 128;
const META_END = PAGE_HEADER + 136;

const MDB_MAGIC = 0xbeefc0de;
const MDB_VERSION = 2;
const MIN_PAGE = 512;
const MAX_PAGE = 65_536;

/** Walks that other processes' commits may spoil before it is left at that. */
const MOST_WALKS = 3;

/**
 * Looks at a database file before LMDB maps it: LMDB trusts what it maps, and ends the process with a signal when the file
 * is shorter than its meta pages say or is something else. With `deep` every page in use is looked at too.
 *
 * Returns what is wrong, in words; undefined when it can be opened, or is not there yet. Throws what the system says when it cannot be read.
 */
export function databaseFault(file: string, deep: boolean): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    // LMDB makes a new database in an empty file: a crash just after it was created leaves one.
    if (size === 0) return undefined;
    const meta = newestMeta(fd, size);
    if (typeof meta === "string" || !deep) return typeof meta === "string" ? meta : undefined;
    return walkFault(fd, size, meta);
  } finally {
    closeSync(fd);
  }
}

/** A fault that is still there when no other process wrote meanwhile. */
function walkFault(fd: number, size: number, first: Meta): string | undefined {
  let meta = first;
  for (let n = 0; n < MOST_WALKS; n++) {
    const fault = new PageWalk(fd, meta).fault([meta.freeRoot, meta.mainRoot]);
    const after = newestMeta(fd, size);
    if (fault === undefined || typeof after === "string" || after.txn === meta.txn) return fault;
    meta = after;
  }
  return undefined;
}

/** The meta page that counts, or what is wrong. */
function newestMeta(fd: number, size: number): Meta | string {
  const first = metaAt(fd, 0);
  if (typeof first === "string") return first;
  const second = metaAt(fd, first.pageSize);
  if (typeof second === "string") return second;
  if (second.pageSize !== first.pageSize) return "its two meta pages do not agree";
  const newest = first.txn > second.txn ? first : second;
  const needed = (newest.lastPage + 1) * newest.pageSize;
  if (size < needed) return `it has ${size} octets, but ${needed} belong to it`;
  return newest;
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly txn: number;
  readonly freeRoot: bigint;
  readonly mainRoot: bigint;
}

function metaAt(fd: number, at: number): Meta | string {
  const page = new DataView(new ArrayBuffer(META_END));
  if (readSync(fd, page, 0, META_END, at) < META_END) return "it ends within its meta pages";
  if (page.getUint32(MAGIC, true) !== MDB_MAGIC) return "it is not an LMDB database";
  const version = page.getUint32(VERSION, true);
  if (version !== MDB_VERSION) return `it has LMDB format ${version}, not ${MDB_VERSION}`;
  const pageSize = page.getUint32(PAGE_SIZE, true);
  if (pageSize < MIN_PAGE || pageSize > MAX_PAGE || (pageSize & (pageSize - 1)) !== 0) {
    return `its page size is ${pageSize}`;
  }
  return {
    pageSize,
    lastPage: Number(page.getBigUint64(LAST_PAGE, true)),
    txn: Number(page.getBigUint64(TXN, true)),
    freeRoot: page.getBigUint64(FREE_ROOT, true),
    mainRoot: page.getBigUint64(MAIN_ROOT, true),
  };
}
