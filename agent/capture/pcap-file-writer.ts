import { type FileHandle, open } from "node:fs/promises";
import { AgentError } from "../errors.ts";
import { keepOwner, whyNot } from "../state/folder.ts";

// draft-ietf-opsawg-pcap: a header, then for each frame a record header and its octets. Little-endian, nanoseconds.
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
const HEADER_LEN = 24;
const RECORD_HEADER_LEN = 16;
const LINKTYPE_ETHERNET = 1;
/** What tcpdump takes for "all of it"; readers refuse longer frames. */
const SNAP_LEN = 262_144;

/** Records are gathered in blocks and written one block at a time; a block holds the longest frame. */
const BLOCK_LEN: number = 128 * 1024;
/** Blocks that may wait for the disk. */
const MAX_BLOCKS = 8;

interface Block {
  readonly octets: Buffer;
  len: number;
}

/**
 * A pcap file that grows while frames come, up to a bound.
 *
 * `add` copies and never waits: what the disk cannot take in time is left out and counted. Whatever is in the file is whole
 * records, so it can be read while it grows.
 */
export class PcapFileWriter {
  /** Records in the file, or on their way there. */
  packets = 0;
  /** Octets of the file, with those on their way. */
  octets = 0;
  /** Frames that the disk was too slow for. */
  leftOut = 0;
  /** A frame did not fit any more: no further ones are taken. */
  full = false;
  /** Why no more can be written. */
  failure: AgentError | undefined;
  private readonly file: string;
  private readonly handle: FileHandle;
  private readonly maxOctets: number;
  private readonly free: Block[] = [];
  private block: Block | undefined;
  private blocks = 0;
  /** Octets that are in the file for certain. */
  private written = 0;
  private writing: Promise<void> = Promise.resolve();

  private constructor(file: string, handle: FileHandle, maxOctets: number) {
    this.file = file;
    this.handle = handle;
    this.maxOctets = maxOctets;
  }

  /** Makes a file that was not there. Rejects with E_STATE. */
  static async create(file: string, maxOctets: number): Promise<PcapFileWriter> {
    try {
      const handle = await open(file, "wx", 0o600);
      keepOwner(file);
      const writer = new PcapFileWriter(file, handle, maxOctets);
      writer.header();
      return writer;
    } catch (cause) {
      throw new AgentError("E_STATE", `cannot make ${file}: ${whyNot(file, cause)}`, { cause });
    }
  }

  /** Takes the first `len` octets of `frame`. `timeNs`: since 1970. */
  add(frame: Uint8Array, len: number, timeNs: bigint): void {
    const need = RECORD_HEADER_LEN + len;
    if (this.full || this.failure) return;
    if (this.octets + need > this.maxOctets) {
      this.full = true;
      return;
    }
    const block = this.room(need);
    if (!block) {
      this.leftOut += 1;
      return;
    }
    const { octets, len: at } = block;
    octets.writeUInt32LE(Number(timeNs / 1_000_000_000n), at);
    octets.writeUInt32LE(Number(timeNs % 1_000_000_000n), at + 4);
    octets.writeUInt32LE(len, at + 8);
    octets.writeUInt32LE(len, at + 12);
    octets.set(frame.subarray(0, len), at + RECORD_HEADER_LEN);
    block.len += need;
    this.octets += need;
    this.packets += 1;
  }

  /** Resolves when all that was taken so far is in the file, or cannot be written. */
  flush(): Promise<void> {
    this.send();
    return this.writing;
  }

  /** The same, and closes the file. */
  async end(): Promise<void> {
    await this.flush();
    this.full = true;
    await this.handle.close().catch((cause: unknown) => {
      this.failure ??= new AgentError("E_STATE", `cannot close ${this.file}`, { cause });
    });
  }

  private header(): void {
    const block = this.room(HEADER_LEN);
    if (!block) throw new Error("no block for the header");
    const { octets } = block;
    octets.fill(0, 0, HEADER_LEN);
    octets.writeUInt32LE(MAGIC_NANOSECONDS, 0);
    octets.writeUInt16LE(VERSION_MAJOR, 4);
    octets.writeUInt16LE(VERSION_MINOR, 6);
    octets.writeUInt32LE(SNAP_LEN, 16);
    octets.writeUInt32LE(LINKTYPE_ETHERNET, 20);
    block.len = HEADER_LEN;
    this.octets = HEADER_LEN;
  }

  /** A block with room for a record; undefined when all wait for the disk. */
  private room(need: number): Block | undefined {
    if (this.block && this.block.len + need > BLOCK_LEN) this.send();
    if (this.block) return this.block;
    this.block = this.free.pop();
    if (!this.block && this.blocks < MAX_BLOCKS) {
      this.blocks += 1;
      this.block = { octets: Buffer.allocUnsafe(BLOCK_LEN), len: 0 };
    }
    return this.block;
  }

  private send(): void {
    const { block } = this;
    if (!block || block.len === 0) return;
    this.block = undefined;
    this.writing = this.writing.then(async () => {
      try {
        if (!this.failure) await this.handle.writeFile(block.octets.subarray(0, block.len));
        this.written += block.len;
      } catch (cause) {
        // A file that ended in half a record would be none.
        await this.handle.truncate(this.written).catch(() => undefined);
        const why = `cannot write ${this.file}: ${whyNot(this.file, cause)}`;
        this.failure = new AgentError("E_STATE", why, { cause });
      }
      block.len = 0;
      this.free.push(block);
    });
  }
}
