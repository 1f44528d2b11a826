import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { RpcTransport } from "../rpc/program.ts";

/** Octets of the arguments that are looked at: a client that uses an xid anew changes something near the start. */
const SUMMED_LEN = 256;

/** Bounds of what is remembered. */
export interface DuplicateLimits {
  readonly entries: number;
  /** Of all results. */
  readonly octets: number;
  readonly ageMs: number;
}

/** A call as its retransmission repeats it. */
export interface RepeatableCall {
  readonly src: Ipv4;
  readonly srcPort: number;
  readonly transport: RpcTransport;
  readonly xid: number;
  readonly proc: number;
}

interface Remembered {
  readonly results: Uint8Array;
  readonly atMs: number;
}

/**
 * What was answered to calls that must not be done twice (Juszczak, "Improving the Performance and Correctness of an NFS Server",
 * 1989; RFC 1813 section 4.2 says the same of version 3).
 *
 * A REMOVE whose answer was lost comes again, and would be told that there is no such file. It gets its first answer instead. A
 * machine without sockets and clocks: the time is an argument. What was used longest ago makes room.
 */
export class DuplicateRequests {
  private readonly limits: DuplicateLimits;
  private readonly known = new Map<string, Remembered>();
  private octets = 0;

  constructor(limits: DuplicateLimits) {
    this.limits = limits;
  }

  /** Answers that are remembered. */
  get size(): number {
    return this.known.size;
  }

  /** The results of this call if it was answered before; good until the next call of `remember`. */
  find(key: string, nowMs: number): Uint8Array | undefined {
    const found = this.known.get(key);
    if (!found) return undefined;
    this.known.delete(key);
    if (nowMs - found.atMs > this.limits.ageMs) {
      this.octets -= found.results.length;
      return undefined;
    }
    this.known.set(key, found);
    return found.results;
  }

  /** Remembers results, which are the cache's own from now on. */
  remember(key: string, results: Uint8Array, nowMs: number): void {
    this.drop(key);
    this.known.set(key, { results, atMs: nowMs });
    this.octets += results.length;
    while (this.known.size > this.limits.entries || this.octets > this.limits.octets) {
      const oldest = this.known.keys().next().value;
      if (oldest === undefined) return;
      this.drop(oldest);
    }
  }

  private drop(key: string): void {
    const found = this.known.get(key);
    if (!found) return;
    this.known.delete(key);
    this.octets -= found.results.length;
  }
}

/** What a call and its retransmission have in common, and no other call. `len` octets of arguments are at `at`. */
export function duplicateKey(c: RepeatableCall, o: Octets, at: number, len: number): string {
  const sum = checksum(o, at, Math.min(len, SUMMED_LEN));
  return `${c.transport} ${c.src} ${c.srcPort} ${c.xid} ${c.proc} ${len} ${sum}`;
}

/** FNV-1a over words; what is behind the last whole word does not count. */
function checksum({ dv }: Octets, at: number, len: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i + 4 <= at + len; i += 4) {
    hash = Math.imul(hash ^ dv.getUint32(i), 0x01000193);
  }
  return hash >>> 0;
}
