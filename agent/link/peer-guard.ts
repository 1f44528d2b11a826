import { formatIpv4, type Ipv4, sameNetwork } from "../../protocols/wire/ipv4-address.ts";
import type { Journal } from "../log/journal.ts";
import { Occasionally } from "../log/occasionally.ts";
import type { Crowding } from "./waiting-line.ts";

/** That connections are too many is told so often for a port, ms. */
const CROWDED_EVERY_MS = 60_000;

/** A network by its address and mask. */
export interface PeerNetwork {
  readonly prefix: Ipv4;
  readonly mask: Ipv4;
}

/**
 * Who may talk to us: hosts of the rack's prefix, and the relays and networks behind them that the site names.
 *
 * Linux hands a socket on 255.255.255.255 the broadcasts of every NIC, and takes packets for the rack's address from any
 * of them. What does not come from the rack is dropped here and journalled; a forged rack source from another NIC is
 * stopped before, by the kernel's strict reverse path filter (see reverse-path.ts) or by sockets bound to the device.
 */
export class PeerGuard {
  private readonly address: Ipv4;
  private readonly mask: Ipv4;
  private readonly relays: ReadonlySet<Ipv4>;
  private readonly subnets: readonly PeerNetwork[];
  private readonly journal: Journal;
  private readonly crowds = new Occasionally(CROWDED_EVERY_MS);

  /** `subnets`: networks behind relays, whose hosts may ask us by routers. */
  constructor(
    address: Ipv4,
    mask: Ipv4,
    relays: readonly Ipv4[],
    journal: Journal,
    subnets: readonly PeerNetwork[] = [],
  ) {
    this.address = address;
    this.mask = mask;
    this.relays = new Set(relays);
    this.journal = journal;
    this.subnets = subnets;
  }

  admits(peer: Ipv4): boolean {
    if (this.relays.has(peer)) return true;
    if (this.subnets.some(({ prefix, mask }) => sameNetwork(peer, prefix, mask))) return true;
    const host = peer & ~this.mask;
    // Neither ourselves nor the network's own two addresses can be a machine that boots.
    return (
      sameNetwork(peer, this.address, this.mask) &&
      peer !== this.address &&
      host !== 0 &&
      host !== ~this.mask
    );
  }

  /** Journals a packet or connection that was dropped. `where`: the port it came to. */
  dropped(peer: Ipv4, where: string): void {
    this.journal.note({
      protocol: "agent",
      address: peer,
      event: `packet from ${formatIpv4(peer)} to ${where}`,
      decision: "dropped: the sender is neither in the rack's network nor a relay of the site",
      outcome: "silent",
    });
  }

  /** Journals a connection beyond those that are served at once. `where`: the port it came to. */
  crowded(peer: Ipv4, where: string, what: Crowding): void {
    if (!this.crowds.due(`${where} ${what}`, performance.now())) return;
    this.journal.note({
      protocol: "agent",
      address: peer,
      event: `connection of ${formatIpv4(peer)} to ${where}`,
      decision:
        what === "waits"
          ? "waits for its turn: as many as this board serves at once are being served"
          : "reset: there are more connections than this board serves at once",
      outcome: "silent",
    });
  }
}
