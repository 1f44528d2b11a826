import { TFTP_MAX_BLKSIZE, TFTP_MIN_BLKSIZE } from "../../../protocols/tftp/options.ts";
import { TFTP_HEADER_LEN } from "../../../protocols/tftp/packet.ts";
import { type Ipv4, sameNetwork } from "../../../protocols/wire/ipv4-address.ts";
import type { Network } from "../../site/site.ts";

/** IPv4 without options, and UDP. */
const HEADERS = 20 + 8;
const ETHERNET_MTU = 1_500;

/**
 * Octets of a block that go to a client in one packet: on our link as many as the interface takes, beyond a router no more than
 * Ethernet does everywhere. Boot firmware often cannot put fragments together, and one that is lost costs the whole block.
 */
export function pathBlksize(mtu: number | undefined, network: Network, client: Ipv4): number {
  const { address, mask } = network;
  const own = mtu ?? ETHERNET_MTU;
  const path = sameNetwork(client, address, mask) ? own : Math.min(own, ETHERNET_MTU);
  const room = path - HEADERS - TFTP_HEADER_LEN;
  return Math.max(TFTP_MIN_BLKSIZE, Math.min(room, TFTP_MAX_BLKSIZE));
}
