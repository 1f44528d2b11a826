import { Refusal } from "../refusal.ts";

/** The window that a frame may want: what `zstd --ultra -22` takes at most. Its octets are all held in memory. */
export const MAX_WINDOW: number = 128 * 1024 * 1024;
/** A block's content at most (RFC 8878 section 3.1.1.2.4). */
export const MAX_BLOCK: number = 128 * 1024;
export const FRAME_MAGIC = 0xfd2f_b528;
/** Magic number, descriptor, window, dictionary id and content size. */
export const MAX_FRAME_HEADER = 18;

/** A frame's header (RFC 8878 section 3.1.1.1). */
export interface ZstdFrame {
  /** Octets of it. */
  readonly len: number;
  /** Octets of history that the frame may refer to. */
  readonly window: number;
  /** Octets of what comes out, where the frame tells. */
  readonly contentSize: number | undefined;
  /** Whether four octets of XXH64 follow the last block. */
  readonly hasChecksum: boolean;
}

/** Whether a magic number, read little-endian, is that of a skippable frame (section 3.1.2). */
export function isSkippable(magic: number): boolean {
  return magic >>> 4 === 0x0184_d2a5;
}

/** Reads a frame's header, which begins with FRAME_MAGIC. Throws a Refusal where it is cut short or asks for too much. */
export function parseZstdFrame(head: Uint8Array): ZstdFrame {
  const dv = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 5) throw new Refusal("is cut short in a frame's header");
  const descriptor = dv.getUint8(4);
  if ((descriptor & 8) !== 0) throw new Refusal("is damaged: a reserved bit is set");
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryLen = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeLen = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryAt = isSingleSegment ? 5 : 6;
  const sizeAt = dictionaryAt + dictionaryLen;
  const len = sizeAt + sizeLen;
  if (head.length < len) throw new Refusal("is cut short in a frame's header");
  if (head.subarray(dictionaryAt, sizeAt).some((octet) => octet !== 0)) {
    throw new Refusal("needs a dictionary, which is not supported");
  }
  const contentSize = sizeOf(dv, sizeAt, sizeLen);
  const window = isSingleSegment ? (contentSize ?? 0) : windowSize(dv.getUint8(5));
  if (window > MAX_WINDOW) {
    throw new Refusal(
      `wants a window of ${Math.ceil(window / 0x10_0000)} MiB, where ${MAX_WINDOW / 0x10_0000} are allowed; compress it with \`zstd --long=27\` or less`,
    );
  }
  return { len, window, contentSize, hasChecksum: (descriptor & 4) !== 0 };
}

/** A block's header: 3 octets, little-endian (section 3.1.1.2). */
export interface ZstdBlock {
  readonly isLast: boolean;
  /** 0 raw, 1 one octet repeated, 2 compressed. */
  readonly type: number;
  /** Octets that follow the header. */
  readonly len: number;
}

export function parseZstdBlock(head: Uint8Array): ZstdBlock {
  const [a = 0, b = 0, c = 0] = head;
  const size = (a >> 3) | (b << 5) | (c << 13);
  const type = (a >> 1) & 3;
  if (type === 3 || size > MAX_BLOCK) throw new Refusal("is damaged: no block is like that");
  return { isLast: (a & 1) !== 0, type, len: type === 1 ? 1 : size };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function sizeOf(dv: DataView, at: number, len: number): number | undefined {
  if (len === 0) return undefined;
  if (len === 1) return dv.getUint8(at);
  if (len === 2) return dv.getUint16(at, true) + 256;
  if (len === 4) return dv.getUint32(at, true);
  return Number(dv.getBigUint64(at, true));
}
