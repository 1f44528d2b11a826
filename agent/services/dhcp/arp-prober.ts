import { LRUCache } from "lru-cache";
import {
  ARP_LEN,
  ARP_REPLY,
  ARP_REQUEST,
  ArpView,
  emitArp,
} from "../../../protocols/arp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_ARP,
  type EthernetView,
  emitEthernet,
  padFrame,
} from "../../../protocols/ethernet/frame.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { MAC_LEN, type MacText, macText } from "../../../protocols/wire/mac-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Clock } from "../../link/clock.ts";
import type { StatusCounters } from "../context.ts";
import type { FrameSender } from "../link-server.ts";

/** How long an answer may take, ms. A host on the link answers within a few. */
export const PROBE_MS = 500;
/** The question is put twice, since one frame may be lost. */
const REPEAT_MS = 150;
/** An address at which nobody answered is not asked for again for this long, ms. */
const QUIET_MS = 30_000;
/** Addresses that are being asked for at a time; beyond that nobody is asked, as when the network is known to be quiet. */
const MAX_PROBES = 512;
const MAX_REMEMBERED = 4_096;

const BROADCAST: Uint8Array = new Uint8Array(MAC_LEN).fill(0xff);
const UNKNOWN: Uint8Array = new Uint8Array(MAC_LEN);

/** Who answered at an address; undefined: nobody did. */
export type ProbeAnswer = MacText | undefined;

interface Probe {
  readonly ends: ((who: ProbeAnswer) => void)[];
  readonly cancels: (() => void)[];
}

/**
 * Asks by ARP whether somebody has an address that nobody should have (RFC 5227 section 2.1.1): with the sender's address zero,
 * so that nobody's neighbour table changes. Many addresses are asked for side by side.
 */
export class ArpProber {
  private readonly sender: FrameSender;
  private readonly clock: Clock;
  private readonly counters: StatusCounters;
  private readonly view = new ArpView();
  private readonly probes = new Map<Ipv4, Probe>();
  private readonly quietMs = new LRUCache<Ipv4, number>({ max: MAX_REMEMBERED });

  constructor(sender: FrameSender, clock: Clock, counters: StatusCounters) {
    this.sender = sender;
    this.clock = clock;
    this.counters = counters;
  }

  /** Calls `end` with who has the address, at once when nobody had it a moment ago. */
  probe(address: Ipv4, end: (who: ProbeAnswer) => void): void {
    const running = this.probes.get(address);
    if (running) {
      running.ends.push(end);
      return;
    }
    const quietMs = this.quietMs.get(address);
    if (quietMs !== undefined && this.clock.now() - quietMs < QUIET_MS) {
      end(undefined);
      return;
    }
    if (this.probes.size >= MAX_PROBES) {
      this.counters.add("arp", "too-many");
      end(undefined);
      return;
    }
    const probe: Probe = {
      ends: [end],
      cancels: [
        this.clock.after(REPEAT_MS, () => this.ask(address)),
        this.clock.after(PROBE_MS, () => this.finish(address, undefined)),
      ],
    };
    this.probes.set(address, probe);
    this.ask(address);
  }

  /** Takes the payload of an ARP frame that came to us. */
  handle(o: Octets, frame: EthernetView): void {
    const { view } = this;
    const status = view.reset(o, frame.payloadAt, frame.payloadLen);
    if (status) this.counters.add("arp", statusName(status));
    else if (view.op === ARP_REPLY) this.finish(view.spa, macText(o, view.shaAt));
  }

  /** Nobody is waited for any more. */
  stop(): void {
    for (const { cancels } of this.probes.values()) for (const cancel of cancels) cancel();
    this.probes.clear();
  }

  private finish(address: Ipv4, who: ProbeAnswer): void {
    const probe = this.probes.get(address);
    if (!probe) return;
    this.probes.delete(address);
    for (const cancel of probe.cancels) cancel();
    if (who === undefined) this.quietMs.set(address, this.clock.now());
    for (const end of probe.ends) end(who);
  }

  private ask(address: Ipv4): void {
    const { mac } = this.sender;
    this.sender.sendFrame((tx) => {
      const len = emitEthernet({ dst: BROADCAST, src: mac, etherType: ETHERTYPE_ARP }, tx, 0);
      const question = { op: ARP_REQUEST, sha: mac, spa: 0, tha: UNKNOWN, tpa: address };
      emitArp(question, tx, ETHERNET_HEADER_LEN);
      return padFrame(tx, 0, len + ARP_LEN);
    });
  }
}
