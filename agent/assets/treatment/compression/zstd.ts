import type { Decompress } from "fzstd";
import type { OctetReader } from "../octet-reader.ts";
import { Pace } from "../pace.ts";
import { Refusal } from "../refusal.ts";
import { XxHash64 } from "./xxhash64.ts";
import {
  FRAME_MAGIC,
  isSkippable,
  MAX_BLOCK,
  MAX_FRAME_HEADER,
  parseZstdBlock,
  parseZstdFrame,
  type ZstdFrame,
} from "./zstd-frame.ts";

/**
 * A frame's header for fzstd: no checksum, since what follows the last block is read here, and a window of 128 KiB, which is
 * what it makes blocks in. Four empty blocks follow: it waits for 18 octets.
 */
const START: Uint8Array = Buffer.from("28b52ffd0038000000000000000000000000", "hex");

/**
 * Zstandard (RFC 8878): every frame, skippable ones passed over.
 *
 * fzstd decodes the blocks. It checks neither a frame's checksum nor its content size, nor how much memory a frame asks for,
 * nor whether a block refers back too far; so the frames are taken apart here, one block at a time is handed to it, and
 * checksum and size are checked. What has no checksum (`zstd --no-check`) may be damaged and stay unnoticed, as with any
 * decoder: the digest of the file is what holds it.
 */
export async function* unzstd(reader: OctetReader): AsyncGenerator<Uint8Array, void, undefined> {
  const pace = new Pace();
  for (let isFirst = true; ; isFirst = false) {
    const head = await reader.peek(MAX_FRAME_HEADER);
    if (head.length === 0 && !isFirst) return;
    if (head.length < 4) throw new Refusal("is cut short, or has something else behind its end");
    const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
    if (isSkippable(magic)) {
      const skippable = await reader.exactly(8, "a frame's header");
      const len = new DataView(skippable.buffer, skippable.byteOffset).getUint32(4, true);
      await reader.skip(len, "a skippable frame");
    } else if (magic === FRAME_MAGIC) {
      yield* oneFrame(reader, parseZstdFrame(head), pace);
    } else {
      throw new Refusal(isFirst ? "is not zstd" : "has something else behind its end");
    }
  }
}

async function* oneFrame(
  reader: OctetReader,
  frame: ZstdFrame,
  pace: Pace,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Decompress } = await import("fzstd");
  const made: Uint8Array[] = [];
  const history = new History(frame.window);
  const decoder: Decompress = new Decompress((block) => {
    if (block.length === 0) return;
    made.push(block);
    history.keep(decoder, block);
  });
  const hash = new XxHash64();
  let total = 0;
  await reader.skip(frame.len, "a frame's header");
  decoder.push(START);
  for (let isLast = false; !isLast; ) {
    const head = Uint8Array.from(await reader.exactly(3, "a block's header"));
    const block = parseZstdBlock(head);
    isLast = block.isLast;
    const body = await reader.exactly(block.len, "a block");
    const octets = new Uint8Array(head.length + body.length);
    octets.set(head);
    octets.set(body, head.length);
    history.lend(decoder);
    push(decoder, octets, isLast);
    // Not compiled yet, decoding a block takes 30 ms, and its checksum some more.
    if (pace.due()) await pace.rest();
    for (const piece of made.splice(0)) {
      total += piece.length;
      if (frame.hasChecksum) hash.update(piece);
      yield piece;
    }
  }
  if (frame.contentSize !== undefined && total !== frame.contentSize) {
    throw new Refusal(`is damaged: ${total} octets came out of a frame of ${frame.contentSize}`);
  }
  if (!frame.hasChecksum) return;
  const sum = await reader.exactly(4, "a checksum");
  const expected = new DataView(sum.buffer, sum.byteOffset).getUint32(0, true);
  if (hash.digest32() !== expected) throw new Refusal("is damaged: its checksum does not match");
}

function push(decoder: Decompress, octets: Uint8Array, isLast: boolean): void {
  try {
    decoder.push(octets, isLast);
  } catch (error) {
    // fzstd throws whatever damaged octets lead to, RangeErrors of typed arrays included.
    throw new Refusal(`is damaged: ${(error as Error).message}`, { cause: error });
  }
}

/** fzstd 0.1.1's state of a frame: `w`, the octets before the block; `e`, how many they are. */
interface FrameState {
  w: Uint8Array;
  e: number;
}

/** Octets that come out at least between two moves of the window. */
const LEAST_ROOM = 4 * 1024 * 1024;

/** What fzstd moves instead of a window. */
const DUMMY = new Uint8Array(MAX_BLOCK);

/**
 * The octets that a frame may refer back to.
 *
 * fzstd makes all of a frame's window at once, and moves all of it along with every block of 128 KiB: 128 MiB take 20 ms here
 * and far more on a Pi. So they are kept here, in memory that is a quarter longer, and moved only when that is full; fzstd is lent the
 * place where they are.
 */
class History {
  private readonly window: number;
  private octets: Uint8Array = new Uint8Array(2 * MAX_BLOCK);
  private end = 0;

  constructor(window: number) {
    this.window = window;
  }

  /** Before a block: shows the decoder what is before it. */
  lend(decoder: Decompress): void {
    const state = stateOf(decoder);
    state.w = this.octets.subarray(Math.max(0, this.end - this.window), this.end);
    state.e = state.w.length;
  }

  /** After a block, before the decoder moves its window. */
  keep(decoder: Decompress, block: Uint8Array): void {
    stateOf(decoder).w = DUMMY;
    // Larger than blocks can be: the decoder throws on DUMMY.
    if (block.length > MAX_BLOCK) return;
    if (this.end + block.length > this.octets.length) this.makeRoom();
    this.octets.set(block, this.end);
    this.end += block.length;
  }

  /** Makes room for a block: once as much memory as the frame can need, then by moving the window to its beginning. */
  private makeRoom(): void {
    const { octets, window } = this;
    const most = window + Math.max(window >> 2, LEAST_ROOM) + MAX_BLOCK;
    if (octets.length < most) {
      // Of large memory only what was written to is really there.
      this.octets = new Uint8Array(most);
      this.octets.set(octets.subarray(0, this.end));
    } else {
      octets.copyWithin(0, this.end - window, this.end);
      this.end = window;
    }
  }
}

function stateOf(decoder: Decompress): FrameState {
  const { s } = decoder as unknown as { readonly s: FrameState | number | undefined };
  if (typeof s !== "object")
    throw new Error("fzstd has no frame: it is not the version that is known");
  return s;
}
