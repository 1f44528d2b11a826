import { ArpView, RARP_REPLY } from "../../../protocols/arp/packet.ts";
import { DHCP_CLIENT_PORT } from "../../../protocols/dhcp/options.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_RARP,
  EthernetView,
} from "../../../protocols/ethernet/frame.ts";
import { IPPROTO_UDP, Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { UdpView } from "../../../protocols/udp/datagram.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";

/** chaddr in a BOOTP message, octets from its start. */
const CHADDR = 28;
const CHADDR_END = 34;

/** A machine as frames address it. */
export interface Addressee {
  readonly mac: Uint8Array;
  readonly address: Ipv4;
}

/**
 * Finds the one machine that a frame is for, among thousands behind one card.
 *
 * A broadcast is for one of them, too: an ARP request names its address, a BOOTP reply its card. The others would look into it
 * and drop it, each on its own processor; here they would all do so on ours.
 */
export class Recipients<T extends Addressee> {
  private readonly byMac: ReadonlyMap<number, T>;
  private readonly byAddress: ReadonlyMap<Ipv4, T>;
  private readonly ethernet = new EthernetView();
  private readonly arp = new ArpView();
  private readonly ipv4 = new Ipv4View();
  private readonly udp = new UdpView();

  constructor(machines: readonly T[]) {
    this.byMac = new Map(machines.map((m) => [macKey(m.mac, 0), m]));
    this.byAddress = new Map(machines.map((m) => [m.address, m]));
  }

  /** Undefined: it is for none of them. */
  of(o: Octets, at: number, len: number): T | undefined {
    const { ethernet } = this;
    if (ethernet.reset(o, at, len) !== Status.Ok) return undefined;
    if (!ethernet.dstIsBroadcast) return this.byMac.get(macKey(o.u8, ethernet.dstAt));
    const { etherType, payloadAt, payloadLen } = ethernet;
    if (etherType === ETHERTYPE_ARP || etherType === ETHERTYPE_RARP) {
      return this.ofArp(o, payloadAt, payloadLen);
    }
    return etherType === ETHERTYPE_IPV4 ? this.ofBootp(o, payloadAt, payloadLen) : undefined;
  }

  private ofArp(o: Octets, at: number, len: number): T | undefined {
    const { arp } = this;
    if (arp.reset(o, at, len) !== Status.Ok) return undefined;
    if (arp.op === RARP_REPLY) return this.byMac.get(macKey(o.u8, arp.thaAt));
    return this.byAddress.get(arp.tpa);
  }

  private ofBootp(o: Octets, at: number, len: number): T | undefined {
    const { ipv4, udp } = this;
    if (ipv4.reset(o, at, len) !== Status.Ok || ipv4.protocol !== IPPROTO_UDP) return undefined;
    if (ipv4.isFragment || udp.reset(o, ipv4.payloadAt, ipv4.payloadLen) !== Status.Ok) {
      return undefined;
    }
    if (udp.dstPort !== DHCP_CLIENT_PORT || udp.payloadLen < CHADDR_END) return undefined;
    return this.byMac.get(macKey(o.u8, udp.payloadAt + CHADDR));
  }
}

/** The machine's numbers are in the last octets, its kind in those before: 48 bits are a number, and no text is made. */
function macKey(u8: Uint8Array, at: number): number {
  let key = 0;
  for (let i = at; i < at + 6; i++) key = key * 256 + (u8[i] ?? 0);
  return key;
}
