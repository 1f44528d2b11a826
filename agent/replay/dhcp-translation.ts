import { CIADDR } from "../../protocols/dhcp/layout.ts";
import { BOOTREQUEST, DhcpOption } from "../../protocols/dhcp/options.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, macText } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BoundedMap } from "../capture/bounded-map.ts";
import { fieldOf, type ReplayMessage } from "./message.ts";

const MAX_CARDS = 4_096;
const FOREVER = Number.POSITIVE_INFINITY;
const OCTETS = 4;

/** What a card was given by both sides. */
interface Given {
  ours: Ipv4;
  readonly recorded: Set<Ipv4>;
}

/**
 * What a client says of the recorded server's offer, said of ours: the server identifier (option 54), and the address that it
 * takes, renews or gives back (option 50, ciaddr). As it stands, our agent would take a REQUEST for one to somebody else, and where
 * it gives addresses of a pool, refuse an address that it never offered.
 */
export class DhcpTranslation {
  private readonly address: Ipv4;
  private readonly servers: ReadonlySet<Ipv4>;
  private readonly given: BoundedMap<string, Given> = new BoundedMap(MAX_CARDS, FOREVER);
  private readonly view: DhcpView = new DhcpView();

  /** `address`: ours. `servers`: the recorded ones that we stand in for. */
  constructor(address: Ipv4, servers: ReadonlySet<Ipv4>) {
    this.address = address;
    this.servers = servers;
  }

  /** Learns from a reply which address a card was given. */
  learn(who: "ours" | "recorded", m: ReplayMessage): void {
    if (m.protocol !== "dhcp") return;
    const address = parseIpv4(String(fieldOf(m, "yiaddr"))) ?? 0;
    if (address === 0) return;
    const card = String(fieldOf(m, "chaddr"));
    const given = this.given.get(card, 0) ?? { ours: 0, recorded: new Set() };
    if (who === "ours") given.ours = address;
    else given.recorded.add(address);
    this.given.set(card, given, 0);
  }

  /** Changes a request where it lies; anything else is left as it is. */
  translate(o: Octets, at: number, len: number): void {
    const { view } = this;
    if (view.reset(o, at, len) !== Status.Ok || view.op !== BOOTREQUEST) return;
    const serverAt = this.addressAt(DhcpOption.ServerIdentifier);
    if (serverAt >= 0 && this.servers.has(o.dv.getInt32(serverAt))) {
      o.dv.setInt32(serverAt, this.address);
    }
    if (view.hlen !== MAC_LEN) return;
    const given = this.given.get(macText(o, view.chaddrAt), 0);
    if (!given || given.ours === 0) return;
    const wishAt = this.addressAt(DhcpOption.RequestedIpAddress);
    for (const place of wishAt < 0 ? [at + CIADDR] : [at + CIADDR, wishAt]) {
      if (given.recorded.has(o.dv.getInt32(place))) o.dv.setInt32(place, given.ours);
    }
  }

  /** Where an option that holds one address lies; -1: it is not there, or is not that. */
  private addressAt(code: number): number {
    const { view } = this;
    return view.optionLen(code) === OCTETS ? view.optionAt(code) : -1;
  }
}
