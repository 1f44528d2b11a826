import { RecordReader } from "../../protocols/sunrpc/record.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";

/** The longest RPC message that is followed: a READ of 1 MiB and what is around it. */
const MAX_RECORD = 1_114_112;
/** What is kept of segments that came before those in front of them. */
const MAX_HELD_LEN = 262_144;
const MAX_HELD = 256;
/** A hole of more than this is no reordering: the capture lacks these segments. */
const MAX_HOLE = 1_048_576;
/** Segments this far behind are of another life of the connection. */
const MAX_BEHIND = 0x4000_0000;

/** What a stream hands out. */
export interface StreamHandler {
  /** A message, whole. */
  record(o: Octets, at: number, len: number): void;
  /** The beginning of a message of which the rest is not in the capture. */
  broken(o: Octets, at: number, len: number): void;
  /** The stream was in step and then held something that is no record. */
  lost(status: Status): void;
  /** Whether a record seems to start here. */
  isStart(o: Octets, at: number, len: number): boolean;
}

interface Held {
  readonly seq: number;
  readonly octets: Octets;
}

/**
 * One direction of a TCP connection that carries RPC: brings its segments into order and cuts it into records.
 *
 *     searching --a segment that begins with a record--> in step
 *     in step --a hole that will not be filled, a segment cut off, rubbish--> searching
 *
 * It starts in step where the SYN was seen. Octets that came first stay: what is sent again is not looked at twice.
 */
export class TcpStream {
  private readonly reader: RecordReader = new RecordReader(MAX_RECORD);
  private readonly held: Held[] = [];
  private heldLen = 0;
  private nextSeq = 0;
  private inStep = false;
  /** How far the other end has acknowledged. */
  private acked = 0;
  private hasAck = false;

  /** Begins anew at `seq`, the first octet of the stream. */
  begin(seq: number): void {
    this.reader.reset();
    this.forgetHeld();
    this.nextSeq = seq;
    this.inStep = true;
    this.hasAck = false;
  }

  /** Begins in the middle, at `seq`. */
  join(seq: number): void {
    this.begin(seq);
    this.inStep = false;
  }

  /** Whether this is where the stream began, or where it is: a repeated SYN. */
  isAt(seq: number): boolean {
    return this.nextSeq === seq;
  }

  /** Takes an acknowledgement of the other end. What it has and the capture has not will not come any more. */
  acknowledge(ack: number, handler: StreamHandler): void {
    this.acked = ack;
    this.hasAck = true;
    if (this.held.length > 0 && this.isHoleAcknowledged) this.passHole(handler);
  }

  /** Takes a segment. `lost`: octets at its end that were not captured. */
  take(
    seq: number,
    o: Octets,
    at: number,
    len: number,
    lost: number,
    handler: StreamHandler,
  ): void {
    const ahead = (seq - this.nextSeq) | 0;
    if (!this.inStep || ahead < -MAX_BEHIND || ahead > MAX_HOLE) {
      this.restart(seq, o, at, len, lost, handler);
    } else if (ahead > 0) {
      if (this.isHoleAcknowledged && this.held.length === 0) {
        this.restart(seq, o, at, len, lost, handler);
        return;
      }
      if (lost === 0) this.hold(seq, o, at, len);
      if (this.held.length > MAX_HELD || this.heldLen > MAX_HELD_LEN) this.passHole(handler);
    } else if (len + lost > -ahead) {
      const seen = Math.min(-ahead, len);
      this.feed(o, at + seen, len - seen, lost - (-ahead - seen), handler);
      this.drain(handler);
    }
  }

  /** At the end of the capture: no hole will be filled any more. */
  end(handler: StreamHandler): void {
    while (this.held.length > 0) this.passHole(handler);
  }

  private get isHoleAcknowledged(): boolean {
    return this.hasAck && ((this.acked - this.nextSeq) | 0) > 0;
  }

  /** Goes on at a segment that does not continue what there is. */
  private restart(
    seq: number,
    o: Octets,
    at: number,
    len: number,
    lost: number,
    handler: StreamHandler,
  ): void {
    this.breakOff(handler);
    this.forgetHeld();
    this.nextSeq = seq;
    this.feed(o, at, len, lost, handler);
  }

  /** Feeds what comes next in the stream. */
  private feed(o: Octets, at: number, len: number, lost: number, handler: StreamHandler): void {
    this.nextSeq = (this.nextSeq + len + lost) | 0;
    if (!this.inStep && !handler.isStart(o, at, len)) return;
    this.inStep = true;
    const status = this.reader.feed(o, at, len, handler.record);
    if (status !== Status.Ok) {
      this.reader.reset();
      this.inStep = false;
      handler.lost(status);
    } else if (lost > 0) this.breakOff(handler);
  }

  /** Keeps a copy of a segment that is early, in order of the stream. */
  private hold(seq: number, o: Octets, at: number, len: number): void {
    const { held } = this;
    let i = held.length;
    while (i > 0 && (((held[i - 1]?.seq ?? 0) - seq) | 0) > 0) i--;
    if (held[i - 1]?.seq === seq && (held[i - 1]?.octets.u8.length ?? 0) >= len) return;
    held.splice(i, 0, { seq, octets: new Octets(o.u8.slice(at, at + len)) });
    this.heldLen += len;
  }

  /** Feeds the segments kept that follow now. */
  private drain(handler: StreamHandler): void {
    const { held } = this;
    for (let first = held[0]; first !== undefined; first = held[0]) {
      const ahead = (first.seq - this.nextSeq) | 0;
      if (ahead > 0) return;
      held.shift();
      const { octets } = first;
      const len = octets.u8.length;
      this.heldLen -= len;
      if (len > -ahead) this.feed(octets, -ahead, len + ahead, 0, handler);
    }
  }

  /** Gives up on what lies in front of the first segment kept. */
  private passHole(handler: StreamHandler): void {
    const first = this.held[0];
    if (first === undefined) return;
    this.breakOff(handler);
    this.nextSeq = first.seq;
    this.drain(handler);
  }

  private breakOff(handler: StreamHandler): void {
    if (this.inStep) this.reader.abandon(handler.broken);
    this.inStep = false;
  }

  private forgetHeld(): void {
    this.held.length = 0;
    this.heldLen = 0;
  }
}
