import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Datagram } from "../../link/datagram.ts";
import { peerKey } from "./peer.ts";

/** How much may wait. */
export interface WaitingLimits {
  readonly requests: number;
  /** Of all of them together. */
  readonly octets: number;
  readonly perMachine: number;
}

/**
 * Who has not repeated its request for so long is no longer listening, ms: most firmware repeats a read within 5 s, iPXE within 10.
 */
export const STALE_MS = 12_000;
/** The stale ones are looked for no oftener, ms: not for each packet of a flood. */
const SWEEP_MS = 1_000;

interface Entry {
  d: Datagram;
  readonly sinceMs: number;
  askedMs: number;
}

/** A request whose turn has come. */
export interface Turn {
  readonly d: Datagram;
  /** Since it was first asked, ms. */
  readonly waitedMs: number;
}

/**
 * Requests that wait until a transfer ends, first come first served, by the port they came from.
 *
 * A repetition keeps its place, and the newest form is the one that is served. Without them the next transfer would belong to
 * who happens to ask next, and firmware that asks seldom would starve.
 */
export class WaitingRequests {
  private readonly limits: WaitingLimits;
  private readonly now: () => number;
  /** In the order in which they came: what is set again keeps its place. */
  private readonly entries = new Map<number, Entry>();
  private readonly perMachine = new Map<Ipv4, number>();
  private octets = 0;
  private sweptMs = Number.NEGATIVE_INFINITY;

  constructor(limits: WaitingLimits, now: () => number) {
    this.limits = limits;
    this.now = now;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Copies the request. "full": it does not wait, as many do as may. `own`: transfers that its machine has already. */
  put(
    { octets, at, len, src, srcPort, broadcast }: Datagram,
    own: number,
  ): "new" | "again" | "full" {
    const key = peerKey(src, srcPort);
    const nowMs = this.now();
    const known = this.entries.get(key);
    const isNew = !known || isStale(known, nowMs);
    if (isNew) {
      this.remove(key);
      this.sweep(nowMs);
      const { requests, perMachine } = this.limits;
      if (this.entries.size >= requests) return "full";
      if (own + (this.perMachine.get(src) ?? 0) >= perMachine) return "full";
    }
    if (this.octets + len - (isNew ? 0 : known.d.len) > this.limits.octets) return "full";
    // The lane's memory is a Buffer, whose `slice` is no copy.
    const copy = new Octets(Uint8Array.from(octets.u8.subarray(at, at + len)));
    const d: Datagram = { octets: copy, at: 0, len, src, srcPort, broadcast };
    this.octets += len;
    if (!isNew) {
      this.octets -= known.d.len;
      known.d = d;
      known.askedMs = nowMs;
      return "again";
    }
    this.entries.set(key, { d, sinceMs: nowMs, askedMs: nowMs });
    this.perMachine.set(src, (this.perMachine.get(src) ?? 0) + 1);
    return "new";
  }

  /** Takes the oldest whose client still listens. */
  take(): Turn | undefined {
    const nowMs = this.now();
    for (const [key, entry] of this.entries) {
      this.remove(key);
      if (!isStale(entry, nowMs)) return { d: entry.d, waitedMs: nowMs - entry.sinceMs };
    }
    return undefined;
  }

  /** Who asked is answered otherwise. */
  drop({ src, srcPort }: Datagram): void {
    if (this.entries.size > 0) this.remove(peerKey(src, srcPort));
  }

  clear(): void {
    this.entries.clear();
    this.perMachine.clear();
    this.octets = 0;
  }

  private sweep(nowMs: number): void {
    if (nowMs - this.sweptMs < SWEEP_MS) return;
    this.sweptMs = nowMs;
    for (const [key, entry] of this.entries) if (isStale(entry, nowMs)) this.remove(key);
  }

  private remove(key: number): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    const { src, len } = entry.d;
    this.entries.delete(key);
    this.octets -= len;
    const left = (this.perMachine.get(src) ?? 1) - 1;
    if (left > 0) this.perMachine.set(src, left);
    else this.perMachine.delete(src);
  }
}

function isStale({ askedMs }: Entry, nowMs: number): boolean {
  return nowMs - askedMs >= STALE_MS;
}
