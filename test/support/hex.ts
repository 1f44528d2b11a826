import { Octets } from "../../protocols/wire/octets.ts";

/** Octets exactly as long as the spaced hex text, so that any over-read throws. */
export function hex(text: string): Octets {
  return new Octets(bytes(text));
}

/** The octets of a spaced hex text. */
export function bytes(text: string): Uint8Array {
  const clean = text.replace(/\s+/g, "");
  if (clean.length % 2 !== 0 || /[^0-9a-fA-F]/.test(clean)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(clean.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Hex of a range of octets, lower case, no spaces. */
export function toHex(o: Octets, at = 0, len: number = o.u8.length - at): string {
  return Array.from(o.u8.subarray(at, at + len), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** A slab of octets that are all 0xa5: an emitter that leaves a hole shows it. */
export function dirty(size: number): Octets {
  const o = Octets.alloc(size);
  o.u8.fill(0xa5);
  return o;
}
