// How a Node user reads and writes XDR (RFC 4506) without a package: a reader over a Buffer, a writer that collects parts.

export class XdrReader {
  private readonly b: Buffer;
  private at = 0;

  constructor(b: Buffer) {
    this.b = b;
  }
  u32(): number {
    const n = this.b.readUInt32BE(this.at);
    this.at += 4;
    return n;
  }
  i32(): number {
    const n = this.b.readInt32BE(this.at);
    this.at += 4;
    return n;
  }
  opaque(len: number): Buffer {
    const part = this.b.subarray(this.at, this.at + len);
    this.at += Math.ceil(len / 4) * 4;
    return part;
  }
  opaqueVar(): Buffer {
    return this.opaque(this.u32());
  }
  string(): string {
    return this.opaqueVar().toString("utf8");
  }
  rest(): Buffer {
    return this.b.subarray(this.at);
  }
}

/** A Buffer of words. */
export function words(...values: readonly number[]): Buffer {
  const b = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) b.writeUInt32BE(value >>> 0, i * 4);
  return b;
}

/** A string with its length word and padding. */
export function xdrString(text: string): Buffer {
  const octets = Buffer.from(text, "utf8");
  const b = Buffer.alloc(4 + Math.ceil(octets.length / 4) * 4);
  b.writeUInt32BE(octets.length, 0);
  octets.copy(b, 4);
  return b;
}
