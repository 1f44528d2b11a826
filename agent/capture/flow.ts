import { endpoint } from "../link/endpoint.ts";

/** Who talks to whom in a datagram or segment. Addresses are text, so that IPv4 and IPv6 are alike. */
export interface Flow {
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  /** "address:port" of the sender. */
  readonly from: string;
  readonly to: string;
}

/** A flow from its four parts. */
export function flowOf(src: string, srcPort: number, dst: string, dstPort: number): Flow {
  return { src, dst, srcPort, dstPort, from: endpoint(src, srcPort), to: endpoint(dst, dstPort) };
}
