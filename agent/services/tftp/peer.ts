import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";

/** Who asks, address and port in one number: exact, since it is below 2^48. */
export function peerKey(src: Ipv4, srcPort: number): number {
  return (src >>> 0) * 0x1_0000 + srcPort;
}

/** The same as text: "address:port"; what all ports of one address begin with, for "". */
export function peerText(src: Ipv4, srcPort: number | ""): string {
  return `${formatIpv4(src)}:${srcPort}`;
}
