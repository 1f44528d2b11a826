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
  withoutChecksum,
  type ZstdFrame,
} from "./zstd-frame.ts";

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
    if (block.length > 0) made.push(block);
    history.keep(decoder, block);
  });
  const hash = new XxHash64();
  let total = 0;
  let pending = withoutChecksum(await reader.exactly(frame.len, "a frame's header"));
  for (let isLast = false; !isLast; ) {
    const head = Uint8Array.from(await reader.exactly(3, "a block's header"));
    const block = parseZstdBlock(head);
    isLast = block.isLast;
    const body = await reader.exactly(block.len, "a block");
    const octets = new Uint8Array(pending.length + head.length + body.length);
    octets.set(pending);
    octets.set(head, pending.length);
    octets.set(body, pending.length + head.length);
    pending = octets.subarray(0, 0);
    history.lend(decoder);
    push(decoder, octets, isLast);
    for (const piece of made.splice(0)) {
      // A compressed block may claim to be larger than blocks can be.
      if (piece.length > MAX_BLOCK) throw new Refusal("is damaged: a block is too large");
      total += piece.length;
      if (frame.hasChecksum) hash.update(piece);
      yield piece;
    }
    if (pace.due()) await pace.rest();
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

/** fzstd 0.1.1's state of a frame: `w`, the window, `e`, how long it is. */
interface FrameState {
  w: Uint8Array;
  readonly e: number;
}

/** Below this fzstd may move its window itself. */
const LARGE_WINDOW = 1024 * 1024;

/**
 * The octets that a frame may refer back to.
 *
 * fzstd moves its whole window along with every block of 128 KiB: 128 MiB of it take 20 ms here and far more on a Pi. So
 * the octets are kept in memory twice that long and moved once a window; fzstd is lent the place where its window is now,
 * and moves something small instead. Windows below 1 MiB are left to it.
 */
class History {
  private readonly window: number;
  private octets: Uint8Array | undefined;
  private end = 0;
  private readonly dummy: Uint8Array;

  constructor(window: number) {
    this.window = window;
    this.dummy = new Uint8Array(window > LARGE_WINDOW ? 2 * MAX_BLOCK : 0);
  }

  /** Before a block: shows the decoder its window. */
  lend(decoder: Decompress): void {
    const state = this.stateOf(decoder);
    if (state === undefined || this.octets === undefined) return;
    state.w = this.octets.subarray(this.end - this.window, this.end);
  }

  /** After a block, before the decoder moves its window. */
  keep(decoder: Decompress, block: Uint8Array): void {
    const state = this.stateOf(decoder);
    if (state === undefined || block.length > MAX_BLOCK) return;
    if (this.octets === undefined) {
      this.octets = new Uint8Array(2 * this.window + MAX_BLOCK);
      this.end = this.window;
    }
    if (this.end + block.length > this.octets.length) {
      this.octets.copyWithin(0, this.end - this.window, this.end);
      this.end = this.window;
    }
    this.octets.set(block, this.end);
    this.end += block.length;
    state.w = this.dummy;
  }

  private stateOf(decoder: Decompress): FrameState | undefined {
    if (this.window <= LARGE_WINDOW) return undefined;
    const { s } = decoder as unknown as { readonly s: FrameState | number | undefined };
    return typeof s === "object" && s.w instanceof Uint8Array && s.e === this.window
      ? s
      : undefined;
  }
}
