import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_IPV4,
  emitEthernet,
  padFrame,
} from "../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP, IPV4_HEADER_LEN } from "../../protocols/ipv4/packet.ts";
import { emitUdp, UDP_HEADER_LEN } from "../../protocols/udp/datagram.ts";
import { MAC_LEN } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { ETHERTYPE_WOL, emitMagicPacket, WOL_PORT } from "../../protocols/wol/magic-packet.ts";
import { AgentError } from "../errors.ts";
import type { Machine } from "../site/site.ts";
import type { ServiceContext } from "./context.ts";
import type { FrameSender } from "./link-server.ts";

const ETHERNET_BROADCAST: Uint8Array = new Uint8Array(MAC_LEN).fill(0xff);
/** Where the magic packet begins in the frame that carries it by UDP. */
const MAGIC_AT = ETHERNET_HEADER_LEN + IPV4_HEADER_LEN + UDP_HEADER_LEN;
/** A card may lose what comes while its link changes its speed. */
const TIMES = 3;
const PAUSE_MS = 200;
/** Machines that may be woken at a time. */
const MAX_WAKING = 256;

/**
 * Sends magic packets out of the rack's interface: by themselves, and in UDP for what passes nothing else.
 *
 * Whether a machine wakes shows when it asks for its address: there is no answer.
 */
export class WakeService {
  private readonly context: ServiceContext;
  private readonly sender: FrameSender;
  /** What ends the sending, by hardware address. */
  private readonly waking = new Map<string, () => void>();

  constructor(context: ServiceContext, sender: FrameSender) {
    this.context = context;
    this.sender = sender;
  }

  /** Forgets what is still to be sent. */
  stop(): void {
    for (const cancel of this.waking.values()) cancel();
    this.waking.clear();
  }

  /** Wakes a machine of the site. `by`: who wants it, for the journal. Throws E_BUSY when very many are being woken. */
  wake(machine: Machine, by: string): void {
    const again = this.waking.has(machine.mac);
    if (!again && this.waking.size >= MAX_WAKING) {
      throw new AgentError("E_BUSY", `${MAX_WAKING} machines are being woken just now`);
    }
    this.waking.get(machine.mac)?.();
    this.send(machine, TIMES);
    this.context.journal.note({
      protocol: "agent",
      machine: machine.name,
      mac: machine.mac,
      address: machine.ip,
      event: `wake ${machine.mac}`,
      decision: `asked for by ${by}`,
      reply: `${TIMES} magic packets`,
      outcome: "answered",
    });
  }

  private send(machine: Machine, times: number): void {
    const { macOctets: mac } = machine;
    this.sender.sendFrame((tx) => this.emitBare(mac, tx));
    this.sender.sendFrame((tx) => this.emitByUdp(mac, tx));
    if (times === 1) {
      this.waking.delete(machine.mac);
      return;
    }
    const next = (): void => this.send(machine, times - 1);
    this.waking.set(machine.mac, this.context.clock.after(PAUSE_MS, next));
  }

  private emitBare(mac: Uint8Array, tx: Octets): number {
    const len = emitEthernet(
      { dst: ETHERNET_BROADCAST, src: this.sender.mac, etherType: ETHERTYPE_WOL },
      tx,
      0,
    );
    return padFrame(tx, 0, len + emitMagicPacket({ mac }, tx, len));
  }

  private emitByUdp(mac: Uint8Array, tx: Octets): number {
    const { address: src, broadcast: dst } = this.context.planner.site.network;
    const len = emitMagicPacket({ mac }, tx, MAGIC_AT);
    let at = emitEthernet(
      { dst: ETHERNET_BROADCAST, src: this.sender.mac, etherType: ETHERTYPE_IPV4 },
      tx,
      0,
    );
    at += emitIpv4({ src, dst, protocol: IPPROTO_UDP }, UDP_HEADER_LEN + len, tx, at);
    emitUdp({ srcPort: WOL_PORT, dstPort: WOL_PORT }, len, src, dst, tx, at);
    return MAGIC_AT + len;
  }
}
