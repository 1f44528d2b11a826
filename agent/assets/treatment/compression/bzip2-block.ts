import type { Pace } from "../pace.ts";
import { Refusal } from "../refusal.ts";
import type { BitReader } from "./bzip2-bits.ts";

const MAX_CODE_LEN = 20;
const GROUP_LEN = 50;
const MAX_SELECTORS = 18_002;
/** Octets that a group's symbols take at most, and those that a selector or a code length may begin with. */
const GROUP_OCTETS = (GROUP_LEN * MAX_CODE_LEN) / 8 + 4;
/** How far the sorting goes before it looks at the clock. */
const SORT_STEP = 32 * 1024;

/** A block whose entries hold an octet (low 8 bits) and where the next one is (the rest). */
export interface SortedBlock {
  readonly len: number;
  /** The entry that leads to the first one. */
  readonly origin: number;
}

interface Code {
  /** For each length: 24-bit values below this have a code of at most that length. */
  readonly limit: Int32Array;
  /** For each length: what is taken off a code to have its place in `symbols`. */
  readonly base: Int32Array;
  readonly symbols: Uint16Array;
  readonly minLen: number;
  readonly maxLen: number;
}

/** Reads one block behind its CRC into `block`, which bounds its length. Throws a Refusal for anything that is not sound. */
export async function readBlock(
  bits: BitReader,
  block: Uint32Array,
  pace: Pace,
): Promise<SortedBlock> {
  await bits.ensure(64);
  if (bits.bits(1) !== 0)
    throw new Refusal("was made by bzip2 0.9.0 or older, which is not supported");
  const origin = bits.bits(24);
  const octets = readAlphabet(bits);
  const codeCount = bits.bits(3);
  const selectorCount = bits.bits(15);
  if (codeCount < 2 || codeCount > 6 || selectorCount === 0) throw new Refusal("is damaged");
  const selectors = await readSelectors(bits, codeCount, selectorCount);
  const codes: Code[] = [];
  for (let i = 0; i < codeCount; i++) codes.push(await readCode(bits, octets.length + 2));
  const counts = new Uint32Array(256);
  const len = await readSymbols(bits, block, octets, selectors, codes, counts, pace);
  if (origin >= len) throw new Refusal("is damaged");
  // The inverse Burrows-Wheeler transform.
  let sum = 0;
  for (let octet = 0; octet < 256; octet++) {
    const count = counts[octet] ?? 0;
    counts[octet] = sum;
    sum += count;
  }
  for (let from = 0; from < len; from += SORT_STEP) {
    link(block, counts, from, Math.min(len, from + SORT_STEP));
    if (pace.due()) await pace.rest();
  }
  return { len, origin };
}

function link(block: Uint32Array, places: Uint32Array, from: number, end: number): void {
  for (let i = from; i < end; i++) {
    const octet = (block[i] ?? 0) & 0xff;
    const place = places[octet] ?? 0;
    places[octet] = place + 1;
    block[place] = (block[place] ?? 0) | (i << 8);
  }
}

/** The octets that the block has, ascending: 16 bits for ranges of 16, then 16 for each range that is there. */
function readAlphabet(bits: BitReader): Uint8Array {
  const octets: number[] = [];
  const ranges = bits.bits(16);
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue;
    const members = bits.bits(16);
    for (let i = 0; i < 16; i++) if ((members & (0x8000 >> i)) !== 0) octets.push(range * 16 + i);
  }
  if (octets.length === 0) throw new Refusal("is damaged");
  return Uint8Array.from(octets);
}

/** Which code each group of 50 symbols has; more than a block can need are passed over, as bzip2 1.0.8 does. */
async function readSelectors(bits: BitReader, codes: number, count: number): Promise<Uint8Array> {
  const selectors = new Uint8Array(Math.min(count, MAX_SELECTORS));
  const recent = Uint8Array.of(0, 1, 2, 3, 4, 5);
  for (let i = 0; i < count; i++) {
    if (!bits.holds(GROUP_OCTETS)) await bits.ensure(GROUP_OCTETS);
    let place = 0;
    while (bits.bits(1) === 1) if (++place >= codes) throw new Refusal("is damaged");
    const code = recent[place] ?? 0;
    recent.copyWithin(1, 0, place);
    recent[0] = code;
    selectors[i] = code;
  }
  return selectors;
}

