import { AgentError } from "../errors.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads CBOR (RFC 8949) that `walkCbor` found in order; without that nothing here is bounded. Tags are stepped over. */
export class CborReader {
  private readonly u8: Uint8Array;
  private readonly dv: DataView;
  /** Offset of the next item. */
  at = 0;

  constructor(u8: Uint8Array) {
    // A Buffer's own slice() would not copy.
    this.u8 = new Uint8Array(u8.buffer, u8.byteOffset, u8.byteLength);
    this.dv = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
  }

  item(): unknown {
    const initial = this.dv.getUint8(this.at++);
    const major = initial >> 5;
    const info = initial & 31;
    if (major === 7) return this.simple(info);
    const n = this.argument(info);
    switch (major) {
      case 0:
        return safe(n);
      case 1:
        return safe(-1 - n);
      case 2:
        return this.octets(n).slice();
      case 3:
        return decoder.decode(this.octets(n));
      case 4:
        return Array.from({ length: n }, () => this.item());
      case 5:
        // Whatever a key is called, "__proto__" too, it becomes a member.
        return Object.fromEntries(
          Array.from({ length: n }, () => [String(this.item()), this.item()]),
        );
      default:
        return this.item();
    }
  }

  private argument(info: number): number {
    const { dv, at } = this;
    if (info < 24) return info;
    this.at = at + (1 << (info - 24));
    if (info === 24) return dv.getUint8(at);
    if (info === 25) return dv.getUint16(at);
    if (info === 26) return dv.getUint32(at);
    return dv.getUint32(at) * 0x1_0000_0000 + dv.getUint32(at + 4);
  }

  private octets(len: number): Uint8Array {
    this.at += len;
    return this.u8.subarray(this.at - len, this.at);
  }

  private simple(info: number): unknown {
    const { dv, at } = this;
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    this.at = at + (1 << (info - 24));
    if (info === 25) return half(dv.getUint16(at));
    return info === 26 ? dv.getFloat32(at) : dv.getFloat64(at);
  }
}

function safe(n: number): number {
  if (Number.isSafeInteger(n)) return n;
  throw new AgentError("E_PROTOCOL", "a message has an integer beyond 2^53 - 1");
}

/** A number of 16 bits (RFC 8949 appendix D). */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 0x3ff;
  const size = exponent === 0 ? mantissa * 2 ** -24 : (mantissa + 0x400) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}
