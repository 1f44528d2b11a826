/** Octets of a capture file in the making. */
export interface FileFrame {
  readonly data: Uint8Array;
  readonly seconds?: number;
  /** In the unit of the file. */
  readonly fraction?: number;
  /** Octets on the wire; those of `data` unless told. */
  readonly original?: number;
}

/** How a pcap file is written. */
export interface PcapForm {
  readonly little?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

/** A pcap file. */
export function pcapFile(frames: readonly FileFrame[], form: PcapForm = {}): Uint8Array {
  const little = form.little ?? true;
  const out = new FileOctets(little);
  out
    .u32(form.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4)
    .u16(2)
    .u16(4)
    .u32(0)
    .u32(0);
  out.u32(262_144).u32(form.linkType ?? 1);
  for (const { data, seconds, fraction, original } of frames) {
    out
      .u32(seconds ?? 0)
      .u32(fraction ?? 0)
      .u32(data.length)
      .u32(original ?? data.length);
    out.octets(data);
  }
  return out.done();
}

/** Writes numbers of one byte order. */
export class FileOctets {
  private readonly bytes: number[] = [];
  private readonly little: boolean;

  constructor(little: boolean) {
    this.little = little;
  }

  u16(n: number): this {
    const pair = [n & 255, (n >>> 8) & 255];
    this.bytes.push(...(this.little ? pair : pair.reverse()));
    return this;
  }
  u32(n: number): this {
    const low = n % 0x1_0000;
    const high = Math.floor(n / 0x1_0000);
    return this.little ? this.u16(low).u16(high) : this.u16(high).u16(low);
  }
  octets(data: Uint8Array): this {
    for (const b of data) this.bytes.push(b);
    return this;
  }
  /** A pcapng block around `body`, which is padded. */
  block(type: number, body: Uint8Array): this {
    const padded = body.length + (-body.length & 3);
    const len = padded + 12;
    this.u32(type).u32(len).octets(body);
    for (let i = body.length; i < padded; i++) this.bytes.push(0);
    return this.u32(len);
  }
  done(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
}

/** The blocks of pcapng, in one byte order. */
export class PcapngFile {
  readonly out: FileOctets;
  private readonly little: boolean;

  constructor(little: boolean) {
    this.little = little;
    this.out = new FileOctets(little);
  }

  section(): this {
    const body = this.body().u32(0x1a2b3c4d).u16(1).u16(0).u32(0xffffffff).u32(0xffffffff);
    this.out.block(0x0a0d0d0a, body.done());
    return this;
  }
  /** `options`: pairs of code and value. */
  interface(linkType: number, options: readonly (readonly [number, Uint8Array])[] = []): this {
    const body = this.body().u16(linkType).u16(0).u32(0);
    for (const [code, value] of options) {
      body.u16(code).u16(value.length).octets(value);
      body.octets(new Uint8Array(-value.length & 3));
    }
    this.out.block(1, body.done());
    return this;
  }
  enhanced(id: number, ticks: bigint, data: Uint8Array, comment?: string): this {
    const body = this.body()
      .u32(id)
      .u32(Number(ticks >> 32n))
      .u32(Number(ticks & 0xffffffffn));
    body
      .u32(data.length)
      .u32(data.length)
      .octets(data)
      .octets(new Uint8Array(-data.length & 3));
    if (comment !== undefined) {
      const text = new TextEncoder().encode(comment);
      body
        .u16(1)
        .u16(text.length)
        .octets(text)
        .octets(new Uint8Array(-text.length & 3));
      body.u16(0).u16(0);
    }
    this.out.block(6, body.done());
    return this;
  }
  simple(data: Uint8Array): this {
    this.out.block(3, this.body().u32(data.length).octets(data).done());
    return this;
  }
  /** The packet block of version 0 drafts. */
  obsolete(id: number, ticks: bigint, data: Uint8Array): this {
    const body = this.body()
      .u16(id)
      .u16(0)
      .u32(Number(ticks >> 32n));
    body
      .u32(Number(ticks & 0xffffffffn))
      .u32(data.length)
      .u32(data.length)
      .octets(data);
    this.out.block(2, body.done());
    return this;
  }
  other(type: number, len: number): this {
    this.out.block(type, new Uint8Array(len).fill(0xa5));
    return this;
  }
  done(): Uint8Array {
    return this.out.done();
  }

  private body(): FileOctets {
    return new FileOctets(this.little);
  }
}
