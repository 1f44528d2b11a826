import { Octets } from "../../protocols/wire/octets.ts";

/** The longest frame that a capture may hold, octets: what tcpdump and Wireshark take. */
export const MAX_FRAME_LEN = 262_144;
/** The most input that is kept at once: the longest frame with everything around it, and what was fed last. */
const WINDOW_LEN = 4 * MAX_FRAME_LEN;
/** The most that one `feed` takes. */
export const FEED_LEN: number = MAX_FRAME_LEN;

/**
 * The part of a file that a reader is looking at, in one slab of fixed size.
 *
 * Octets `at` to `end` of `octets` are unread. A reader takes from the front, whoever reads the file appends to the back.
 */
export class InputWindow {
  readonly octets: Octets = Octets.alloc(WINDOW_LEN);
  at = 0;
  end = 0;
  /** Nothing more will be fed. */
  ended = false;
  /** Where in the file octet 0 of the slab lies. */
  private base = 0;
  /** Octets still to be passed over, of which none need be kept. */
  private skipping = 0;

  /** Unread octets. */
  get length(): number {
    return this.end - this.at;
  }
  /** Where in the file the next unread octet lies. */
  get fileOffset(): number {
    return this.base + this.at;
  }
  /** Octets that `skip` was asked for and that did not come. */
  get missing(): number {
    return this.skipping;
  }

  /** Appends at most FEED_LEN octets; everything that was handed out before is invalid then. */
  feed(chunk: Uint8Array): void {
    const { u8 } = this.octets;
    u8.copyWithin(0, this.at, this.end);
    this.base += this.at;
    this.end -= this.at;
    this.at = 0;
    u8.set(chunk, this.end);
    this.end += chunk.length;
    this.passOver();
  }

  /** Whether `n` octets are there to be read. */
  has(n: number): boolean {
    return this.skipping === 0 && this.end - this.at >= n;
  }

  /** Takes `n` octets that `has` has seen; returns where they lie. */
  take(n: number): number {
    const { at } = this;
    this.at += n;
    return at;
  }

  /** Passes over `n` octets, also over those that are not yet there. */
  skip(n: number): void {
    this.skipping += n;
    this.passOver();
  }

  private passOver(): void {
    const n = Math.min(this.skipping, this.end - this.at);
    this.skipping -= n;
    this.at += n;
  }
}
