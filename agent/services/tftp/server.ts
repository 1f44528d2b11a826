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
import { Octets } from "../../../protocols/wire/octets.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Content } from "../../assets/content.ts";
import { isWait, type Slot } from "../../assets/slot.ts";
import { AgentError } from "../../errors.ts";
import type { Datagram, UdpPort, UdpPorts } from "../../link/datagram.ts";
import { type BootPlan, decideFile } from "../../plan/boot-plan.ts";
import { patienceOf } from "../../plan/patience.ts";
import { heldBack, type ServiceContext, signOfLife, UNKNOWN_MACHINE, whoIs } from "../context.ts";
import { HeldQuestions, heldBecause, heldFor } from "../hold.ts";
import { Transfer, type TransferEnd } from "./transfer.ts";

const TOO_MANY = "as many transfers as this board may have are running or held";

/** A refusal: what goes on the wire, and the words for the journal. */
interface Refusal {
  readonly code: number;
  readonly why: string;
}

/** What a request leads to. */
type Decision =
  | { readonly kind: "content"; readonly content: Content; readonly why: string }
  | { readonly kind: "wait"; readonly slot: Slot; readonly why: string }
  | ({ readonly kind: "refusal" } & Refusal);

/**
 * TFTP reads (RFC 1350, 2347, 2348, 2349, 7440).
 *
 * A request that was broadcast and cannot be served is met with silence, since another server may have the file: a Sun PROM
 * asks everybody when its own server does not answer. A unicast one gets its error at once.
 *
 * A request for what is being fetched gets no answer, not even an OACK, for as long as its client goes on asking: it is
 * answered when the file is there, at the port it was sent from last.
 */
export class TftpServer {
  private readonly context: ServiceContext;
  private readonly ports: UdpPorts;
  private readonly maxTransfers: number;
  private readonly view = new TftpView();
  /** By "address:port" of the client: U-Boot and SLOF re-use a port, so a new request ends the transfer before it. */
  private readonly transfers = new Map<string, Transfer | undefined>();
  /** Requests for what is not there yet, by the same key. */
  private readonly held: HeldQuestions;
  private port: UdpPort | undefined;
  private stopped = false;

  /** `maxTransfers`: at once, from the board's budget. */
  constructor(context: ServiceContext, ports: UdpPorts, maxTransfers: number) {
    this.context = context;
    this.ports = ports;
    this.maxTransfers = maxTransfers;
    this.held = new HeldQuestions(context.clock);
  }

  async start(): Promise<void> {
    this.port = await this.ports.open(TFTP_PORT, { broadcast: true, name: "tftp" });
    this.port.onDatagram((d) => this.receive(d));
  }

  stop(): void {
    this.stopped = true;
    this.held.clear();
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
    const known = context.planner.byIp(d.src);
    if (!known) {
      context.journal.note({
        protocol: "tftp",
        address: d.src,
        event: `read "${asked}" by ${formatIpv4(d.src)}`,
        decision: UNKNOWN_MACHINE,
        outcome: "silent",
      });
      return;
    }
    const held = heldBack(known, context);
    if (held !== undefined) {
      this.held.drop(keyOf(d));
      this.note(known, asked, "silent", held);
      return;
    }
    const plan = context.planner.asks(known, { by: "tftp" });
    signOfLife(plan, context);
    this.act(d, plan, asked, 0);
  }

  /** Does what a request leads to; the view is on it. `heldMs`: how long it was held. */
  private act(d: Datagram, plan: BootPlan, asked: string, heldMs: number): void {
    const decision = this.decide(plan, asked);
    if (decision.kind === "wait") {
      this.hold(d, plan, asked, decision);
      return;
    }
    const why = decision.why + heldFor(Math.max(heldMs, this.held.drop(keyOf(d))));
    if (decision.kind === "content") this.serve(d, plan, asked, decision.content, why);
    else this.refuse(d, plan, asked, { ...decision, why });
  }

