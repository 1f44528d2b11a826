/**
 * XXH64 with seed 0, its lower 32 bits: what a zstd frame ends with (RFC 8878 section 3.1.1). 64-bit numbers are pairs of
 * 32-bit ones here: BigInt is some twenty times slower.
 */
export class XxHash64 {
  // Four accumulators, high and low words in turn.
  private readonly acc: Int32Array = Int32Array.of(
    ...[0x60ea27ee, 0xadc0b5d6, 0xc2b2ae3d, 0x27d4eb4f, 0, 0, 0x61c8864e, 0x7a143579],
  );
  private readonly rest: Uint8Array = new Uint8Array(32);
  private restLen = 0;
  private total = 0;

  update(octets: Uint8Array): void {
    this.total += octets.length;
    let at = 0;
    if (this.restLen > 0) {
      at = Math.min(32 - this.restLen, octets.length);
      this.rest.set(octets.subarray(0, at), this.restLen);
      this.restLen += at;
      if (this.restLen < 32) return;
      this.stripes(this.rest, 0, 32);
      this.restLen = 0;
    }
    const end = at + ((octets.length - at) & ~31);
    this.stripes(octets, at, end);
    this.rest.set(octets.subarray(end));
    this.restLen = octets.length - end;
  }

  /** The lower 32 bits, unsigned. */
  digest32(): number {
    const { acc } = this;
    const h = new Word64(0x27d4eb2f, 0x165667c5); // prime 5
    if (this.total >= 32) {
      h.set(0, 0);
      for (const [i, bits] of [1, 7, 12, 18].entries()) {
        const v = new Word64(acc[2 * i] ?? 0, acc[2 * i + 1] ?? 0);
        v.rotate(bits);
        h.add(v.hi, v.lo);
      }
      for (let i = 0; i < 4; i++) {
        const v = new Word64(acc[2 * i] ?? 0, acc[2 * i + 1] ?? 0);
        v.round();
        h.xor(v.hi, v.lo);
        h.multiply(P1_HI, P1_LO);
        h.add(P4_HI, P4_LO);
      }
    }
    h.add(Math.floor(this.total / 0x1_0000_0000) | 0, this.total | 0);
    const dv = new DataView(this.rest.buffer);
    let at = 0;
    for (; at + 8 <= this.restLen; at += 8) {
      const k = new Word64(dv.getInt32(at + 4, true), dv.getInt32(at, true));
      k.multiply(P2_HI, P2_LO);
      k.rotate(31);
      k.multiply(P1_HI, P1_LO);
      h.xor(k.hi, k.lo);
      h.rotate(27);
      h.multiply(P1_HI, P1_LO);
      h.add(P4_HI, P4_LO);
    }
    for (; at + 4 <= this.restLen; at += 4) {
      const k = new Word64(0, dv.getInt32(at, true));
      k.multiply(P1_HI, P1_LO);
      h.xor(k.hi, k.lo);
      h.rotate(23);
      h.multiply(P2_HI, P2_LO);
      h.add(P3_HI, P3_LO);
    }
    for (; at < this.restLen; at++) {
      const k = new Word64(0, dv.getUint8(at));
      k.multiply(0x27d4eb2f, 0x165667c5);
      h.xor(k.hi, k.lo);
      h.rotate(11);
      h.multiply(P1_HI, P1_LO);
    }
    h.xorShift(33);
    h.multiply(P2_HI, P2_LO);
    h.xorShift(29);
    h.multiply(P3_HI, P3_LO);
    h.xorShift(32);
    return h.lo >>> 0;
  }

