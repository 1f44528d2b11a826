import type { Random } from "./random.ts";

/** Values at which comparisons and arithmetic turn. */
const INTERESTING: readonly number[] = [
  0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xfc, 0xfe, 0xff, 0x100, 0x101, 0x190,
  0x191, 0x3ff, 0x400, 0x401, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_fffc, 0xffff_ffff,
];
const WIDTHS: readonly number[] = [1, 2, 4];
const MAX_RANGE = 64;
const MAX_DELTA = 35;

/** Makes new inputs out of old ones. What it returns is exactly as long as the input. */
export class Mutator {
  private readonly random: Random;
  private readonly dictionary: readonly Uint8Array[];
  private readonly maxLen: number;
  private readonly u8: Uint8Array;
  private readonly dv: DataView;
  private len = 0;

  constructor(random: Random, dictionary: readonly Uint8Array[], maxLen: number) {
    this.random = random;
    this.dictionary = dictionary;
    this.maxLen = maxLen;
    this.u8 = new Uint8Array(maxLen);
    this.dv = new DataView(this.u8.buffer);
  }

  /** A mutant of `parent`, with parts of `other` in it now and then; one to sixteen changes. */
  mutate(parent: Uint8Array, other: Uint8Array): Uint8Array {
    const { random } = this;
    this.len = Math.min(parent.length, this.maxLen);
    this.u8.set(parent.subarray(0, this.len));
    for (let changes = 1 << random.below(5); changes > 0; changes--) this.change(other);
    return this.u8.slice(0, this.len);
  }

  private change(other: Uint8Array): void {
    const { random } = this;
    const word = (): Uint8Array => random.pick(this.dictionary) ?? this.noise();
    switch (random.below(14)) {
      case 0:
        this.flipBit();
        break;
      case 1:
      case 2:
        this.put(1, random.below(256));
        break;
      case 3:
        this.add();
        break;
      case 4:
      case 5:
        this.put(random.pick(WIDTHS) ?? 1, random.pick(INTERESTING) ?? 0);
        break;
      case 6:
        this.putLength();
        break;
      case 7:
        this.remove();
        break;
      case 8:
        this.duplicate();
        break;
      case 9:
        this.insert(this.noise(), true);
        break;
      case 10:
        this.insert(word(), true);
        break;
      case 11:
        this.insert(word(), false);
        break;
      case 12:
        this.insert(this.part(other), random.chance(0.5));
        break;
      default:
        this.splice(other);
    }
  }

  private flipBit(): void {
    const at = this.random.below(this.len);
    if (at < this.len) this.u8[at] = (this.u8[at] ?? 0) ^ (1 << this.random.below(8));
  }

  /** A big-endian number somewhere. */
  private put(width: number, value: number): void {
    this.write(this.random.below(this.len - width + 1), width, value);
  }

  private add(): void {
    const width = this.random.pick(WIDTHS) ?? 1;
    const at = this.random.below(this.len - width + 1);
    if (at + width > this.len) return;
    const delta = this.random.below(2 * MAX_DELTA + 1) - MAX_DELTA;
    const { dv } = this;
    const old = width === 1 ? dv.getUint8(at) : width === 2 ? dv.getUint16(at) : dv.getUint32(at);
    this.write(at, width, old + delta);
  }

  /** A number that says how much follows it, or one less or more. */
  private putLength(): void {
    const width = this.random.pick(WIDTHS) ?? 1;
    const at = this.random.below(this.len - width + 1);
    const rest = this.len - at - width;
    const claimed = this.random.chance(0.5) ? rest : this.random.below(rest + 1);
    this.write(at, width, claimed + this.random.below(3) - 1);
  }

  private write(at: number, width: number, value: number): void {
    if (at + width > this.len) return;
    if (width === 1) this.dv.setUint8(at, value);
    else if (width === 2) this.dv.setUint16(at, value);
    else this.dv.setUint32(at, value);
  }

  private remove(): void {
    const from = this.random.below(this.len);
    // One in four cuts off the end.
    const most = this.random.chance(0.25) ? this.len : MAX_RANGE;
    const count = Math.min(1 + this.random.below(most), this.len - from);
    this.u8.copyWithin(from, from + count, this.len);
    this.len -= Math.max(count, 0);
  }

  private duplicate(): void {
    const from = this.random.below(this.len);
    const count = Math.min(1 + this.random.below(MAX_RANGE), this.len - from);
    if (count > 0) this.insert(this.u8.slice(from, from + count), this.random.chance(0.5));
  }

  private noise(): Uint8Array {
    const octets = new Uint8Array(1 + this.random.below(this.random.chance(0.1) ? 300 : 8));
    if (this.random.chance(0.5)) octets.fill(this.random.below(256));
    else for (let i = 0; i < octets.length; i++) octets[i] = this.random.below(256);
    return octets;
  }

  private part(other: Uint8Array): Uint8Array {
    const from = this.random.below(other.length);
    return other.subarray(from, from + 1 + this.random.below(MAX_RANGE));
  }

  /** Puts octets somewhere: between what is there, or over it. */
  private insert(octets: Uint8Array, between: boolean): void {
    const at = this.random.below(this.len + 1);
    const count = Math.min(octets.length, this.maxLen - at);
    if (between) {
      const kept = Math.min(this.len - at, this.maxLen - at - count);
      this.u8.copyWithin(at + count, at, at + kept);
      this.len = at + count + kept;
    } else {
      this.len = Math.max(this.len, at + count);
    }
    this.u8.set(octets.subarray(0, count), at);
  }

  /** Our beginning, the other's end. */
  private splice(other: Uint8Array): void {
    const at = this.random.below(this.len + 1);
    const tail = other.subarray(this.random.below(other.length), this.maxLen);
    const count = Math.min(tail.length, this.maxLen - at);
    this.u8.set(tail.subarray(0, count), at);
    this.len = at + count;
  }
}
