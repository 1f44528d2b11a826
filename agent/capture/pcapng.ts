import { cutOff, damaged } from "./capture-error.ts";
import type { CapturedFrame } from "./captured-frame.ts";
import { type InputWindow, MAX_FRAME_LEN } from "./input-window.ts";
import { type PcapngInterface, readInterface, setFrameTime } from "./pcapng-interface.ts";

// Every block: type, length of the whole block, body, the length again (draft-ietf-opsawg-pcapng section 3.1).
const BLOCK_HEADER_LEN = 8;
const BLOCK_TRAILER_LEN = 4;
const MIN_BLOCK_LEN = BLOCK_HEADER_LEN + BLOCK_TRAILER_LEN;

/** Block types that matter here; all others are passed over. */
const BlockType = {
  Interface: 1,
  /** Obsolete, but files of Wireshark 1.0 have it. */
  Packet: 2,
  SimplePacket: 3,
  EnhancedPacket: 6,
  /** An entry of systemd's journal. */
  JournalExport: 9,
  /** Anyone's own, with and without leave to copy it. */
  Custom: 0x0bad,
  CustomNoCopy: 0x40000bad,
  /** A palindrome: it reads the same in both byte orders. */
  SectionHeader: 0x0a0d0d0a,
} as const;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const SECTION_HEADER_LEN = 28;
/** Octets between the block header and the frame. */
const ENHANCED_HEADER_LEN = 20;
const SIMPLE_HEADER_LEN = 4;
/** The longest interface description that is read; its options are a handful of words. */
const MAX_INTERFACE_LEN = 65_536;
const MAX_INTERFACES = 4_096;

/** Whether a file that starts with these octets, read in any order, is pcapng. */
export function isPcapngMagic(magic: number): boolean {
  return magic === BlockType.SectionHeader;
}

/**
 * Reads the frames of a pcapng file: any number of sections, of either byte order, with interfaces of different kinds.
 *
 * Blocks of other types are passed over without being kept, however long they say they are. So are the options of packets.
 */
export class PcapngReader {
  private little = false;
  private inSection = false;
  private readonly interfaces: PcapngInterface[] = [];
  /** Length of the block whose end has not been read yet; 0 between blocks. */
  private open = 0;

  /** Points `frame` at the next frame. False when more input is needed, or when there is no more. */
  next(input: InputWindow, frame: CapturedFrame): boolean {
    while (this.finishBlock(input)) {
      if (!input.has(MIN_BLOCK_LEN)) {
        if (input.ended && input.length > 0) throw cutOff(input.fileOffset, "a block header");
        return false;
      }
      const { dv } = input.octets;
      if (dv.getUint32(input.at) === BlockType.SectionHeader) this.readByteOrder(input);
      const type = dv.getUint32(input.at, this.little);
      const len = dv.getUint32(input.at + 4, this.little);
      if (len < MIN_BLOCK_LEN || len % 4 !== 0) {
        throw damaged(input.fileOffset + 4, `a block of ${len} octets cannot be`);
      }
      const need = this.headOf(type, len, input);
      if (!input.has(BLOCK_HEADER_LEN + need)) {
        if (input.ended) throw cutOff(input.fileOffset, `a block of type ${type}`);
        return false;
      }
      const body = input.at + BLOCK_HEADER_LEN;
      const room = len - MIN_BLOCK_LEN;
      let found = false;
      if (type === BlockType.SectionHeader) this.interfaces.length = 0;
      // Passed over, but Wireshark gives them numbers among the frames.
      else if (isCounted(type)) frame.number += 1;
      else if (type === BlockType.Interface) this.addInterface(input, body, room);
      else if (isPacket(type)) {
        if (!this.readPacket(type, input, body, room, frame)) {
          if (input.ended) throw cutOff(input.fileOffset, `frame ${frame.number + 1}`);
          return false;
        }
        found = true;
      }
      // The frame's octets stay where they are until the next feed, so the block may be left behind now.
      this.open = len;
      input.skip(len - BLOCK_TRAILER_LEN);
      if (found) return true;
    }
    return false;
  }