  private decide(plan: BootPlan, asked: string): Decision {
    const { view } = this;
    if (view.opcode === TftpOpcode.Wrq) {
      return refusal(TftpError.AccessViolation, "nothing may be written here");
    }
    if (view.mode !== TftpMode.Octet) {
      return refusal(TftpError.IllegalOperation, "only octet mode is served");
    }
    const { name, slot, state, why } = decideFile(plan, asked);
    if (!slot || !state) return refusal(TftpError.FileNotFound, why);
    if (isWait(state)) return { kind: "wait", slot, why: state.why };
    if (state instanceof AgentError) return refusal(TftpError.NotDefined, state.message);
    if (name === plan.promFile) this.context.sightings.loaderFetched(plan.machine);
    return { kind: "content", content: state, why };
  }

  /** Leaves a request unanswered until the file is there, or as long as its client is known to wait. */
  private hold(
    d: Datagram,
    plan: BootPlan,
    asked: string,
    { slot, why }: { readonly slot: Slot; readonly why: string },
  ): void {
    const key = keyOf(d);
    if (d.broadcast && !this.held.has(key)) {
      this.note(plan, asked, "silent", `${heldBecause(why)}; it was a broadcast`);
      return;
    }
    this.transfers.get(key)?.stop("replaced", "");
    if (!this.held.has(key) && this.isFull) {
      this.note(plan, asked, "silent", TOO_MANY);
      return;
    }
    const { src, srcPort } = d;
    // The lane's memory is a Buffer, whose `slice` is no copy.
    const octets = new Octets(Uint8Array.from(d.octets.u8.subarray(d.at, d.at + d.len)));
    const again: Datagram = { octets, at: 0, len: d.len, src, srcPort, broadcast: false };
    const { tftpMs: patienceMs } = patienceOf(this.context.sightings.familyOf(plan.machine));
    const release = (heldMs: number, patienceOver: boolean): void => {
      if (this.view.reset(octets, 0, octets.u8.length)) return;
      const back = heldBack(plan, this.context);
      if (back !== undefined) {
        this.note(plan, asked, "silent", back);
        return;
      }
      if (!patienceOver) this.act(again, plan, asked, heldMs);
      else this.refuse(again, plan, asked, { code: TftpError.NotDefined, why: vain(why, heldMs) });
    };
    if (this.held.hold(key, { what: asked, slots: [slot], patienceMs, release })) {
      this.note(plan, asked, "silent", heldBecause(why));
    }
  }

  /** Whether as many are served and held as this board may have. */
  private get isFull(): boolean {
    return this.transfers.size + this.held.size >= this.maxTransfers;
  }

  private serve(d: Datagram, plan: BootPlan, asked: string, content: Content, why: string): void {
    const { src: dst, srcPort: dstPort } = d;
    const key = keyOf(d);
    const request = Uint8Array.from(d.octets.u8.subarray(d.at, d.at + d.len));
    const before = this.transfers.get(key);
    if (before && !before.begun && sameOctets(before.request, request)) {
      before.repeat();
      return;
    }
    // The port is being opened for the same request.
    if (!before && this.transfers.has(key)) return;
    if (!before && this.isFull) {
      this.note(plan, asked, "silent", TOO_MANY);
      return;
    }
    before?.stop("replaced", "");
    const options = readTftpOptions(this.view);
    const { context } = this;
    const over = context.needs.lend(content.etag);
    const ended = (end: TransferEnd): void => {
      if (this.transfers.get(key) === transfer) this.transfers.delete(key);
      over();
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
          over();
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
        over();
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

/** Who asks: "address:port". */
function keyOf({ src, srcPort }: Datagram): string {
  return `${formatIpv4(src)}:${srcPort}`;
}

function vain(why: string, heldMs: number): string {
  return `still ${why}${heldFor(heldMs)}, as long as its firmware waits`;
}

function refusal(code: number, why: string): Decision {
  return { kind: "refusal", code, why };
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
