import { cutOff, damaged } from "./capture-error.ts";
import type { CapturedFrame } from "./captured-frame.ts";
import { type InputWindow, MAX_FRAME_LEN } from "./input-window.ts";

// The file header: magic, version (2 + 2), zone, accuracy, snap length, link type.
const MAJOR = 4;
const LINK_TYPE = 20;
const FILE_HEADER_LEN = 24;

// The header of a record: seconds, fraction, captured octets, octets on the wire.
const FRACTION = 4;
const CAPTURED = 8;
const ORIGINAL = 12;
const RECORD_HEADER_LEN = 16;
/** Alexey Kuznetzov's libpcap of the nineties: interface, protocol and packet type follow. */
const PATCHED_RECORD_HEADER_LEN = 24;

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const PATCHED = 0xa1b2cd34;

const LINK_TYPE_MASK = 0x03ff_ffff;
/** Set when the four bits at the top tell the length of the frame check sequence, in units of two octets. */
const FCS_KNOWN = 0x0400_0000;

/** What the first four octets say, read in the given order; undefined when this is no pcap file. */
export function isPcapMagic(magic: number): boolean {
  return magic === MICROSECONDS || magic === NANOSECONDS || magic === PATCHED;
}

/**
 * Reads the records of a pcap file (draft-ietf-opsawg-pcap), of either byte order, with micro- or nanoseconds.
 *
 * What a record claims is believed up to the longest frame that there is, and its octets are not copied.
 */
export class PcapReader {
  private readonly little: boolean;
  private started = false;
  private headerLen = RECORD_HEADER_LEN;
  private nanoseconds = false;
  private linkType = 0;
  private fcsLen = 0;

  /** `little`: the byte order of the file. */
  constructor(little: boolean) {
    this.little = little;
  }

  /** Points `frame` at the next frame. False when more input is needed, or when there is no more. */
  next(input: InputWindow, frame: CapturedFrame): boolean {
    if (!this.started && !this.start(input)) return false;
    const { headerLen, little } = this;
    if (!input.has(headerLen)) {
      if (input.ended && input.length > 0) {
        throw cutOff(input.fileOffset, `the header of frame ${frame.number + 1}`);
      }
      return false;
    }
    const { dv } = input.octets;
    const len = dv.getUint32(input.at + CAPTURED, little);
    if (len > MAX_FRAME_LEN) {
      const what = `frame ${frame.number + 1} claims ${len} octets, more than ${MAX_FRAME_LEN}`;
      throw damaged(input.fileOffset, what);
    }
    if (!input.has(headerLen + len)) {
      if (input.ended) throw cutOff(input.fileOffset, `frame ${frame.number + 1}`);
      return false;
    }
    const header = input.take(headerLen);
    const fraction = dv.getUint32(header + FRACTION, little) * (this.nanoseconds ? 1 : 1_000);
    frame.number += 1;
    frame.octets = input.octets;
    frame.at = input.take(len);
    frame.len = len;
    frame.originalLen = dv.getUint32(header + ORIGINAL, little);
    frame.linkType = this.linkType;
    frame.seconds = dv.getUint32(header, little) + Math.floor(fraction / 1e9);
    frame.nanoseconds = fraction % 1e9;
    frame.timeDigits = this.nanoseconds ? 9 : 6;
    if (this.fcsLen > 0 && len > this.fcsLen && frame.originalLen <= len) {
      frame.len = frame.originalLen = len - this.fcsLen;
    }
    return true;
  }

  private start(input: InputWindow): boolean {
    if (!input.has(FILE_HEADER_LEN)) {
      if (input.ended) throw cutOff(input.fileOffset, "its file header");
      return false;
    }
    const { dv } = input.octets;
    const { little } = this;
    const major = dv.getUint16(input.at + MAJOR, little);
    if (major !== 2) {
      throw damaged(input.fileOffset + MAJOR, `version ${major} of pcap is none`);
    }
    const at = input.take(FILE_HEADER_LEN);
    const magic = dv.getUint32(at, little);
    const link = dv.getUint32(at + LINK_TYPE, little);
    this.nanoseconds = magic === NANOSECONDS;
    if (magic === PATCHED) this.headerLen = PATCHED_RECORD_HEADER_LEN;
    this.linkType = link & LINK_TYPE_MASK;
    this.fcsLen = (link & FCS_KNOWN) !== 0 ? (link >>> 28) * 2 : 0;
    this.started = true;
    return true;
  }
}
