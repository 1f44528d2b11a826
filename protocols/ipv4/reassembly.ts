import { NO_OCTETS, Octets } from "../wire/octets.ts";
import type { Ipv4View } from "./packet.ts";

/** Fragment offsets count in units of this many octets (RFC 791 section 3.1). */
const UNIT = 8;
/** The largest payload of a packet: 65535 octets less the shortest header, in whole units. */
const MAX_PAYLOAD_LEN = 65_520;
const MAX_UNITS: number = MAX_PAYLOAD_LEN / UNIT;
/** RFC 1122 section 3.3.2 asks for 60 to 120 s; what is late by half a minute is sent again by every boot client. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** What became of a fragment. */
export const Reassembled = {
  /** It was kept; others are missing. */
  Waiting: 0,
  /** It was the last one that was missing: `octets`, `at` and `len` hold the payload. */
  Complete: 1,
  /** It contradicts itself or the fragments before it and was dropped. */
  Refused: 2,
} as const;

export type Reassembled = (typeof Reassembled)[keyof typeof Reassembled];

/** Bounds of a reassembler. */
export interface ReassemblyLimits {
  /** Packets that may be incomplete at a time; each takes 65 KiB once it was used. The oldest gives way. */
  readonly packets: number;
  /** How long a packet may stay incomplete, from its first fragment on; 30 s unless told. */
  readonly timeoutMs?: number;
}

/**
 * Puts fragmented packets together again (RFC 791 section 3.2), in a bounded number of slabs that are used over and over.
 *
 * NFS over UDP is what needs it: Linux reads 8192 octets in one datagram of six fragments. Fragments may come in any order
 * and more than once. Where two overlap, the octets that came first stay, so nothing that was checked is replaced later.
 *
 *     empty --first fragment--> waiting --all octets there--> complete (until the next call) --> empty
 *                                  `--timeout, or its slab is needed--> empty
 */
export class Ipv4Reassembler {
  /** Where the payload of the packet that was completed last lies. Valid until the next call of `add`. */
  octets: Octets = NO_OCTETS;
  readonly at: number = 0;
  len = 0;
  /** Packets that were given up: too late, or too many at a time. */
  abandoned = 0;
  private readonly slots: readonly Slot[];
  private readonly timeoutMs: number;

  constructor(limits: ReassemblyLimits) {
    this.slots = Array.from({ length: limits.packets }, () => new Slot());
    this.timeoutMs = limits.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** Takes the fragment that `v`, pointed into `o`, shows. `nowMs` is any clock that does not run backwards. */
  add(v: Ipv4View, o: Octets, nowMs: number): Reassembled {
    const { fragmentOffset, payloadLen, moreFragments } = v;
    const end = fragmentOffset + payloadLen;
    if (payloadLen === 0 || end > MAX_PAYLOAD_LEN) return Reassembled.Refused;
    if (moreFragments && payloadLen % UNIT !== 0) return Reassembled.Refused;
    const slot = this.slotOf(v, nowMs);
    if (!slot.accepts(end, moreFragments)) return Reassembled.Refused;
    slot.put(o, v.payloadAt, fragmentOffset, payloadLen, moreFragments);
    if (!slot.isComplete) return Reassembled.Waiting;
    this.octets = slot.octets;
    this.len = slot.total;
    slot.used = false;
    return Reassembled.Complete;
  }

  private slotOf(v: Ipv4View, nowMs: number): Slot {
    const { src, dst, id, protocol } = v;
    let free: Slot | undefined;
    let oldest: Slot | undefined;
    for (const slot of this.slots) {
      if (slot.used && nowMs - slot.sinceMs > this.timeoutMs) {
        slot.used = false;
        this.abandoned += 1;
      }
      if (!slot.used) free ??= slot;
      else if (slot.is(src, dst, id, protocol)) return slot;
      else if (oldest === undefined || slot.sinceMs < oldest.sinceMs) oldest = slot;
    }
    if (free === undefined) this.abandoned += 1;
    // There is at least one slot, and it is free or used.
    const slot = free ?? oldest ?? new Slot();
    slot.begin(src, dst, id, protocol, nowMs);
    return slot;
  }
}

/** One packet that is being put together. */
class Slot {
  used = false;
  sinceMs = 0;
  octets: Octets = NO_OCTETS;
  /** Octets of the whole payload; 0 while the last fragment is missing. */
  total = 0;
  private src = 0;
  private dst = 0;
  private id = 0;
  private protocol = 0;
  /** Units that have come. */
  private units = 0;
  /** One octet for each unit: 1 when it has come. */
  private present: Uint8Array = NO_OCTETS.u8;
  /** Offset behind the octet that came farthest. */
  private reach = 0;

  get isComplete(): boolean {
    return this.total > 0 && this.units === Math.ceil(this.total / UNIT);
  }

  is(src: number, dst: number, id: number, protocol: number): boolean {
    return this.id === id && this.src === src && this.dst === dst && this.protocol === protocol;
  }

  begin(src: number, dst: number, id: number, protocol: number, nowMs: number): void {
    if (this.octets === NO_OCTETS) {
      this.octets = Octets.alloc(MAX_PAYLOAD_LEN);
      this.present = new Uint8Array(MAX_UNITS);
    }
    this.used = true;
    this.sinceMs = nowMs;
    this.src = src;
    this.dst = dst;
    this.id = id;
    this.protocol = protocol;
    this.present.fill(0, 0, Math.ceil(this.reach / UNIT));
    this.units = this.total = this.reach = 0;
  }

  /** Whether a fragment that ends at `end` agrees with the length of the packet, as far as it is known. */
  accepts(end: number, moreFragments: boolean): boolean {
    if (moreFragments) return this.total === 0 || end < this.total;
    return this.total === 0 ? end >= this.reach : end === this.total;
  }

  put(o: Octets, from: number, offset: number, len: number, moreFragments: boolean): void {
    const { present } = this;
    const target = this.octets.u8;
    const end = offset + len;
    for (let to = offset; to < end; to += UNIT) {
      const unit = to / UNIT;
      if (present[unit] === 1) continue;
      present[unit] = 1;
      this.units += 1;
      const stop = Math.min(to + UNIT, end);
      for (let i = to; i < stop; i++) target[i] = o.u8[from + i - offset] ?? 0;
    }
    if (end > this.reach) this.reach = end;
    if (!moreFragments) this.total = end;
  }
}
