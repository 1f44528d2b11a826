/** A data item of CBOR with what the type of a value in JavaScript would hide: 1 and 1.0 differ, and so do keys of any type. */
export type CborNode =
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "bytes"; readonly octets: Uint8Array }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "array"; readonly items: readonly CborNode[] }
  | { readonly kind: "map"; readonly members: readonly (readonly [CborNode, CborNode])[] }
  | { readonly kind: "tag"; readonly tag: bigint; readonly content: CborNode }
  | { readonly kind: "simple"; readonly value: number }
  | { readonly kind: "float" };

/** Reads one item that fills the octets. Throws for anything else; definite lengths alone. */
export function parseCbor(octets: Uint8Array): CborNode {
  const reader = { dv: new DataView(octets.buffer, octets.byteOffset, octets.byteLength), at: 0 };
  const node = item(reader);
  if (reader.at !== octets.length) throw new Error("something follows the item");
  return node;
}

interface Reader {
  readonly dv: DataView;
  at: number;
}

function item(r: Reader): CborNode {
  const initial = r.dv.getUint8(r.at++);
  const [major, info] = [initial >> 5, initial & 31];
  if (info > 27) throw new Error(`additional information ${info}`);
  const argument = info < 24 ? BigInt(info) : argumentOf(r, 1 << (info - 24));
  switch (major) {
    case 0:
      return { kind: "int", value: argument };
    case 1:
      return { kind: "int", value: -1n - argument };
    case 2:
      return { kind: "bytes", octets: octetsOf(r, Number(argument)) };
    case 3:
      return {
        kind: "text",
        text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
          octetsOf(r, Number(argument)),
        ),
      };
    case 4:
      return { kind: "array", items: times(argument, () => item(r)) };
    case 5:
      return { kind: "map", members: times(argument, () => [item(r), item(r)] as const) };
    case 6:
      return { kind: "tag", tag: argument, content: item(r) };
    default:
      return info > 24 ? { kind: "float" } : { kind: "simple", value: Number(argument) };
  }
}

function argumentOf(r: Reader, len: number): bigint {
  let n = 0n;
  for (let i = 0; i < len; i++) n = (n << 8n) | BigInt(r.dv.getUint8(r.at++));
  return n;
}

function octetsOf(r: Reader, len: number): Uint8Array {
  if (len > r.dv.byteLength - r.at) throw new Error("cut off");
  r.at += len;
  return new Uint8Array(r.dv.buffer, r.dv.byteOffset + r.at - len, len);
}

function times<T>(count: bigint, make: () => T): T[] {
  const made: T[] = [];
  for (let i = 0n; i < count; i++) made.push(make());
  return made;
}
