import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/*
 * The first two pages of an LMDB file are its meta pages (mdb.c, MDB_meta), each after a page header of 24 octets:
 * magic 4, version 4, address 8, map size 8, two tree heads of 48 octets (the first begins with the page size), last page
 * number 8, transaction 8.
 */
const PAGE_HEADER = 24;
const MAGIC = PAGE_HEADER;
const VERSION = PAGE_HEADER + 4;
const PAGE_SIZE = PAGE_HEADER + 24;
const LAST_PAGE = PAGE_HEADER + 120;
const TXN = PAGE_HEADER + 128;
const META_END = PAGE_HEADER + 136;

const MDB_MAGIC = 0xbeefc0de;
const MDB_VERSION = 2;
const MIN_PAGE = 512;
const MAX_PAGE = 65_536;

/**
 * Looks at a database file before LMDB maps it: LMDB trusts what it maps, and ends the process with a signal when the file
 * is shorter than its meta pages say or is something else.
 *
 * Returns what is wrong, in words; undefined when it can be opened, or is not there yet. Throws what the system says when it cannot be read.
 */
export function databaseFault(file: string): string | undefined {
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
    return metaFault(fd, size);
  } finally {
    closeSync(fd);
  }
}

function metaFault(fd: number, size: number): string | undefined {
  const first = metaAt(fd, 0);
  if (typeof first === "string") return first;
  const second = metaAt(fd, first.pageSize);
  if (typeof second === "string") return second;
  if (second.pageSize !== first.pageSize) return "its two meta pages do not agree";
  const newest = first.txn > second.txn ? first : second;
  const needed = (newest.lastPage + 1n) * BigInt(newest.pageSize);
  if (BigInt(size) < needed) return `it has ${size} octets, but ${needed} belong to it`;
  return undefined;
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly txn: bigint;
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
    lastPage: page.getBigUint64(LAST_PAGE, true),
    txn: page.getBigUint64(TXN, true),
  };
}
