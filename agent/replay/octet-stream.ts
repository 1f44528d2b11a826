import type { Octets } from "../../protocols/wire/octets.ts";

/** What is kept of segments that came before those in front of them. */
const MAX_HELD_LEN = 262_144;
const MAX_HELD = 256;
/** Segments this far off are of another life of the connection. */
const MAX_DISTANCE = 0x4000_0000;

/** What a direction hands out, in order. */
export interface StreamEvents {
  data(octets: Uint8Array): void;
  /** `len` octets that the capture lacks. */
  gap(len: number): void;
}

interface Held {
  readonly seq: number;
  readonly octets: Uint8Array;
  readonly lost: number;
}

/**
 * One direction of a TCP connection: its octets in order, and the holes that the capture has.
 *
 * A hole is one when the other end has acknowledged it, or when too much waits behind it. What is sent again is not handed
 * out twice.
 */
export class OctetStream {
  private readonly events: StreamEvents;
  private readonly held: Held[] = [];
  private heldLen = 0;
  private nextSeq = 0;
  private begun = false;

  constructor(events: StreamEvents) {
    this.events = events;
  }

  /** The stream begins at `seq`. */
  begin(seq: number): void {
    this.begun = true;
    this.nextSeq = seq;
    this.held.length = 0;
    this.heldLen = 0;
  }

  /** Takes a segment; the octets are valid only now. `lost`: what the capture cut off at its end. */
  take(seq: number, o: Octets, at: number, len: number, lost: number): void {
    if (len + lost === 0) return;
    if (!this.begun) this.begin(seq);
    const ahead = (seq - this.nextSeq) | 0;
    if (Math.abs(ahead) > MAX_DISTANCE) return;
    const octets = o.u8.subarray(at, at + len);
    if (ahead <= 0) {
      this.pass({ seq, octets, lost });
      this.drain();
      return;
    }
    this.hold({ seq, octets: octets.slice(), lost });
    if (this.held.length > MAX_HELD || this.heldLen > MAX_HELD_LEN) this.skip();
  }

  /** The other end has everything before `ack`: what is missing of it will not come any more. */
  acknowledged(ack: number): void {
    while (this.held.length > 0 && ((ack - this.nextSeq) | 0) > 0) this.skip();
  }

  /** No further segment will come. */
  end(): void {
    while (this.held.length > 0) this.skip();
  }

  private hold(segment: Held): void {
    const { held } = this;
    let i = held.length;
    while (i > 0 && (((held[i - 1]?.seq ?? 0) - segment.seq) | 0) > 0) i--;
    held.splice(i, 0, segment);
    this.heldLen += segment.octets.length;
  }

  /** Goes on behind the hole in front of the first segment kept. */
  private skip(): void {
    const first = this.held[0];
    if (first === undefined) return;
    const len = (first.seq - this.nextSeq) | 0;
    this.nextSeq = first.seq;
    if (len > 0) this.events.gap(len);
    this.drain();
  }

  private drain(): void {
    const { held } = this;
    for (let first = held[0]; first !== undefined; first = held[0]) {
      if (((first.seq - this.nextSeq) | 0) > 0) return;
      held.shift();
      this.heldLen -= first.octets.length;
      this.pass(first);
    }
  }

  /** Hands out what is new in a segment that does not begin behind what comes next. */
  private pass({ seq, octets, lost }: Held): void {
    const seen = (this.nextSeq - seq) | 0;
    const fresh = octets.length + lost - seen;
    if (fresh <= 0) return;
    this.nextSeq = (this.nextSeq + fresh) | 0;
    if (seen < octets.length) this.events.data(octets.subarray(seen));
    const hole = Math.min(lost, fresh);
    if (hole > 0) this.events.gap(hole);
  }
}
