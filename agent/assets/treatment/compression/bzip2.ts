import type { OctetReader } from "../octet-reader.ts";
import { Pace } from "../pace.ts";
import { Refusal } from "../refusal.ts";
import { BitReader } from "./bzip2-bits.ts";
import { readBlock } from "./bzip2-block.ts";

const PIECE_LEN = 32 * 1024;
const BLOCK_UNIT = 100_000;
const BLOCK_HIGH = 0x314159;
const BLOCK_LOW = 0x265359;
const END_HIGH = 0x177245;
const END_LOW = 0x385090;

/** CRC-32 with the most significant bit first. */
const CRC_TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  return crc;
});

/**
 * bzip2: every stream, the CRCs of blocks and streams checked. Takes up to 4 MiB of memory.
 *
 * Our own, since unbzip2-stream does a whole block at once: 230 ms in which nothing else is answered, and 46 MB in an array
 * of numbers where a block of one repeated octet comes.
 */
export async function* bunzip2(reader: OctetReader): AsyncGenerator<Uint8Array, void, undefined> {
  const bits = new BitReader(reader);
  const pace = new Pace();
  do {
    await bits.ensure(4);
    const magic = bits.bits(24);
    const level = bits.bits(8) - 0x30;
    if (magic !== 0x42_5a68 || level < 1 || level > 9) {
      throw new Refusal("is cut short, or has something else behind its end");
    }
    yield* oneStream(bits, new Uint32Array(level * BLOCK_UNIT), pace);
    bits.align();
  } while (!(await bits.isAtEnd()));
}

async function* oneStream(
  bits: BitReader,
  block: Uint32Array,
  pace: Pace,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let streamCrc = 0; ; ) {
    await bits.ensure(10);
    const high = bits.bits(24);
    const low = bits.bits(24);
    const crc = bits.word32();
    if (high === END_HIGH && low === END_LOW) {
      if (crc !== streamCrc >>> 0) throw new Refusal("is damaged: its checksum does not match");
      return;
    }
    if (high !== BLOCK_HIGH || low !== BLOCK_LOW) throw new Refusal("is damaged");
    const { len, origin } = await readBlock(bits, block, pace);
    const sum = yield* unrolled(block, len, origin, pace);
    if (sum >>> 0 !== crc) throw new Refusal("is damaged: the checksum of a block does not match");
    streamCrc = ((streamCrc << 1) | (streamCrc >>> 31)) ^ crc;
  }
}

/**
 * Goes along the sorted block and undoes the runs: after four equal octets comes how many more there are. Gives the CRC.
 */
async function* unrolled(
  block: Uint32Array,
  len: number,
  origin: number,
  pace: Pace,
): AsyncGenerator<Uint8Array, number, undefined> {
  let out = new Uint8Array(PIECE_LEN);
  let outLen = 0;
  let crc = -1;
  let at = (block[origin] ?? 0) >>> 8;
  let run = 0;
  let last = -1;
  for (let i = 0; i < len; i++) {
    const entry = block[at] ?? 0;
    at = entry >>> 8;
    const octet = entry & 0xff;
    let count = 1;
    if (run === 4) {
      count = octet;
      run = 0;
    } else {
      run = octet === last ? run + 1 : 1;
      last = octet;
    }
    for (; count > 0; count--) {
      crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ last] ?? 0);
      out[outLen++] = last;
    }
    // A run is 255 octets at most.
    if (outLen > PIECE_LEN - 256) {
      yield out.subarray(0, outLen);
      if (pace.due()) await pace.rest();
      out = new Uint8Array(PIECE_LEN);
      outLen = 0;
    }
  }
  if (outLen > 0) yield out.subarray(0, outLen);
  return ~crc;
}
