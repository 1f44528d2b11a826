import type { Octets } from "../../../protocols/wire/octets.ts";

/** Octets of a key. */
export const SIPHASH_KEY_LEN = 16;

/** Rounds: two for each of three words (the message's two, and its length), then four for each half of the result. */
const ROUNDS = 14;
/** The last word: the message's length in its highest octet. */
const LENGTH_WORD = 16 << 24;

/**
 * SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012) of messages of 16 octets.
 *
 * BigInt would allocate and an HMAC of OpenSSL costs several microseconds, which a READ from memory would feel: so each of the
 * four words is two numbers of 32 bits here. `low` and `high` in a name are the halves of a word.
 */
export class SipHash {
  private readonly k0Low: number;
  private readonly k0High: number;
  private readonly k1Low: number;
  private readonly k1High: number;
  /** The result, in words of 32 bits as they lie in memory; good until the next `of`. */
  a = 0;
  b = 0;
  c = 0;
  d = 0;

  /** `key`: SIPHASH_KEY_LEN octets. */
  constructor(key: Uint8Array) {
    if (key.length !== SIPHASH_KEY_LEN) throw new Error(`a key of ${key.length} octets`);
    const dv = new DataView(key.buffer, key.byteOffset, SIPHASH_KEY_LEN);
    this.k0Low = dv.getInt32(0, true);
    this.k0High = dv.getInt32(4, true);
    this.k1Low = dv.getInt32(8, true);
    this.k1High = dv.getInt32(12, true);
  }

  /** Hashes 16 octets at `at`; the result is in `a` to `d`. */
  of({ dv }: Octets, at: number): void {
    const m0Low = dv.getInt32(at, true);
    const m0High = dv.getInt32(at + 4, true);
    const m1Low = dv.getInt32(at + 8, true);
    const m1High = dv.getInt32(at + 12, true);
    let v0Low = this.k0Low ^ 0x70736575;
    let v0High = this.k0High ^ 0x736f6d65;
    let v1Low = this.k1Low ^ 0x6e646f6d ^ 0xee;
    let v1High = this.k1High ^ 0x646f7261;
    let v2Low = this.k0Low ^ 0x6e657261;
    let v2High = this.k0High ^ 0x6c796765;
    let v3Low = this.k1Low ^ 0x79746573 ^ m0Low;
    let v3High = this.k1High ^ 0x74656462 ^ m0High;
    let t = 0;
    let low = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
      low = (v0Low + v1Low) | 0;
      v0High = (v0High + v1High + (low >>> 0 < v0Low >>> 0 ? 1 : 0)) | 0;
      t = v1High;
      v1High = ((v1High << 13) | (v1Low >>> 19)) ^ v0High;
      v1Low = ((v1Low << 13) | (t >>> 19)) ^ low;
      v0Low = v0High;
      v0High = low;
      // v2 += v3; v3 <<<= 16; v3 ^= v2
      low = (v2Low + v3Low) | 0;
      v2High = (v2High + v3High + (low >>> 0 < v2Low >>> 0 ? 1 : 0)) | 0;
      v2Low = low;
      t = v3High;
      v3High = ((v3High << 16) | (v3Low >>> 16)) ^ v2High;
      v3Low = ((v3Low << 16) | (t >>> 16)) ^ v2Low;
      // v0 += v3; v3 <<<= 21; v3 ^= v0
      low = (v0Low + v3Low) | 0;
      v0High = (v0High + v3High + (low >>> 0 < v0Low >>> 0 ? 1 : 0)) | 0;
      v0Low = low;
      t = v3High;
      v3High = ((v3High << 21) | (v3Low >>> 11)) ^ v0High;
      v3Low = ((v3Low << 21) | (t >>> 11)) ^ v0Low;
      // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
      low = (v2Low + v1Low) | 0;
      v2High = (v2High + v1High + (low >>> 0 < v2Low >>> 0 ? 1 : 0)) | 0;
      t = v1High;
      v1High = ((v1High << 17) | (v1Low >>> 15)) ^ v2High;
      v1Low = ((v1Low << 17) | (t >>> 15)) ^ low;
      v2Low = v2High;
      v2High = low;
      if (round === 2) {
        v0Low ^= m0Low;
        v0High ^= m0High;
        v3Low ^= m1Low;
        v3High ^= m1High;
      } else if (round === 4) {
        v0Low ^= m1Low;
        v0High ^= m1High;
        v3High ^= LENGTH_WORD;
      } else if (round === 6) {
        v0High ^= LENGTH_WORD;
        v2Low ^= 0xee;
      } else if (round === 10) {
        this.a = v0Low ^ v1Low ^ v2Low ^ v3Low;
        this.b = v0High ^ v1High ^ v2High ^ v3High;
        v1Low ^= 0xdd;
      }
    }
    this.c = v0Low ^ v1Low ^ v2Low ^ v3Low;
    this.d = v0High ^ v1High ^ v2High ^ v3High;
  }
}