  /** Whole stripes of 32 octets: acc = rotl(acc + word * prime 2, 31) * prime 1, written out since this is the hot loop. */
  private stripes(u8: Uint8Array, from: number, end: number): void {
    const { acc } = this;
    for (let lane = 0; lane < 4; lane++) {
      let hi = acc[2 * lane] ?? 0;
      let lo = acc[2 * lane + 1] ?? 0;
      for (let at = from + lane * 8; at < end; at += 32) {
        const wl =
          octet(u8, at) |
          (octet(u8, at + 1) << 8) |
          (octet(u8, at + 2) << 16) |
          (octet(u8, at + 3) << 24);
        const wh =
          octet(u8, at + 4) |
          (octet(u8, at + 5) << 8) |
          (octet(u8, at + 6) << 16) |
          (octet(u8, at + 7) << 24);
        const addLo = Math.imul(wl, P2_LO);
        const addHi = (highWord(wl, P2_LO) + Math.imul(wh, P2_LO) + Math.imul(wl, P2_HI)) | 0;
        const sum = (lo >>> 0) + (addLo >>> 0);
        lo = sum | 0;
        hi = (hi + addHi + (sum > 0xffff_ffff ? 1 : 0)) | 0;
        const rotHi = (hi << 31) | (lo >>> 1);
        const rotLo = (lo << 31) | (hi >>> 1);
        lo = Math.imul(rotLo, P1_LO);
        hi = (highWord(rotLo, P1_LO) + Math.imul(rotHi, P1_LO) + Math.imul(rotLo, P1_HI)) | 0;
      }
      acc[2 * lane] = hi;
      acc[2 * lane + 1] = lo;
    }
  }
}

const P1_HI = 0x9e3779b1 | 0;
const P1_LO = 0x85ebca87 | 0;
const P2_HI = 0xc2b2ae3d | 0;
const P2_LO = 0x27d4eb4f | 0;
const P3_HI = 0x165667b1 | 0;
const P3_LO = 0x9e3779f9 | 0;
const P4_HI = 0x85ebca77 | 0;
const P4_LO = 0xc2b2ae63 | 0;

function octet(u8: Uint8Array, at: number): number {
  return u8[at] ?? 0;
}

/** The upper 32 bits of the product of two unsigned 32-bit numbers. */
function highWord(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const mid = ah * bl + ((al * bl) >>> 16);
  const mid2 = al * bh + (mid & 0xffff);
  // `mid` is below 2^32, and so is each sum.
  return (ah * bh + (mid >>> 16) + (mid2 >>> 16)) | 0;
}

/** A number of 64 bits that is changed in place. */
class Word64 {
  hi: number;
  lo: number;

  constructor(hi: number, lo: number) {
    this.hi = hi | 0;
    this.lo = lo | 0;
  }

  set(hi: number, lo: number): void {
    this.hi = hi | 0;
    this.lo = lo | 0;
  }

  add(hi: number, lo: number): void {
    const sum = (this.lo >>> 0) + (lo >>> 0);
    this.set(this.hi + hi + (sum > 0xffff_ffff ? 1 : 0), sum);
  }

  xor(hi: number, lo: number): void {
    this.set(this.hi ^ hi, this.lo ^ lo);
  }

  multiply(hi: number, lo: number): void {
    const high = highWord(this.lo, lo) + Math.imul(this.hi, lo) + Math.imul(this.lo, hi);
    this.set(high, Math.imul(this.lo, lo));
  }

  /** To the left, by 1 to 31 bits. */
  rotate(bits: number): void {
    const { hi, lo } = this;
    this.set((hi << bits) | (lo >>> (32 - bits)), (lo << bits) | (hi >>> (32 - bits)));
  }

  /** `this ^= this >>> bits`, by 29, 32 or 33 bits. */
  xorShift(bits: number): void {
    const { hi, lo } = this;
    if (bits >= 32) this.set(hi, lo ^ (bits === 32 ? hi : hi >>> (bits - 32)));
    else this.set(hi ^ (hi >>> bits), lo ^ ((lo >>> bits) | (hi << (32 - bits))));
  }

  round(): void {
    this.multiply(P2_HI, P2_LO);
    this.rotate(31);
    this.multiply(P1_HI, P1_LO);
  }
}
