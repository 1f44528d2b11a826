import { NO_OCTETS, Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

/** Octets of a record mark. */
export const RECORD_MARK_LEN = 4;

const LAST_FRAGMENT = 0x8000_0000;
const FIRST_BUFFER_LEN = 1_024;

/** Takes one whole record; false: no further one yet. The octets are valid until it returns. */
export type RecordHandler = (o: Octets, at: number, len: number) => unknown;

/**
 * Cuts a TCP stream into RPC messages (record marking, RFC 5531 section 11): every fragment is preceded by a word whose
 * top bit says "last of its record" and whose other bits are its length.
 *
 * One reader a connection. A record that arrives whole in one fragment is handed out where it lies; only what is split
 * over fragments or reads is gathered, in a buffer that grows with what arrives, never with what is claimed, up to `maxRecord`
 * octets.
 */
export class RecordReader {
  private readonly maxRecord: number;
  private record: Octets = NO_OCTETS;
  private recordLen = 0;
  private mark = 0;
  private markLen = 0;
  /** Octets of the current fragment that have not arrived; meaningful while markLen is 4. */
  private missing = 0;
  private status: Status = Status.Ok;
  private takenLen = 0;
  /** A fragment of the record is complete, and it was not the last. */
  private goesOn = false;

  constructor(maxRecord: number) {
    this.maxRecord = maxRecord;
  }

  /** Octets that the last `feed` has taken: all, unless the handler wanted no further record. */
  get taken(): number {
    return this.takenLen;
  }
  /** Whether a record has begun and is not complete. */
  get isInside(): boolean {
    return this.markLen > 0 || this.recordLen > 0 || this.goesOn;
  }

  /** Forgets everything: for a new connection. */
  reset(): void {
    this.recordLen = 0;
    this.mark = 0;
    this.markLen = 0;
    this.missing = 0;
    this.goesOn = false;
    this.status = Status.Ok;
  }

  /** Hands out what there is of a record that will not be completed, if anything, and forgets everything. */
  abandon(onRecord: RecordHandler): void {
    const len = this.recordLen;
    this.reset();
    if (len > 0) onRecord(this.record, 0, len);
  }

  /**
   * Takes the next octets of the stream and calls `onRecord` for each record that they complete, until it says false: the octets
   * behind `taken` are to be fed again then.
   *
   * BadLength: a record would exceed `maxRecord`. The stream cannot be followed any further: the same status is returned
   * from then on, and the connection is to be closed.
   */
  feed(o: Octets, at: number, len: number, onRecord: RecordHandler): Status {
    const end = at + len;
    let p = at;
    let wanted = true;
    while (p < end && wanted && this.status === Status.Ok) {
      if (this.markLen < RECORD_MARK_LEN) {
        this.mark = ((this.mark << 8) | o.dv.getUint8(p)) >>> 0;
        this.markLen += 1;
        p += 1;
        if (this.markLen < RECORD_MARK_LEN) continue;
        this.missing = this.mark % LAST_FRAGMENT;
        if (this.missing > this.maxRecord - this.recordLen) this.status = Status.BadLength;
        else if (this.missing === 0) wanted = this.endFragment(onRecord);
        else if (this.isLast && this.recordLen === 0 && this.missing <= end - p) {
          const whole = this.missing;
          this.markLen = 0;
          this.goesOn = false;
          wanted = onRecord(o, p, whole) !== false;
          p += whole;
        }
      } else {
        const n = Math.min(this.missing, end - p);
        this.gather(o, p, n);
        p += n;
        if (this.missing === 0) wanted = this.endFragment(onRecord);
      }
    }
    this.takenLen = p - at;
    return this.status;
  }

  private get isLast(): boolean {
    return this.mark >= LAST_FRAGMENT;
  }

  private gather(o: Octets, at: number, n: number): void {
    this.makeRoom(this.recordLen + n);
    const into = this.record.u8;
    const { u8 } = o;
    const to = this.recordLen;
    // Octet by octet: records are short and seldom split, and a subarray for each piece would be garbage.
    for (let i = 0; i < n; i++) into[to + i] = u8[at + i] ?? 0;
    this.recordLen += n;
    this.missing -= n;
  }

  private makeRoom(len: number): void {
    const { record, maxRecord } = this;
    const had = record.u8.length;
    if (len <= had) return;
    this.record = Octets.alloc(Math.min(maxRecord, Math.max(len, 2 * had, FIRST_BUFFER_LEN)));
    this.record.u8.set(record.u8.subarray(0, this.recordLen));
  }

  /** False: no further record is wanted. */
  private endFragment(onRecord: RecordHandler): boolean {
    this.markLen = 0;
    this.goesOn = !this.isLast;
    if (this.goesOn) return true;
    const len = this.recordLen;
    this.recordLen = 0;
    return onRecord(this.record, 0, len) !== false;
  }
}

/** Writes the mark of a record of `len` octets that is sent as one fragment; returns 4. */
export function emitRecordMark(len: number, o: Octets, at: number): number {
  o.dv.setUint32(at, LAST_FRAGMENT + len);
  return RECORD_MARK_LEN;
}
