import { LRUCache } from "lru-cache";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../../protocols/wire/mac-address.ts";

/** Cards remembered; the one that was heard longest ago makes room. */
const MAX_CARDS = 4_096;

/**
 * Which card has which address where another server gives them: what TFTP, HTTP and NFS know a machine by. It is learned from the
 * requests and confirmations that pass by on the link, and from what comes to port 4011. Bounded.
 */
export class ForeignAddresses {
  private readonly addressOf = new LRUCache<MacText, Ipv4>({
    max: MAX_CARDS,
    dispose: (address) => this.macs.delete(address),
  });
  private readonly macs = new Map<Ipv4, MacText>();

  /** A card has an address, or asks for it. */
  learn(mac: MacText, address: Ipv4): void {
    if (address === 0) return;
    this.addressOf.delete(mac);
    const before = this.macs.get(address);
    if (before !== undefined) this.addressOf.delete(before);
    this.addressOf.set(mac, address);
    this.macs.set(address, mac);
  }

  /** Whose address it is. */
  macAt(address: Ipv4): MacText | undefined {
    return this.macs.get(address);
  }

  /** The address of a card. */
  at(mac: MacText): Ipv4 | undefined {
    return this.addressOf.peek(mac);
  }

  clear(): void {
    this.addressOf.clear();
    this.macs.clear();
  }
}