async function readCode(bits: BitReader, symbolCount: number): Promise<Code> {
  const lens = new Uint8Array(symbolCount);
  await bits.ensure(GROUP_OCTETS);
  let len = bits.bits(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (;;) {
      if (len < 1 || len > MAX_CODE_LEN) throw new Refusal("is damaged");
      if (!bits.holds(GROUP_OCTETS)) await bits.ensure(GROUP_OCTETS);
      if (bits.bits(1) === 0) break;
      len += bits.bits(1) === 0 ? 1 : -1;
    }
    lens[symbol] = len;
  }
  return codeOf(lens);
}

/** Canonical Huffman: shorter codes first, and among those of one length the smaller symbols. */
function codeOf(lens: Uint8Array): Code {
  const minLen = lens.reduce((a, b) => Math.min(a, b));
  const maxLen = lens.reduce((a, b) => Math.max(a, b));
  const limit = new Int32Array(MAX_CODE_LEN + 2);
  const base = new Int32Array(MAX_CODE_LEN + 2);
  const symbols = new Uint16Array(lens.length);
  let code = 0;
  let place = 0;
  for (let len = minLen; len <= maxLen; len++) {
    base[len] = code - place;
    for (const [symbol, its] of lens.entries()) if (its === len) symbols[place++] = symbol;
    code = place + (base[len] ?? 0);
    limit[len] = code * 2 ** (24 - len);
    code *= 2;
  }
  return { limit, base, symbols, minLen, maxLen };
}

/** Undoes Huffman coding, the runs and move-to-front; `counts` gets how often each octet comes. Gives the block's length. */
async function readSymbols(
  bits: BitReader,
  block: Uint32Array,
  octets: Uint8Array,
  selectors: Uint8Array,
  codes: readonly Code[],
  counts: Uint32Array,
  pace: Pace,
): Promise<number> {
  const end = octets.length + 1;
  const recent = octets;
  let len = 0;
  let run = 0;
  let unit = 1;
  for (const selector of selectors) {
    if (!bits.holds(GROUP_OCTETS)) await bits.ensure(GROUP_OCTETS);
    if (pace.due()) await pace.rest();
    const code = codes[selector];
    if (code === undefined) break;
    for (let i = 0; i < GROUP_LEN; i++) {
      const symbol = readSymbol(bits, code);
      if (symbol < 2) {
        // Runs of the most recent octet, their length in digits 1 and 2 of base 2.
        run += unit * (symbol + 1);
        unit *= 2;
        if (run > block.length) throw new Refusal("is damaged");
        continue;
      }
      if (run > 0) {
        const octet = recent[0] ?? 0;
        if (len + run > block.length) throw new Refusal("is damaged");
        block.fill(octet, len, len + run);
        counts[octet] = (counts[octet] ?? 0) + run;
        len += run;
        run = 0;
        unit = 1;
      }
      if (symbol === end) return len;
      const octet = recent[symbol - 1] ?? 0;
      recent.copyWithin(1, 0, symbol - 1);
      recent[0] = octet;
      if (len >= block.length) throw new Refusal("is damaged");
      block[len++] = octet;
      counts[octet] = (counts[octet] ?? 0) + 1;
    }
  }
  throw new Refusal("is damaged");
}

function readSymbol(bits: BitReader, code: Code): number {
  const next = bits.peek();
  const { limit, maxLen } = code;
  let len = code.minLen;
  while (next >= (limit[len] ?? 0)) if (++len > maxLen) throw new Refusal("is damaged");
  bits.drop(len);
  return code.symbols[(next >>> (24 - len)) - (code.base[len] ?? 0)] ?? 0;
}
