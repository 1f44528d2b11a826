import { NO_OCTETS, type Octets } from "../../protocols/wire/octets.ts";

/** Link types that captures of boots come with (the numbers of tcpdump.org/linktypes.html). */
export const LinkType = {
  Null: 0,
  Ethernet: 1,
  /** What DLT_RAW is on most systems, when a file was written without translating it. */
  RawBsd: 12,
  RawOpenBsd: 14,
  Raw: 101,
  Loop: 108,
  LinuxSll: 113,
  Ipv4: 228,
  Ipv6: 229,
  LinuxSll2: 276,
} as const;

/** The latest second that a Date can hold; times beyond it are shown as this one. */
const LAST_SECOND = 8_640_000_000_000;

/**
 * One frame of a capture: where its octets lie and what the file says about it.
 *
 * The reader has one of these and points it at frame after frame: nothing in it outlives the next frame.
 */
export class CapturedFrame {
  /** Counts from 1 over the whole file, as tshark does. */
  number = 0;
  octets: Octets = NO_OCTETS;
  at = 0;
  /** Octets that were captured. */
  len = 0;
  /** Octets that the frame had on the wire: more than `len` when the capture cut it off. */
  originalLen = 0;
  linkType = 0;
  /** Seconds since 1970; -1 in a pcapng simple packet block, which has no time. */
  seconds = -1;
  nanoseconds = 0;
  /** Digits after the second that the file holds: 6 or 9. */
  timeDigits = 6;
  /** The text of the last second that was asked for: thousands of frames share one. */
  private textSecond = -1;
  private text = "";

  /** Whether the capture holds less than the wire did. */
  get isCut(): boolean {
    return this.originalLen > this.len;
  }

  /** Milliseconds since 1970, 0 without a time: for time limits of what is followed across frames. */
  get timeMs(): number {
    return this.seconds < 0 ? 0 : this.seconds * 1_000 + Math.floor(this.nanoseconds / 1e6);
  }

  /** ISO 8601 in UTC, with as many digits as the file holds; null when it holds no time. */
  timeText(): string | null {
    if (this.seconds < 0) return null;
    if (this.textSecond !== this.seconds) {
      this.textSecond = this.seconds;
      const iso = new Date(Math.min(this.seconds, LAST_SECOND) * 1_000).toISOString();
      this.text = iso.slice(0, iso.indexOf("."));
    }
    const digits = String(this.nanoseconds).padStart(9, "0").slice(0, this.timeDigits);
    return `${this.text}.${digits}Z`;
  }
}
