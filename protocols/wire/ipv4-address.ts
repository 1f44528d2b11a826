/**
 * IPv4 addresses as signed 32-bit integers in network order: 192.168.77.1 is 0xc0a84d01 | 0.
 *
 * Signed, because V8 keeps an int32 unboxed as a Map key and a uint32 above 2^31 not.
 */
export type Ipv4 = number;

/** 0.0.0.0 */
export const IPV4_ANY: Ipv4 = 0;
/** 255.255.255.255 */
export const IPV4_BROADCAST: Ipv4 = -1;
/** 127.0.0.1 */
export const IPV4_LOOPBACK: Ipv4 = 0x7f00_0001;

/** Dotted text. */
export function formatIpv4(a: Ipv4): string {
  return `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;
}

/** Four decimal numbers of 0 to 255 without leading zeros; undefined for anything else. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let a = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const n = Number(part);
    if (n > 255) return undefined;
    a = (a << 8) | n;
  }
  return a | 0;
}

/** Eight upper-case hex digits, as Sun PROMs name their TFTP file: 192.168.77.21 is C0A84D15. */
export function hexIpv4(a: Ipv4): string {
  return (a >>> 0).toString(16).toUpperCase().padStart(8, "0");
}

/** The mask of a prefix length of 0 to 32. */
export function maskOf(prefixLen: number): Ipv4 {
  return prefixLen === 0 ? 0 : (-1 << (32 - prefixLen)) | 0;
}

/** Whether two addresses share the network that `mask` cuts out. */
export function sameNetwork(a: Ipv4, b: Ipv4, mask: Ipv4): boolean {
  return ((a ^ b) & mask) === 0;
}
