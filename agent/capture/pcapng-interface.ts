import type { Octets } from "../../protocols/wire/octets.ts";
import type { CapturedFrame } from "./captured-frame.ts";

// The body of an interface description block: link type, reserved, snap length, options.
const FIXED_LEN = 8;
const OPTION_HEADER_LEN = 4;

/** Options that matter here (draft-ietf-opsawg-pcapng section 4.2). */
const Option = { End: 0, TsResol: 9, TsOffset: 14 } as const;

const BINARY = 0x80;
const MICROSECONDS_EXPONENT = 6;
/** 2^-30 s is finer than a nanosecond, 2^-20 s about a microsecond. */
const BINARY_MICROSECONDS = 20;

/** What a section says about one of its interfaces. */
export interface PcapngInterface {
  readonly linkType: number;
  /** The most octets of a frame that were kept; 0 for no limit. */
  readonly snapLen: number;
  /** Ticks of its clock in a second. */
  readonly ticks: bigint;
  /** Seconds to be added to every time. */
  readonly offset: bigint;
  /** 6 or 9: digits after the second that are worth showing. */
  readonly digits: number;
}

/** Reads the body of an interface description; undefined when it is too short. */
export function readInterface(
  o: Octets,
  at: number,
  len: number,
  little: boolean,
): PcapngInterface | undefined {
  if (len < FIXED_LEN) return undefined;
  const { dv } = o;
  let resolution = MICROSECONDS_EXPONENT;
  let offset = 0n;
  const end = at + len;
  let next = at + FIXED_LEN;
  while (next + OPTION_HEADER_LEN <= end) {
    const code = dv.getUint16(next, little);
    const size = dv.getUint16(next + 2, little);
    const value = next + OPTION_HEADER_LEN;
    if (code === Option.End || value + size > end) break;
    if (code === Option.TsResol && size >= 1) resolution = dv.getUint8(value);
    if (code === Option.TsOffset && size >= 8) offset = dv.getBigInt64(value, little);
    next = value + size + (-size & 3);
  }
  const exponent = resolution & ~BINARY;
  const binary = (resolution & BINARY) !== 0;
  return {
    linkType: dv.getUint16(at, little),
    snapLen: dv.getUint32(at + 4, little),
    ticks: (binary ? 2n : 10n) ** BigInt(exponent),
    offset,
    digits: exponent <= (binary ? BINARY_MICROSECONDS : MICROSECONDS_EXPONENT) ? 6 : 9,
  };
}

/** Turns the two words of a packet's time into seconds and nanoseconds. A time before 1970 becomes 1970. */
export function setFrameTime(
  frame: CapturedFrame,
  source: PcapngInterface,
  high: number,
  low: number,
): void {
  const { ticks, offset } = source;
  const stamp = (BigInt(high) << 32n) | BigInt(low);
  const seconds = stamp / ticks + offset;
  const known = seconds >= 0n;
  frame.seconds = known ? Number(seconds) : 0;
  frame.nanoseconds = known ? Number(((stamp % ticks) * 1_000_000_000n) / ticks) : 0;
  frame.timeDigits = source.digits;
}
