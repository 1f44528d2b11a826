import { cutTo } from "./names.ts";

/** RFC 6763 section 6.1: octets of one string. */
const MAX_STRING_LEN = 255;
/** Keys of one record that are looked at. */
const MAX_KEYS = 32;
/** RFC 6763 section 6.4: printable ASCII without "=". */
const KEY = /^[\x20-\x3c\x3e-\x7e]+$/;

/** "key=value" strings; a value that would be too long is cut. */
export function writeTxt(
  values: readonly (readonly [key: string, value: string])[],
): readonly Uint8Array[] {
  return values.map(([key, value]) => Buffer.from(cutTo(`${key}=${value}`, MAX_STRING_LEN)));
}

/** Keys in lower case to values; of a key that is there twice the first counts (RFC 6763 section 6.4). */
export function readTxt(strings: readonly Uint8Array[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const octets of strings.slice(0, MAX_KEYS)) {
    const text = Buffer.from(octets).toString();
    const equals = text.indexOf("=");
    const key = (equals < 0 ? text : text.slice(0, equals)).toLowerCase();
    if (KEY.test(key) && !values.has(key))
      values.set(key, equals < 0 ? "" : text.slice(equals + 1));
  }
  return values;
}

/** The data of a TXT record as octets: each string behind its length. */
export function txtRdata(strings: readonly Uint8Array[]): Buffer {
  return Buffer.concat(strings.flatMap((s) => [Buffer.of(s.length), s]));
}
