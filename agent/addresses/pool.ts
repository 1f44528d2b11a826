import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { AddressRange } from "../site/site.ts";
import type { LeaseSeconds } from "./lease.ts";

/** Octets of a pool's tables for each address. */
export const POOL_ENTRY_LEN = 17;

/** The queues that an address can stand in; each holds its addresses in the order in which they came to it. */
const FREE = 0;
const OFFERED = 1;
const QUEUES = 4;
/** In no queue: never given to anybody. */
const LEFT_OUT = 255;
const NONE = -1;

export type PoolState = "free" | "offered" | "bound" | "declined";
/** By the number of their queue. */
const STATES: readonly PoolState[] = ["free", "offered", "bound", "declined"];

/**
 * The addresses of a pool and what each is used for, in tables of fixed size.
 *
 * Every operation takes constant time, however large the pool: addresses stand in queues that are linked through arrays, and
 * those of a queue end in about the order in which they came to it. Of the free ones that which was used longest ago is taken
 * first, so that a client that returns finds its old address.
 */
export class Pool {
  /** Addresses that can be given. */
  readonly size: number;
  private readonly ranges: readonly AddressRange[];
  /** Where each range begins in the tables. */
  private readonly starts: readonly number[];
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly queue: Uint8Array;
  private readonly endsS: Float64Array;
  private readonly heads: Int32Array = new Int32Array(QUEUES).fill(NONE);
  private readonly tails: Int32Array = new Int32Array(QUEUES).fill(NONE);
  private readonly counts: Int32Array = new Int32Array(QUEUES);

  /** `ranges` do not overlap. `without`: addresses within the ranges that are not to be given: reservations, ours, routers. */
  constructor(ranges: readonly AddressRange[], without: ReadonlySet<Ipv4> = new Set()) {
    this.ranges = ranges;
    const starts: number[] = [];
    let all = 0;
    for (const { first, last } of ranges) {
      starts.push(all);
      all += (last >>> 0) - (first >>> 0) + 1;
    }
    this.starts = starts;
    this.next = new Int32Array(all);
    this.previous = new Int32Array(all);
    this.queue = new Uint8Array(all);
    this.endsS = new Float64Array(all);
    for (const address of without) {
      const i = this.indexOf(address);
      if (i !== NONE) this.queue[i] = LEFT_OUT;
    }
    let size = 0;
    for (let i = 0; i < all; i++) {
      if (this.queue[i] === LEFT_OUT) continue;
      this.append(i, FREE);
      size += 1;
    }
    this.size = size;
  }

  has(address: Ipv4): boolean {
    return this.indexOf(address) !== NONE;
  }

  /** Undefined: not of this pool. */
  stateOf(address: Ipv4): PoolState | undefined {
    const i = this.indexOf(address);
    return i === NONE ? undefined : STATES[this.queue[i] ?? FREE];
  }

  count(state: PoolState): number {
    return this.counts[STATES.indexOf(state)] ?? 0;
  }

  /** The free address that was used longest ago; undefined when there is none. It stays free until it is put elsewhere. */
  longestFree(): Ipv4 | undefined {
    return this.headOf(FREE);
  }

  /** Puts an address where it belongs now, at the end of that queue. An address that is not of the pool is left alone. */
  put(address: Ipv4, state: PoolState, endsS: LeaseSeconds): void {
    const i = this.indexOf(address);
    if (i === NONE) return;
    this.remove(i);
    this.endsS[i] = endsS;
    this.append(i, STATES.indexOf(state));
  }

  /** The address that came to be in a state first, if its time is over at `nowS`. */
  firstOver(state: Exclude<PoolState, "free">, nowS: LeaseSeconds): Ipv4 | undefined {
    const head = this.heads[STATES.indexOf(state)] ?? NONE;
    if (head === NONE || (this.endsS[head] ?? 0) > nowS) return undefined;
    return this.addressOf(head);
  }

  /** The address that was offered first of those that are, whether or not its time is over. */
  firstOffered(): Ipv4 | undefined {
    return this.headOf(OFFERED);
  }

  private headOf(queue: number): Ipv4 | undefined {
    const head = this.heads[queue] ?? NONE;
    return head === NONE ? undefined : this.addressOf(head);
  }

  private indexOf(address: Ipv4): number {
    const a = address >>> 0;
    for (let n = 0; n < this.ranges.length; n++) {
      const range = this.ranges[n];
      if (!range || a < range.first >>> 0 || a > range.last >>> 0) continue;
      const i = (this.starts[n] ?? 0) + a - (range.first >>> 0);
      return this.queue[i] === LEFT_OUT ? NONE : i;
    }
    return NONE;
  }

  private addressOf(index: number): Ipv4 {
    for (let n = this.ranges.length - 1; n >= 0; n--) {
      const start = this.starts[n] ?? 0;
      const range = this.ranges[n];
      if (range && index >= start) return ((range.first >>> 0) + index - start) | 0;
    }
    throw new RangeError(`no address ${index} in a pool of ${this.size}`);
  }

  private append(i: number, queue: number): void {
    const tail = this.tails[queue] ?? NONE;
    this.queue[i] = queue;
    this.previous[i] = tail;
    this.next[i] = NONE;
    if (tail === NONE) this.heads[queue] = i;
    else this.next[tail] = i;
    this.tails[queue] = i;
    this.counts[queue] = (this.counts[queue] ?? 0) + 1;
  }

  private remove(i: number): void {
    const queue = this.queue[i] ?? FREE;
    const before = this.previous[i] ?? NONE;
    const after = this.next[i] ?? NONE;
    if (before === NONE) this.heads[queue] = after;
    else this.next[before] = after;
    if (after === NONE) this.tails[queue] = before;
    else this.previous[after] = before;
    this.counts[queue] = (this.counts[queue] ?? 0) - 1;
  }
}