  /** Reads the end of the block before; false when it is not there yet. */
  private finishBlock(input: InputWindow): boolean {
    if (this.open === 0) return true;
    if (!input.has(BLOCK_TRAILER_LEN)) {
      if (input.ended) throw cutOff(input.fileOffset, "a block");
      return false;
    }
    const len = input.octets.dv.getUint32(input.at, this.little);
    if (len !== this.open) {
      const what = `a block of ${this.open} octets ends with the length ${len}`;
      throw damaged(input.fileOffset, what);
    }
    input.take(BLOCK_TRAILER_LEN);
    this.open = 0;
    return true;
  }

  /** Octets behind the block header that must be there before the block can be looked at. */
  private headOf(type: number, len: number, input: InputWindow): number {
    const room = len - MIN_BLOCK_LEN;
    if (type === BlockType.SectionHeader) return Math.min(room, SECTION_HEADER_LEN - MIN_BLOCK_LEN);
    if (!this.inSection) throw damaged(input.fileOffset, "there is no section header");
    if (type === BlockType.Interface) {
      if (room > MAX_INTERFACE_LEN) {
        throw damaged(input.fileOffset + 4, `an interface description of ${len} octets`);
      }
      return room;
    }
    if (!isPacket(type)) return 0;
    const head = type === BlockType.SimplePacket ? SIMPLE_HEADER_LEN : ENHANCED_HEADER_LEN;
    if (room < head) throw damaged(input.fileOffset + 4, `a packet block of ${len} octets`);
    return head;
  }

  private readByteOrder(input: InputWindow): void {
    const { dv } = input.octets;
    const at = input.at + BLOCK_HEADER_LEN;
    this.little = dv.getUint32(at, true) === BYTE_ORDER_MAGIC;
    if (!this.little && dv.getUint32(at) !== BYTE_ORDER_MAGIC) {
      throw damaged(input.fileOffset + BLOCK_HEADER_LEN, "a section without a byte order");
    }
    this.inSection = true;
    if (dv.getUint32(input.at + 4, this.little) < SECTION_HEADER_LEN) {
      throw damaged(input.fileOffset + 4, "a section header that is too short");
    }
  }

  private addInterface(input: InputWindow, body: number, room: number): void {
    const found = readInterface(input.octets, body, room, this.little);
    if (found === undefined) {
      throw damaged(input.fileOffset, "an interface description that is too short");
    }
    if (this.interfaces.length === MAX_INTERFACES) {
      throw damaged(input.fileOffset, `more than ${MAX_INTERFACES} interfaces`);
    }
    this.interfaces.push(found);
  }

  /** Points `frame` into the block; false when its octets are not all there. */
  private readPacket(
    type: number,
    input: InputWindow,
    body: number,
    room: number,
    frame: CapturedFrame,
  ): boolean {
    const { dv } = input.octets;
    const { little } = this;
    const simple = type === BlockType.SimplePacket;
    const id = simple
      ? 0
      : type === BlockType.Packet
        ? dv.getUint16(body, little)
        : dv.getUint32(body, little);
    const source = this.interfaces[id];
    if (source === undefined) {
      throw damaged(input.fileOffset, `frame ${frame.number + 1} is of interface ${id}, unknown`);
    }
    const head = simple ? SIMPLE_HEADER_LEN : ENHANCED_HEADER_LEN;
    const original = dv.getUint32(simple ? body : body + 16, little);
    const limit = source.snapLen === 0 ? MAX_FRAME_LEN : source.snapLen;
    const len = simple ? Math.min(original, limit, room - head) : dv.getUint32(body + 12, little);
    if (len > MAX_FRAME_LEN || len > room - head) {
      throw damaged(input.fileOffset, `frame ${frame.number + 1} claims ${len} octets`);
    }
    if (!input.has(BLOCK_HEADER_LEN + head + len)) return false;
    frame.number += 1;
    frame.octets = input.octets;
    frame.at = body + head;
    frame.len = len;
    frame.originalLen = original;
    frame.linkType = source.linkType;
    if (simple) frame.seconds = -1;
    else
      setFrameTime(frame, source, dv.getUint32(body + 4, little), dv.getUint32(body + 8, little));
    return true;
  }
}

function isCounted(type: number): boolean {
  return (
    type === BlockType.JournalExport || type === BlockType.Custom || type === BlockType.CustomNoCopy
  );
}

function isPacket(type: number): boolean {
  return (
    type === BlockType.EnhancedPacket ||
    type === BlockType.SimplePacket ||
    type === BlockType.Packet
  );
}
