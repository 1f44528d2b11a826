import { type Ipv4, maskOf, sameNetwork } from "../../protocols/wire/ipv4-address.ts";
import type { HostStack } from "../stack/host-stack.ts";

/** Where a second stage finds its root file system. */
export interface RootPath {
  readonly server: Ipv4;
  /** As the server told it, verbatim: the argument of MNT. */
  readonly path: string;
}

/** The mask that the address's class implies; 255.255.255.0 for what is neither A nor B. */
export function classMask(address: Ipv4): Ipv4 {
  const first = address >>> 24;
  return maskOf(first < 128 ? 8 : first < 192 ? 16 : 24);
}

/**
 * Configures the stack as libsa does: a mask shorter than the class's is dropped, so is a router that is not on the net.
 */
export function setNetwork(host: HostStack, address: Ipv4, mask: Ipv4, router: Ipv4): void {
  const natural = classMask(address);
  host.address = address;
  host.mask = (mask & natural) === natural ? mask : natural;
  host.router = sameNetwork(router, address, host.mask) ? router : 0;
}
