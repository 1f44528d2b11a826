const FIRST_LEN = 1_024;

/** Writes plain data as CBOR (RFC 8949) into memory that grows, in the deterministic encoding of section 4.2.1. */
export class CborWriter {
  private u8: Uint8Array = new Uint8Array(FIRST_LEN);
  private dv: DataView = new DataView(this.u8.buffer);
  private at = 0;

  /** Adds an item. Throws TypeError for what is not plain data. */
  item(value: unknown): void {
    if (value === null) this.octet(0xf6);
    else if (typeof value === "boolean") this.octet(value ? 0xf5 : 0xf4);
    else if (typeof value === "string") this.string(3, Buffer.from(value, "utf8"));
    else if (typeof value === "number") this.number(value);
    else if (value instanceof Uint8Array) this.string(2, value);
    else if (Array.isArray(value)) this.array(value);
    else if (typeof value === "object" && isPlain(value)) this.map(value);
    else throw new TypeError(`not plain data: ${typeof value}`);
  }

  /** What was written, as a copy. */
  done(): Uint8Array {
    return this.u8.slice(0, this.at);
  }

  private array(elements: readonly unknown[]): void {
    this.head(4, elements.length);
    for (const element of elements) this.item(element);
  }

  private map(value: object): void {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [Buffer.from(key, "utf8"), member] as const)
      // The encoded length comes before the octets, so that shorter keys come first.
      .sort(([a], [b]) => a.length - b.length || Buffer.compare(a, b));
    this.head(5, members.length);
    for (const [key, member] of members) {
      this.string(3, key);
      this.item(member);
    }
  }

  private string(major: number, octets: Uint8Array): void {
    this.head(major, octets.length);
    this.room(octets.length);
    this.u8.set(octets, this.at);
    this.at += octets.length;
  }

  private number(n: number): void {
    if (!Number.isFinite(n)) throw new TypeError(`not plain data: ${n}`);
    if (!Number.isSafeInteger(n)) this.float(n);
    else if (n < 0) this.head(1, -1 - n);
    else this.head(0, n);
  }

  private head(major: number, n: number): void {
    this.room(9);
    const { dv, at } = this;
    const len = n < 24 ? 0 : n < 0x100 ? 1 : n < 0x1_0000 ? 2 : n < 0x1_0000_0000 ? 4 : 8;
    dv.setUint8(at, (major << 5) | (len === 0 ? n : 24 + Math.log2(len)));
    if (len === 1) dv.setUint8(at + 1, n);
    else if (len === 2) dv.setUint16(at + 1, n);
    else if (len === 4) dv.setUint32(at + 1, n);
    else if (len === 8) {
      dv.setUint32(at + 1, Math.floor(n / 0x1_0000_0000));
      dv.setUint32(at + 5, n % 0x1_0000_0000);
    }
    this.at = at + 1 + len;
  }

  /** The shortest of the three floats that has the same value. */
  private float(n: number): void {
    this.room(9);
    const { dv, at } = this;
    if (Math.fround(n) !== n) {
      dv.setUint8(at, 0xfb);
      dv.setFloat64(at + 1, n);
      this.at = at + 9;
      return;
    }
    dv.setUint8(at, 0xfa);
    dv.setFloat32(at + 1, n);
    const bits = halfOf(dv.getUint32(at + 1));
    if (bits === undefined) {
      this.at = at + 5;
      return;
    }
    dv.setUint8(at, 0xf9);
    dv.setUint16(at + 1, bits);
    this.at = at + 3;
  }

  private octet(n: number): void {
    this.room(1);
    this.dv.setUint8(this.at++, n);
  }

  private room(len: number): void {
    if (this.at + len <= this.u8.length) return;
    const larger = new Uint8Array(Math.max(this.u8.length * 2, this.at + len));
    larger.set(this.u8);
    this.u8 = larger;
    this.dv = new DataView(larger.buffer);
  }
}

function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

/** The 16 bits of a number of 32 bits, where they are enough (IEEE 754 binary16). */
function halfOf(bits: number): number | undefined {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const mantissa = bits & 0x7f_ffff;
  if (exponent >= -14 && exponent <= 15) {
    return mantissa & 0x1fff ? undefined : sign | ((exponent + 15) << 10) | (mantissa >>> 13);
  }
  if (exponent < -24 || exponent > 15) return undefined;
  const whole = mantissa | 0x80_0000;
  const shift = -(exponent + 1);
  return whole & ((1 << shift) - 1) ? undefined : sign | (whole >>> shift);
}
