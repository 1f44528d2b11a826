/**
 * Largest window of a frame, octets. What `zstd --long` makes by default is the most that is needed; a frame may ask for 2 GiB, and
 * the decompressor would take it at once.
 */
export const WINDOW_LIMIT: number = 128 * 1024 * 1024;

/** First octets of a frame, little endian (RFC 8878, 3.1.1). */
const FRAME = 0xfd2fb528;
/** First of sixteen numbers of skippable frames (RFC 8878, 3.1.2). */
const SKIPPABLE = 0x184d2a50;
/** Longest header: magic number, descriptor, window, dictionary id, content size. */
const HEADER_LEN = 4 + 1 + 1 + 4 + 8;
const CHECKSUM_LEN = 4;
/** RFC 8878, 3.1.1.2.4. */
const BLOCK_LIMIT = 128 * 1024;
const LAST = 1;
const RLE = 1;

type Step = "magic" | "header" | "block" | "skip";

/**
 * Walks over the frames of a zstd stream without decompressing them, to see each header before the decompressor does, and to give
 * the decompressor one block at a time: sixteen octets of blocks can stand for megabytes.
 */
export class ZstdFrames {
  private readonly head = new Uint8Array(HEADER_LEN);
  private readonly dv = new DataView(this.head.buffer);
  private step: Step = "magic";
  private have = 0;
  private need = 4;
  /** Octets to pass over, then `step` goes on. */
  private skip = 0;
  private checksum = 0;

  /** Whether the octets so far end where a frame ends. */
  get whole(): boolean {
    return this.step === "magic" && this.have === 0 && this.skip === 0;
  }

  /**
   * Goes on at `at` up to the end of a block or of the octets; gives where that is. Throws when a frame wants a larger window than
   * `WINDOW_LIMIT`, or is none.
   */
  feed(octets: Uint8Array, at: number): number {
    let next = at;
    while (next < octets.length) {
      if (this.skip > 0) {
        const passed = Math.min(this.skip, octets.length - next);
        this.skip -= passed;
        next += passed;
        if (this.skip === 0) return next;
        continue;
      }
      this.head[this.have++] = octets[next++] ?? 0;
      if (this.have === this.need) this.advance();
    }
    return next;
  }

  private advance(): void {
    switch (this.step) {
      case "magic": {
        const magic = this.dv.getUint32(0, true);
        // What follows is the length of a skippable frame, or the descriptor that tells the header's length.
        if (magic === FRAME) this.expect("header", 5, true);
        else if ((magic & ~0xf) >>> 0 === SKIPPABLE) this.expect("skip", 8, true);
        else throw new Error("invalid zstd data");
        return;
      }
      case "skip":
        this.skip = this.dv.getUint32(4, true);
        this.expect("magic", 4);
        return;
      case "header": {
        const len = headerLen(this.head[4] ?? 0);
        if (this.have < len) {
          this.need = len;
          return;
        }
        this.checksum = ((this.head[4] ?? 0) & 4) !== 0 ? CHECKSUM_LEN : 0;
        const window = this.window();
        if (window > WINDOW_LIMIT) throw new Error(`a window of ${window} octets is too large`);
        this.expect("block", 3);
        return;
      }
      case "block": {
        const header = this.dv.getUint16(0, true) | ((this.head[2] ?? 0) << 16);
        const size = header >> 3;
        if (size > BLOCK_LIMIT) throw new Error(`a block of ${size} octets is too large`);
        this.skip = ((header >> 1) & 3) === RLE ? 1 : size;
        if ((header & LAST) === 0) {
          this.expect("block", 3);
          return;
        }
        this.skip += this.checksum;
        this.expect("magic", 4);
        return;
      }
    }
  }

  private expect(step: Step, need: number, keep = false): void {
    this.step = step;
    this.need = need;
    if (!keep) this.have = 0;
  }

  /** RFC 8878, 3.1.1.1.2; of a frame in a single segment it is the content's size. */
  private window(): number {
    const descriptor = this.head[4] ?? 0;
    if ((descriptor & 0x20) === 0) {
      const log = (this.head[5] ?? 0) >> 3;
      const base = 2 ** (10 + log);
      return base + (base / 8) * ((this.head[5] ?? 0) & 7);
    }
    const at = 5 + dictionaryLen(descriptor);
    switch (descriptor >> 6) {
      case 0:
        return this.head[at] ?? 0;
      case 1:
        return this.dv.getUint16(at, true) + 256;
      case 2:
        return this.dv.getUint32(at, true);
      default:
        return Number(this.dv.getBigUint64(at, true));
    }
  }
}

function dictionaryLen(descriptor: number): number {
  const flag = descriptor & 3;
  return flag === 3 ? 4 : flag;
}

function headerLen(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeLen = sizeFlag === 0 ? (single ? 1 : 0) : 2 ** sizeFlag;
  return 5 + (single ? 0 : 1) + dictionaryLen(descriptor) + sizeLen;
}
