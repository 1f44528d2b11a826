import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** The same octets for the same seed: xorshift32, Marsaglia 2003. */
export function seededOctets(seed: number, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  let x = seed | 1;
  for (let at = 0; at < length; at += 1) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    octets[at] = x;
  }
  return octets;
}

/** As U-Boot's `crc32` prints it. */
export function crc32Text(octets: Uint8Array): string {
  return crc32(octets).toString(16).padStart(8, "0");
}

/** As md5sum prints it. */
export function md5Text(octets: Uint8Array): string {
  return createHash("md5").update(octets).digest("hex");
}
