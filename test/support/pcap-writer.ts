import { writeFileSync } from "node:fs";

// The classic format, draft-ietf-opsawg-pcap: a header, then for each frame a record header and its octets.
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
const HEADER_LEN = 24;
const RECORD_HEADER_LEN = 16;
const LINKTYPE_ETHERNET = 1;
/** What tcpdump takes for "all of it"; readers refuse longer frames. */
const SNAP_LEN = 262_144;

/** Gathers frames for a pcap file: little-endian, microseconds, nothing cut off. */
export class PcapWriter {
  /** Frames added so far. */
  count = 0;
  /** Octets of the file so far. */
  length = 0;
  private readonly pieces: Uint8Array[] = [];

  constructor(linkType: number = LINKTYPE_ETHERNET) {
    const header = Buffer.alloc(HEADER_LEN);
    header.writeUInt32LE(MAGIC_MICROSECONDS, 0);
    header.writeUInt16LE(VERSION_MAJOR, 4);
    header.writeUInt16LE(VERSION_MINOR, 6);
    header.writeUInt32LE(SNAP_LEN, 16);
    header.writeUInt32LE(linkType, 20);
    this.put(header);
  }

  /** Appends a frame, of which it keeps no window; `timeMs` since 1970, with a fraction where it is known that well. */
  add(frame: Uint8Array, timeMs: number): void {
    const micros = Math.round(timeMs * 1_000);
    const header = Buffer.alloc(RECORD_HEADER_LEN);
    header.writeUInt32LE(Math.floor(micros / 1e6), 0);
    header.writeUInt32LE(micros % 1e6, 4);
    header.writeUInt32LE(frame.length, 8);
    header.writeUInt32LE(frame.length, 12);
    this.put(header);
    this.put(Uint8Array.from(frame));
    this.count += 1;
  }

  /** The file as it is now. */
  octets(): Uint8Array {
    return Buffer.concat(this.pieces);
  }

  save(file: string): void {
    writeFileSync(file, this.octets());
  }

  private put(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.length += piece.length;
  }
}
