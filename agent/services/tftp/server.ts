import { readTftpOptions } from "../../../protocols/tftp/options.ts";
import {
  emitError,
  TFTP_PORT,
  TftpError,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Content } from "../../assets/content.ts";
import { AgentError } from "../../errors.ts";
import type { Datagram, UdpPort, UdpPorts } from "../../link/datagram.ts";
import { type BootPlan, decideFile } from "../../plan/boot-plan.ts";
import { type ServiceContext, UNKNOWN_MACHINE, whoIs } from "../context.ts";
import { Transfer, type TransferEnd } from "./transfer.ts";

/** A refusal: what goes on the wire, and the words for the journal. */
interface Refusal {
  readonly code: number;
  readonly why: string;
}

/**
 * TFTP reads (RFC 1350, 2347, 2348, 2349, 7440).
 *
 * A request that was broadcast and cannot be served is met with silence, since another server may have the file: a Sun PROM
 * asks everybody when its own server does not answer. A unicast one gets its error at once.
 */
export class TftpServer {
  private readonly context: ServiceContext;
  private readonly ports: UdpPorts;
  private readonly maxTransfers: number;
  private readonly view = new TftpView();
  /** By "address:port" of the client: U-Boot and SLOF re-use a port, so a new request ends the transfer before it. */
  private readonly transfers = new Map<string, Transfer | undefined>();
  private port: UdpPort | undefined;
  private stopped = false;

  /** `maxTransfers`: at once, from the board's budget. */
  constructor(context: ServiceContext, ports: UdpPorts, maxTransfers: number) {
    this.context = context;
    this.ports = ports;
    this.maxTransfers = maxTransfers;
  }

  async start(): Promise<void> {
    this.port = await this.ports.open(TFTP_PORT, { broadcast: true, name: "tftp" });
    this.port.onDatagram((d) => this.receive(d));
  }

  stop(): void {
    this.stopped = true;
    this.port?.close();
    for (const transfer of this.transfers.values()) transfer?.stop("failed", "the agent stops");
  }

  private receive(d: Datagram): void {
    const { view, context } = this;
    const status = view.reset(d.octets, d.at, d.len);
    if (status) {
      context.counters.add("tftp", statusName(status));
      return;
    }
    const { opcode } = view;
    if (opcode !== TftpOpcode.Rrq && opcode !== TftpOpcode.Wrq) return;
    const asked = view.filenameText();
    const plan = context.planner.byIp(d.src);
    if (!plan) {
      context.journal.note({
        protocol: "tftp",
        address: d.src,
        event: `read "${asked}" by ${formatIpv4(d.src)}`,
        decision: UNKNOWN_MACHINE,
        outcome: "silent",
      });
      return;
    }
    const decision = this.decide(plan, asked);
    if ("code" in decision) this.refuse(d, plan, asked, decision);
    else this.serve(d, plan, asked, decision.content, decision.why);
  }

  private decide(
    plan: BootPlan,
    asked: string,
  ): { readonly content: Content; readonly why: string } | Refusal {
    const { view } = this;
    if (view.opcode === TftpOpcode.Wrq) {
      return { code: TftpError.AccessViolation, why: "nothing may be written here" };
    }
    if (view.mode !== TftpMode.Octet) {
      return { code: TftpError.IllegalOperation, why: "only octet mode is served" };
    }
    const { name, state, why } = decideFile(plan, asked);
    if (!state) return { code: TftpError.FileNotFound, why };
    if (state instanceof AgentError) return { code: TftpError.NotDefined, why: state.message };
    if (name === plan.promFile) this.context.sightings.loaderFetched(plan.machine);
    return { content: state, why };
  }

  private serve(d: Datagram, plan: BootPlan, asked: string, content: Content, why: string): void {
    const { src: dst, srcPort: dstPort } = d;
    const key = `${formatIpv4(dst)}:${dstPort}`;
    const request = Uint8Array.from(d.octets.u8.subarray(d.at, d.at + d.len));
    const before = this.transfers.get(key);
    if (before && !before.begun && sameOctets(before.request, request)) {
      before.repeat();
      return;
    }
    // The port is being opened for the same request.
    if (!before && this.transfers.has(key)) return;
    if (!before && this.transfers.size >= this.maxTransfers) {
      this.note(plan, asked, "silent", "as many transfers as this board may have are running");
      return;
    }
    before?.stop("replaced", "");
    const options = readTftpOptions(this.view);
    const { context } = this;
    const ended = (end: TransferEnd): void => {
      if (this.transfers.get(key) === transfer) this.transfers.delete(key);
      this.journalEnd(plan, asked, content, why, end);
    };
    const progress = (octets: number): void => {
      context.journal.note({
        ...whoIs(plan, context),
        protocol: "tftp",
        event: `read "${asked}"`,
        decision: why,
        outcome: "progress",
        octets,
        file: content.name,
        total: content.size,
      });
    };
    let transfer: Transfer | undefined;
    this.transfers.set(key, undefined);
    this.ports.openTransfer().then(
      (port) => {
        if (this.stopped) {
          port.close();
          return;
        }
        const events = { progress, ended };
        transfer = new Transfer({ content, options, request, port, dst, dstPort, context, events });
        this.transfers.set(key, transfer);
        transfer.pump();
      },
      (error: Error) => {
        this.transfers.delete(key);
        this.note(plan, asked, "failed", error.message);
      },
    );
  }

  private refuse(d: Datagram, plan: BootPlan, asked: string, { code, why }: Refusal): void {
    if (d.broadcast) {
      this.note(plan, asked, "silent", `${why}; it was a broadcast, so another server may have it`);
      return;
    }
    const slab = this.port?.borrow();
    if (slab) {
      // What a PROM prints on its console: short, and no paths of this host.
      const words = code === TftpError.NotDefined ? "not available now" : why;
      this.port?.send(slab, emitError(code, words, slab.octets, 0), d.src, d.srcPort);
    }
    this.note(plan, asked, "refused", why, `error ${code}`);
  }

  private note(
    plan: BootPlan,
    asked: string,
    outcome: "silent" | "refused" | "failed",
    decision: string,
    reply?: string,
  ): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "tftp",
      event: `read "${asked}"`,
      decision,
      reply,
      outcome,
    });
  }

  private journalEnd(
    plan: BootPlan,
    asked: string,
    content: Content,
    why: string,
    end: TransferEnd,
  ): void {
    const { outcome, octets, ms, retransmissions } = end;
    if (outcome === "replaced") return;
    const again = retransmissions > 0 ? `, ${retransmissions} packets sent again` : "";
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "tftp",
      event: outcome === "probe" ? `asked for the size of "${asked}"` : `read "${asked}"`,
      decision: outcome === "failed" ? end.why : why,
      reply: outcome === "probe" ? `${content.size} octets` : `${content.name}${again}`,
      outcome: outcome === "probe" ? "answered" : outcome,
      octets,
      ms,
      file: content.name,
      total: content.size,
    });
  }
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
