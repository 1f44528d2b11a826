/*
 * CBOR in its deterministic encoding (RFC 8949 section 4.2.1): shortest heads, no indefinite lengths, keys in the order of their
 * octets. cbor-x writes whole numbers above 2^32 as floating point, which is another encoding of them.
 */

export const UINT = 0;
export const NEGATIVE = 1;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;
export const TAG = 6;
export const FALSE = 0xf4;
export const TRUE = 0xf5;

/** What can be written. A number is whole and safe; of an object those keys that are not undefined. */
export type CborValue =
  | number
  | string
  | boolean
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>
  | { readonly [key: string]: CborValue | undefined };

/** A value as octets. */
export function encodeCbor(value: CborValue): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

/** The head of an item (RFC 8949 section 3). `argument`: 0 to 2^53 - 1. */
export function cborHead(major: number, argument: number): Uint8Array {
  const kind = major << 5;
  if (argument < 24) return Uint8Array.of(kind | argument);
  if (argument < 0x100) return Uint8Array.of(kind | 24, argument);
  const len = argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  const head = Buffer.alloc(1 + len);
  head[0] = kind | (len === 2 ? 25 : len === 4 ? 26 : 27);
  if (len === 8) head.writeBigUInt64BE(BigInt(argument), 1);
  else head.writeUIntBE(argument, 1, len);
  return head;
}

function write(value: CborValue, parts: Uint8Array[]): void {
  if (typeof value === "number") parts.push(writeNumber(value));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? TRUE : FALSE));
  else if (typeof value === "string") {
    const octets = Buffer.from(value, "utf8");
    parts.push(cborHead(TEXT, octets.length), octets);
  } else if (value instanceof Uint8Array) parts.push(cborHead(BYTES, value.length), value);
  else if (isList(value)) {
    parts.push(cborHead(ARRAY, value.length));
    for (const item of value) write(item, parts);
  } else writeMap(value, parts);
}

function writeNumber(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is not a whole number`);
  return value < 0 ? cborHead(NEGATIVE, -1 - value) : cborHead(UINT, value);
}

function writeMap(
  value: ReadonlyMap<CborValue, CborValue> | Readonly<Record<string, CborValue | undefined>>,
  parts: Uint8Array[],
): void {
  const entries: readonly (readonly [CborValue, CborValue | undefined])[] =
    value instanceof Map ? [...value] : Object.entries(value);
  const encoded: { readonly key: Uint8Array; readonly item: CborValue }[] = [];
  for (const [key, item] of entries) {
    if (item !== undefined) encoded.push({ key: encodeCbor(key), item });
  }
  encoded.sort((a, b) => Buffer.compare(a.key, b.key));
  parts.push(cborHead(MAP, encoded.length));
  for (const { key, item } of encoded) {
    parts.push(key);
    write(item, parts);
  }
}

function isList(value: object): value is readonly CborValue[] {
  return Array.isArray(value);
}
