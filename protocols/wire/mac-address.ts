import type { Octets } from "./octets.ts";

/** An Ethernet address as lower-case colon text, "00:03:ba:5b:ae:b3": the form of site files, plans and logs. */
export type MacText = string;

/** Length of an Ethernet address in octets. */
export const MAC_LEN = 6;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) =>
  i.toString(16).padStart(2, "0"),
);

const COLON = 58;
/** The character codes of a text, while it is made: a text that is put together of parts costs six objects. */
const codes: number[] = Array<number>(3 * MAC_LEN - 1).fill(COLON);

/** Reads the six octets at `at` as text. */
export function macText(o: Octets, at: number): MacText {
  for (let i = 0; i < MAC_LEN; i++) {
    const octet = o.u8[at + i] ?? 0;
    codes[3 * i] = digitCode(octet >> 4);
    codes[3 * i + 1] = digitCode(octet & 15);
  }
  return String.fromCharCode(...codes);
}

function digitCode(digit: number): number {
  return digit < 10 ? 48 + digit : 87 + digit;
}

/** Accepts colons or dashes and either case; undefined for anything else. Solaris drops leading zeros (0:3:ba:…): accepted. */
export function parseMac(text: string): Uint8Array | undefined {
  const parts = text.split(/[:-]/);
  if (parts.length !== MAC_LEN) return undefined;
  const mac = new Uint8Array(MAC_LEN);
  for (const [i, part] of parts.entries()) {
    if (!/^[0-9a-fA-F]{1,2}$/.test(part)) return undefined;
    mac[i] = Number.parseInt(part, 16);
  }
  return mac;
}

/** Six octets as text. */
export function formatMac(mac: Uint8Array): MacText {
  return Array.from(mac, (b) => HEX[b] ?? "").join(":");
}

/** Whether six octets at `at` equal `mac`. */
export function sameMac(o: Octets, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < MAC_LEN; i++) if (o.u8[at + i] !== mac[i]) return false;
  return true;
}
