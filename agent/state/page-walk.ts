import { readSync } from "node:fs";

/*
 * Pages as mdb.c has them. Header: page number 8, transaction 8, pad 2, flags 2, then either the ends of the table of nodes
 * and of the free space, 2 each, or the number of overflow pages, 4. The table holds offsets from the end of the header.
 * Node: low 2, high 2, flags 2, length of the key 2, key, data. In a branch, low, high and flags are the page below.
 */
const HEADER = 24;
const FLAGS = 18;
const LOWER = 20;
const UPPER = 22;
const OVERFLOW_COUNT = 20;
const NODE = 8;

const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const KINDS: number = BRANCH | LEAF | OVERFLOW;

const BIG_DATA = 0x01;
const SUB_DATA = 0x02;
const DUP_DATA = 0x04;
/** A tree's head: its root is the last of its 48 octets. */
const HEAD_LEN = 48;
const HEAD_ROOT = 40;
/** An overflow reference: page, transaction, number of pages. */
const REFERENCE_LEN = 24;
const REFERENCE_COUNT = 16;

const NO_ROOT = 0xffff_ffff_ffff_ffffn;
const MOST_DEPTH = 40;

/** What of a database's meta page the walk needs. */
export interface WalkBounds {
  /** Octets. */
  readonly pageSize: number;
  readonly lastPage: number;
}

/**
 * Looks at each page of a database's trees for what LMDB would follow out of the file: wrong numbers, kinds and lengths.
 * Values are not looked at.
 */
export class PageWalk {
  private readonly fd: number;
  private readonly bounds: WalkBounds;
  private visited = 0;

  constructor(fd: number, bounds: WalkBounds) {
    this.fd = fd;
    this.bounds = bounds;
  }

  /** What is wrong in the trees of these roots; undefined: nothing. */
  fault(roots: readonly bigint[]): string | undefined {
    for (const root of roots) {
      const fault = root === NO_ROOT ? undefined : this.page(Number(root), 0);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  private page(number: number, depth: number): string | undefined {
    const { pageSize, lastPage } = this.bounds;
    // More pages than there are: a branch that leads back up.
    if (depth > MOST_DEPTH || this.visited++ > lastPage) return `page ${number} is in a loop`;
    const page = this.read(number, pageSize);
    const kind = page ? kindOf(page, number) : undefined;
    if (!page || (kind !== BRANCH && kind !== LEAF)) return `page ${number} is not one of a tree`;
    const lower = page.getUint16(LOWER, true);
    const upper = page.getUint16(UPPER, true);
    if (lower % 2 !== 0 || lower > upper || upper > pageSize - HEADER) {
      return `page ${number} has wrong bounds`;
    }
    for (let at = HEADER; at < HEADER + lower; at += 2) {
      const node = HEADER + page.getUint16(at, true);
      const fault =
        node + NODE > pageSize
          ? `page ${number} has a node outside of it`
          : this.node(page, node, kind === BRANCH, number, depth);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  private node(
    page: DataView,
    at: number,
    branch: boolean,
    number: number,
    depth: number,
  ): string | undefined {
    const low = page.getUint32(at, true);
    const flags = page.getUint16(at + 4, true);
    const data = at + NODE + page.getUint16(at + 6, true);
    if (branch) {
      if (data > page.byteLength) return `page ${number} has a key that is too long`;
      return this.page(low + flags * 0x1_0000_0000, depth + 1);
    }
    const big = (flags & BIG_DATA) !== 0;
    if (data + (big ? REFERENCE_LEN : low) > page.byteLength) {
      return `page ${number} has a record that is too long`;
    }
    if (big) return this.overflow(page, data, low);
    if ((flags & SUB_DATA) === 0) {
      return (flags & DUP_DATA) === 0 ? undefined : `page ${number} has a record of no known kind`;
    }
    if (low !== HEAD_LEN) return `page ${number} has a table with a wrong head`;
    const root = page.getBigUint64(data + HEAD_ROOT, true);
    return root === NO_ROOT ? undefined : this.page(Number(root), depth + 1);
  }

  /** A value that has pages of its own. */
  private overflow(page: DataView, reference: number, len: number): string | undefined {
    const { pageSize, lastPage } = this.bounds;
    const first = Number(page.getBigUint64(reference, true));
    const count = Number(page.getBigUint64(reference + REFERENCE_COUNT, true));
    const header = this.read(first, HEADER);
    const fits = HEADER + len <= count * pageSize && first + count - 1 <= lastPage;
    if (!header || kindOf(header, first) !== OVERFLOW || !fits) {
      return `page ${first} is not the long record that it should be`;
    }
    return header.getUint32(OVERFLOW_COUNT, true) === count
      ? undefined
      : `page ${first} has another length than its record`;
  }

  /** The beginning of a page; undefined when there is no such page. */
  private read(number: number, len: number): DataView | undefined {
    const { pageSize, lastPage } = this.bounds;
    if (number < 2 || number > lastPage) return undefined;
    const page = new DataView(new ArrayBuffer(len));
    return readSync(this.fd, page, 0, len, number * pageSize) === len ? page : undefined;
  }
}

/** The kind of a page that says it has this number; undefined: it says another one. */
function kindOf(page: DataView, number: number): number | undefined {
  if (Number(page.getBigUint64(0, true)) !== number) return undefined;
  return page.getUint16(FLAGS, true) & KINDS;
}
