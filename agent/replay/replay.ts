import { DHCP_SERVER_PORT, PXE_BOOT_SERVER_PORT } from "../../protocols/dhcp/options.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { IPV4_HEADER_LEN } from "../../protocols/ipv4/packet.ts";
import { TFTP_PORT, TftpOpcode } from "../../protocols/tftp/packet.ts";
import { UDP_HEADER_LEN } from "../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../protocols/wire/checksum.ts";
import { formatIpv4, IPV4_BROADCAST, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import type { CapturedFrame } from "../capture/captured-frame.ts";
import { Dissector } from "../capture/dissector.ts";
import type { AgentError } from "../errors.ts";
import type { JournalNote } from "../log/journal.ts";
import type { Site } from "../site/site.ts";
import { Comparison } from "./compare.ts";
import { Conversations, httpFields } from "./conversations.ts";
import { DhcpTranslation } from "./dhcp-translation.ts";
import { type Exchange, Exchanges, type OpenExchange } from "./exchange.ts";
import type { HttpMessage } from "./http-reader.ts";
import { addressOf, fieldOf, type ReplayMessage, replayMessage } from "./message.ts";
import { NfsTranslation } from "./nfs-translation.ts";
import { OurMessages } from "./our-messages.ts";
import { HEADER_CHECKSUM, PacketReader } from "./packet.ts";
import { explain, reasonFor } from "./reasons.ts";
import { ReplayAgent } from "./replay-agent.ts";
import type { SentDatagram } from "./replay-udp.ts";
import { keyOf, Routing } from "./routing.ts";
import { settle } from "./settle.ts";
import { isBeyond, Transfers } from "./transfers.ts";

/** Ports below are known by their number; above are those of transfers. */
const FIRST_TRANSFER_PORT = 20_000;
/** Blocks of a transfer that the capture lacks and that are filled in at a time. */
const MAX_FILLED = 65_536;

/** What a replay is made of. */
export interface ReplayInput {
  readonly site: Site;
  /** The servers whose part our agent takes: the site's address unless told otherwise. */
  readonly servers: readonly Ipv4[];
  readonly give: (exchange: Exchange) => void;
  /** Told what keeps our agent from serving something of the site. */
  readonly problem: (error: AgentError) => void;
  /** Told each packet of ours as it would be on the wire, with the number and time of the frame that drew it. */
  readonly sent?: (packet: CapturedFrame) => void;
}

/**
 * Puts the clients' side of a capture to the agent, frame after frame, and hands out what came of it.
 *
 *     frame -> clock to its time -> dissector -> request or recorded reply -> Exchanges -> out, in order
 *           `-> our agent, if it is for the recorded server -> our replies -> the same dissector -^
 *
 * Of what clients send, this is changed so that our agent can stand in for the recorded server: transfer ports, ports of RPC
 * programs, file handles, and of DHCP the server identifier and the address that the recorded server gave.
 */
export class Replay {
  /** Whether the recorded server said anything. */
  serverSpoke = false;
  /** Replies of other servers, by their address. */
  readonly others: Map<string, number> = new Map();
  private readonly agent: ReplayAgent;
  private readonly broadcast: Ipv4;
  private readonly servers: ReadonlySet<Ipv4>;
  private readonly routing: Routing;
  private readonly packet: PacketReader = new PacketReader();
  private readonly dhcp: DhcpView = new DhcpView();
  private readonly transfers: Transfers = new Transfers();
  private readonly nfs: NfsTranslation = new NfsTranslation();
  private readonly leases: DhcpTranslation;
  private readonly comparison: Comparison;
  private readonly exchanges: Exchanges;
  private readonly conversations: Conversations;
  private readonly dissector: Dissector;
  private readonly ours: OurMessages;
  /** What the dissector found in the frame at hand. */
  private readonly found: ReplayMessage[] = [];
  /** The requests in the frame at hand. */
  private readonly open: OpenExchange[] = [];
  /** What the agent has journalled about them. */
  private readonly notes: JournalNote[] = [];
  private startMs: number | undefined;
  private number = 0;
  private time: string | null = null;
  /** Set while the agent sends what it has sent, in the recorded past, before a hole of the capture. */
  private filling = false;

  private constructor(input: ReplayInput, agent: ReplayAgent) {
    const { network } = input.site;
    const { nfs } = this;
    this.agent = agent;
    this.broadcast = network.broadcast;
    this.servers = new Set(input.servers);
    this.routing = new Routing(input.servers, network.broadcast);
    this.leases = new DhcpTranslation(network.address, this.servers);
    this.comparison = new Comparison(network.address, input.servers, formatMac(agent.mac), nfs);
    this.exchanges = new Exchanges(
      this.comparison,
      nfs,
      (request, answered) => reasonFor(request, answered, agent, nfs),
      input.give,
    );
    this.ours = new OurMessages(network.address, (m) => this.takeOurs(m), input.sent);
    this.dissector = new Dissector(
      (m) => {
        const { octets, at, len, kind } = this.packet;
        const payload = kind === "udp" ? octets.u8.subarray(at, at + len) : undefined;
        this.found.push(replayMessage(m, payload));
      },
      { octets: true },
    );
    this.conversations = new Conversations(agent, nfs, {
      http: (who, key, m) => this.takeHttp(who, key, m),
      rpcBegin: (ends) => this.ours.beginStream(ends),
      rpcReply: (ends, octets) => this.ours.stream(ends, octets),
    });
  }

  /** Starts the agent of a site. Rejects with AgentError. */
  static async start(input: ReplayInput): Promise<Replay> {
    let replay: Replay | undefined;
    const agent = await ReplayAgent.start(input.site, {
      frame: (octets) => replay?.ours.ethernet(octets),
      datagram: (sent) => replay?.takeDatagram(sent),
      note: (note) => replay?.notes.push(note),
      problem: input.problem,
    });
    replay = new Replay(input, agent);
    return replay;
  }

  /** Takes the next frame of the capture; it must stay as it is until the promise resolves. */
  async frame(f: CapturedFrame): Promise<void> {
    const { packet, found, ours } = this;
    await this.advance(f);
    this.number = f.number;
    this.time = f.timeText();
    ours.begin(f);
    packet.read(f);
    found.length = 0;
    this.dissector.frame(f);
    const fromServer = packet.kind !== "rarp" && this.servers.has(packet.src);
    if (fromServer && packet.kind !== "none") {
      this.serverSpoke = true;
      this.comparison.serverMacs.add(formatMac(packet.srcMac));
    }
    for (const m of found) this.takeFound(m);
    if (packet.kind === "none") this.putOff("not all of it is in the capture");
    else if (fromServer) await this.takeServer();
    else await this.putToAgent(f);
    this.open.length = 0;
    this.notes.length = 0;
  }

  /** The capture is over: hands out what is left. */
  async end(): Promise<void> {
    this.conversations.end();
    await settle();
    this.exchanges.end();
    await this.agent.stop();
  }

  private get nowMs(): number {
    return this.agent.clock.now();
  }

  private async advance(f: CapturedFrame): Promise<void> {
    if (f.seconds < 0) return;
    this.startMs ??= f.timeMs;
    await this.agent.clock.advance(f.timeMs - this.startMs, settle);
    this.notes.length = 0; // of timers: nobody asked for these steps
    this.exchanges.flush(this.nowMs);
  }

  /** Enters a message of the capture as what it is. */
  private takeFound(m: ReplayMessage): void {
    const { exchanges, nowMs } = this;
    const part = this.routing.partOf(m);
    if (part === "request") {
      this.open.push(exchanges.request(m, keyOf(m, true), nowMs));
    } else if (part === "recorded") {
      this.serverSpoke = true;
      this.leases.learn("recorded", m);
      if (m.protocol === "rarp") this.comparison.serverMacs.add(String(fieldOf(m, "sha")));
      exchanges.reply("recorded", m, keyOf(m, false), nowMs);
    } else if (part === "foreign") {
      const from = m.protocol === "rarp" ? String(fieldOf(m, "spa")) : addressOf(m.from);
      this.others.set(from, (this.others.get(from) ?? 0) + 1);
    }
  }

  /**
   * The recorded server's segments are followed; its datagrams were entered already. What it acknowledges may release what
   * waited for octets of the client that the capture lacks.
   */
  private async takeServer(): Promise<void> {
    const { packet } = this;
    if (packet.kind !== "tcp") return;
    const { src, srcPort, dst, dstPort } = packet;
    this.conversations.take(packet, true, connectionKey(dst, dstPort, src, srcPort));
    await settle();
  }

  private async putToAgent(f: CapturedFrame): Promise<void> {
    const { packet } = this;
    const isTransfer = packet.kind === "udp" && packet.dstPort !== TFTP_PORT && this.asksTftp;
    // The dissector of our replies would take the recorded server's port for ours.
    if (!isTransfer) this.ours.follow(f);
    if (packet.kind === "rarp") this.putBroadcast();
    else if (packet.kind === "tcp") this.putSegment();
    else await this.putDatagram();
    await settle();
    this.conversations.closeEnded();
    await settle();
    explain(this.open, this.notes);
  }

  private get asksTftp(): boolean {
    return this.open[0]?.request.protocol === "tftp";
  }

  private putBroadcast(): void {
    const { packet, agent } = this;
    const src = packet.srcMac.some((octet) => octet !== 0) ? packet.srcMac : this.senderMac();
    agent.broadcast(src, packet.etherType, packet.packet, (o, at) => {
      if (packet.kind !== "udp") return;
      if (o.dv.getUint16(at + HEADER_CHECKSUM) === 0) {
        o.dv.setUint16(at + HEADER_CHECKSUM, foldChecksum(sum16(o, at, IPV4_HEADER_LEN, 0)));
      }
      const offset = IPV4_HEADER_LEN + UDP_HEADER_LEN;
      this.leases.translate(o, at + offset, packet.packet.length - offset);
    });
  }

  /** Of a capture without hardware addresses: what the message itself says. */
  private senderMac(): Uint8Array {
    const { packet, dhcp } = this;
    const { octets, at, len } = packet;
    if (packet.kind === "rarp") {
      const from = packet.arp.shaAt;
      return octets.u8.subarray(from, from + 6);
    }
    if (dhcp.reset(octets, at, len) !== Status.Ok) return packet.srcMac;
    return octets.u8.subarray(dhcp.chaddrAt, dhcp.chaddrAt + 6);
  }

  private putSegment(): void {
    const { packet } = this;
    const { src, srcPort, dst, dstPort } = packet;
    if (!this.servers.has(dst)) return;
    this.conversations.take(packet, false, connectionKey(src, srcPort, dst, dstPort));
  }

  private async putDatagram(): Promise<void> {
    const { packet, agent, servers } = this;
    const { dst, dstPort, src, srcPort, octets, at, len } = packet;
    const broadcast = dst === IPV4_BROADCAST || dst === this.broadcast;
    if (broadcast && dstPort === DHCP_SERVER_PORT) {
      this.putBroadcast();
      return;
    }
    if (!broadcast && !servers.has(dst)) return;
    const copy = new Octets(octets.u8.slice(at, at + len));
    let port: number | undefined = dstPort;
    const client = `${formatIpv4(src)}:${srcPort}`;
    if (dstPort === TFTP_PORT) this.transfers.forget(client);
    else if (this.asksTftp) port = await this.transferPort(client, copy, src, srcPort);
    else {
      this.nfs.translate(copy, 0, len);
      if (dstPort === DHCP_SERVER_PORT || dstPort === PXE_BOOT_SERVER_PORT) {
        this.leases.translate(copy, 0, len);
      }
      port = this.ownPort(dstPort);
    }
    if (port === undefined) {
      this.putOff("no transfer of ours is under way with this port of the client");
      return;
    }
    const taken = agent.udp.deliver(port, { octets: copy, at: 0, len, src, srcPort, broadcast });
    if (taken) return;
    this.putOff(
      this.asksTftp ? "our transfer is over" : `no service of ours listens on UDP port ${dstPort}`,
    );
  }

  /** RPC programs may have other ports with us: their calls name them. */
  private ownPort(dstPort: number): number {
    const [first] = this.open;
    const prog = first && fieldOf(first.request, "prog");
    const known = typeof prog === "number" ? this.agent.rpcPorts.get(prog) : undefined;
    if (known !== undefined) return known;
    return dstPort < FIRST_TRANSFER_PORT ? dstPort : 0;
  }

  /**
   * Our port for a transfer. Where the capture lacks acknowledgements in front of this one, our transfer is first brought to
   * where it would be.
   */
  private async transferPort(
    client: string,
    packet: Octets,
    src: Ipv4,
    srcPort: number,
  ): Promise<number | undefined> {
    const transfer = this.transfers.get(client);
    if (!transfer || packet.dv.byteLength < 4 || packet.dv.getUint16(0) !== TftpOpcode.Ack) {
      return transfer?.port;
    }
    const block = packet.dv.getUint16(2);
    const ack = Octets.alloc(4);
    ack.dv.setUint16(0, TftpOpcode.Ack);
    let next = transfer.lastBlock === 0 ? 0 : (transfer.lastAck + 1) & 0xffff;
    this.filling = isBeyond(block, transfer.lastBlock);
    for (let i = 0; this.filling && i < MAX_FILLED && next !== block; i++) {
      ack.dv.setUint16(2, next);
      const d = { octets: ack, at: 0, len: 4, src, srcPort, broadcast: false };
      if (!this.agent.udp.deliver(transfer.port, d)) break;
      await settle();
      if (isBeyond(next, transfer.lastBlock)) break;
      next = (next + 1) & 0xffff;
    }
    transfer.lastAck = block;
    this.filling = false;
    return transfer.port;
  }

  private takeDatagram(sent: SentDatagram): void {
    if (sent.transfer) this.transfers.sent(sent);
    if (!this.filling) this.ours.datagram(sent);
  }

  private takeOurs(m: ReplayMessage): void {
    this.leases.learn("ours", m);
    this.exchanges.reply("ours", m, keyOf(m, false), this.nowMs);
  }

  private takeHttp(who: "client" | "ours" | "recorded", key: string, message: HttpMessage): void {
    const { number: frame, time, nowMs, exchanges } = this;
    const [client = "", server = ""] = key.split(" ");
    const [from, to] = who === "client" ? [client, server] : [server, client];
    const fields = httpFields(message);
    const m: ReplayMessage = { frame, time, protocol: "http", status: "ok", fields, from, to };
    if (who === "client") this.open.push(exchanges.request(m, `http ${key}`, nowMs));
    else exchanges.reply(who, m, `http ${key}`, nowMs);
  }

  /** Says why a request is not put to our agent. */
  private putOff(why: string): void {
    for (const { why: reasons, request } of this.open) {
      reasons.push(request.status === "ok" ? why : `it is damaged: ${request.status}`);
    }
  }
}

function connectionKey(client: Ipv4, clientPort: number, server: Ipv4, serverPort: number): string {
  return `${formatIpv4(client)}:${clientPort} ${formatIpv4(server)}:${serverPort}`;
}
