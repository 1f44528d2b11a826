import { readTftpOptions } from "../../../protocols/tftp/options.ts";
import {
  emitError,
  TFTP_PORT,
  TftpError,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import type { Content } from "../../assets/content.ts";
import type { Datagram, UdpPort, UdpPorts } from "../../link/datagram.ts";
import { heldBack, type ServiceContext, signOfLife } from "../context.ts";
import { heldFor } from "../hold.ts";
import { decide, type Refusal } from "./decide.ts";
import { HeldReads } from "./held-reads.ts";
import { TftpLimits } from "./limits.ts";
import { pathBlksize } from "./path-limit.ts";
import { peerKey } from "./peer.ts";
import { SharedPorts } from "./shared-ports.ts";
import { type Asked, TftpJournal } from "./tftp-journal.ts";
import { Transfer, type TransferEnd } from "./transfer.ts";
import { REPEATED, TOO_MANY, Transfers } from "./transfers.ts";
import type { UploadStore } from "./upload-store.ts";
import { UploadTransfer } from "./upload-transfer.ts";
import { type Turn, WaitingRequests } from "./waiting-requests.ts";

/** Requests that may wait for a transfer to end: a rack that is powered on at once. */
const WAITING = { requests: 2_048, octets: 262_144 } as const;

/** What the service works within. */
export interface TftpServerInput {
  /** At once, from the board's budget. */
  readonly maxTransfers: number;
  /** Octets that a packet may have on the link; absent: Ethernet's. */
  readonly mtu?: number | undefined;
  /** Absent: nothing may be written. */
  readonly uploads?: UploadStore | undefined;
}

/**
 * TFTP (RFC 1350, 2347, 2348, 2349, 7440).
 *
 * A request that was broadcast and cannot be served is met with silence, since another server may have the file: a Sun PROM
 * asks everybody when its own server does not answer. A unicast one gets its error at once.
 *
 * A request for what is being fetched gets no answer, not even an OACK, for as long as its client goes on asking: it is
 * answered when the file is there, at the port it was sent from last. The same holds when as many transfers run as may: the oldest
 * request is served when one ends.
 */
export class TftpServer {
  private readonly context: ServiceContext;
  private readonly ports: UdpPorts;
  private readonly mtu: number | undefined;
  private readonly uploads: UploadStore | undefined;
  private readonly view = new TftpView();
  private readonly limits: TftpLimits;
  private readonly journal: TftpJournal;
  private readonly held: HeldReads;
  private readonly transfers: Transfers;
  private readonly waiting: WaitingRequests;
  private nextDue = false;
  private port: UdpPort | undefined;
  /** There when transfers go on at the one port. */
  private shared: SharedPorts | undefined;

  constructor(context: ServiceContext, ports: UdpPorts, input: TftpServerInput) {
    const { maxTransfers } = input;
    this.context = context;
    this.ports = ports;
    this.mtu = input.mtu;
    this.uploads = input.uploads;
    this.limits = new TftpLimits(context.clock, maxTransfers);
    this.journal = new TftpJournal(context);
    this.held = new HeldReads(context, this.journal, {
      act: (view, d, asked, heldMs) => this.act(view, d, asked, heldMs),
      refuse: (d, asked, refusal) => this.refuse(d, asked, refusal),
      putOff: (d, asked, why) => this.putOff(d, asked, why),
    });
    const now = (): number => context.clock.now();
    const freed = (): void => this.serveNextSoon();
    this.transfers = new Transfers(this.limits, maxTransfers, this.held, freed, now);
    const perMachine = this.limits.transfersPerMachine;
    this.waiting = new WaitingRequests({ ...WAITING, perMachine }, now);
  }

  async start(): Promise<void> {
    const port = await this.ports.open(TFTP_PORT, { broadcast: true, name: "tftp" });
    this.port = port;
    if (this.context.planner.site.network.tftp.singlePort) this.shared = new SharedPorts(port);
    port.onDatagram((d) => this.receive(d));
  }

  /** Takes no request any more; resolves when the transfers that run have ended. Those at the one port end with it. */
  retire(): Promise<void> {
    if (this.shared) this.transfers.stop();
    this.close();
    return this.transfers.whenIdle();
  }

  stop(): void {
    this.close();
    this.transfers.stop();
  }

  private close(): void {
    this.held.clear();
    this.waiting.clear();
    this.port?.close();
    this.port = undefined;
  }

  private receive(d: Datagram): void {
    const { view, context, journal, limits } = this;
    const status = view.reset(d.octets, d.at, d.len);
    if (status) {
      context.counters.add("tftp", statusName(status));
      return;
    }
    const { opcode } = view;
    if (opcode !== TftpOpcode.Rrq && opcode !== TftpOpcode.Wrq) {
      this.shared?.deliver(d);
      return;
    }
    const known = context.planner.byIp(d.src);
    if (known ? !limits.admits(d.src) : !limits.admitsStranger()) {
      context.counters.add("tftp", "too-many");
      return;
    }
    const verb = opcode === TftpOpcode.Rrq ? "read" : "write";
    const name = view.filenameText();
    if (!known) {
      journal.stranger(d, `${verb} "${name}"`);
      return;
    }
    const back = heldBack(known, context);
    if (back !== undefined) {
      this.held.drop(d);
      this.waiting.drop(d);
      journal.note({ plan: known, name, verb }, "silent", back);
      return;
    }
    const plan = verb === "read" ? context.planner.asks(known, { by: "tftp" }) : known;
    signOfLife(plan, context);
    this.act(view, d, { plan, name, verb }, 0);
  }

  /** Does what a request leads to; the view is on it. `heldMs`: how long it was held or waited. */
  private act(view: TftpView, d: Datagram, asked: Asked, heldMs: number): void {
    const decision = decide(view, asked.plan, asked.name, this.context);
    if (decision.kind === "wait") {
      this.held.hold(d, asked, decision, this.transfers, this.waiting.size === 0);
      return;
    }
    const why = decision.why + heldFor(Math.max(heldMs, this.held.drop(d)));
    if (decision.kind === "content") this.serve(view, d, asked, decision.content, why);
    else if (decision.kind === "upload") this.take(view, d, asked, decision.quota, why);
    else {
      this.waiting.drop(d);
      this.refuse(d, asked, { ...decision, why });
    }
  }

  /** Waits when the board is full; a machine that has all it may have is met with silence. */
  private putOff(d: Datagram, asked: Asked, why: string): void {
    const { waiting, transfers, journal } = this;
    if (why !== TOO_MANY) {
      journal.note(asked, "silent", why);
      return;
    }
    const put = waiting.put(d, transfers.sizeOf(d.src));
    if (put === "new") journal.note(asked, "silent", `waits: ${why}`);
    if (put === "full") journal.note(asked, "silent", `${why}, and as many wait`);
    this.serveNextSoon();
  }

  /** When what goes on has come to its end: who ended a transfer by a request of its own goes on without a pause. */
  private serveNextSoon(): void {
    if (this.nextDue || this.waiting.size === 0) return;
    this.nextDue = true;
    queueMicrotask(() => {
      this.nextDue = false;
      while (this.waiting.size > 0 && this.transfers.hasRoom(true)) {
        const turn = this.waiting.take();
        if (turn) this.resume(turn);
      }
    });
  }

  private resume({ d, waitedMs }: Turn): void {
    const { view, context, journal } = this;
    if (view.reset(d.octets, d.at, d.len)) return;
    // The site may be another one by now.
    const plan = context.planner.byIp(d.src);
    if (!plan) return;
    const verb = view.opcode === TftpOpcode.Rrq ? "read" : "write";
    const asked: Asked = { plan, name: view.filenameText(), verb };
    const back = heldBack(plan, context);
    if (back !== undefined) journal.note(asked, "silent", back);
    else this.act(view, d, asked, waitedMs);
  }

  /** The request's octets when a transfer may begin for it. */
  private claim(d: Datagram, asked: Asked): Uint8Array | undefined {
    const request = Uint8Array.from(d.octets.u8.subarray(d.at, d.at + d.len));
    const { transfers, waiting } = this;
    const no = transfers.claim(peerKey(d.src, d.srcPort), d.src, request, waiting.size === 0);
    if (no === undefined || no === REPEATED) waiting.drop(d);
    else this.putOff(d, asked, no);
    return no === undefined ? request : undefined;
  }

  private serve(view: TftpView, d: Datagram, asked: Asked, content: Content, why: string): void {
    const request = this.claim(d, asked);
    if (!request) return;
    const { context, journal, limits } = this;
    const { src: dst, srcPort: dstPort } = d;
    const { mode } = view;
    const options = readTftpOptions(view);
    const maxBlksize = this.maxBlksize(d);
    this.transfers.run(
      peerKey(dst, dstPort),
      dst,
      (over) => {
        const giveBack = context.needs.lend(content.etag);
        const ended = (end: TransferEnd): void => {
          giveBack();
          journal.readEnded(asked, content, why, end);
          over();
        };
        const progress = (octets: number): void => journal.progress(asked, content, why, octets);
        const events = { progress, ended };
        const begin = (port: UdpPort): Transfer => {
          const read = { content, mode, options, request, maxBlksize };
          return new Transfer({ ...read, port, dst, dstPort, context, limits, events });
        };
        const failed = (error: Error): never => {
          giveBack();
          throw error;
        };
        return this.openPort(d).then(begin, failed);
      },
      (error) => journal.note(asked, "failed", error.message),
    );
  }

  private take(view: TftpView, d: Datagram, asked: Asked, quota: number, why: string): void {
    const { uploads, context, journal, limits } = this;
    if (d.broadcast || !uploads) {
      this.refuse(d, asked, {
        code: TftpError.AccessViolation,
        why: "nothing may be written here",
      });
      return;
    }
    const request = this.claim(d, asked);
    if (!request) return;
    const { src: dst, srcPort: dstPort } = d;
    const { mode } = view;
    const options = readTftpOptions(view);
    const from = { src: dst, srcPort: dstPort, broadcast: false, octets: d.octets, at: 0, len: 0 };
    const maxBlksize = this.maxBlksize(d);
    this.transfers.run(
      peerKey(dst, dstPort),
      dst,
      async (over) => {
        const machine = asked.plan.machine.name;
        const file = await uploads.begin(machine, asked.name, quota, options.tsize);
        if ("code" in file) {
          this.refuse(from, asked, file);
          return undefined;
        }
        const port = await this.openPort(from).catch(async (error: Error) => {
          await file.discard();
          throw error;
        });
        const ended = (end: TransferEnd): void => journal.writeEnded(asked, file.where, why, end);
        const write = { file, mode, options, request, maxBlksize, port, dst, dstPort };
        return new UploadTransfer({ ...write, context, limits, events: { ended, over } });
      },
      (error) => journal.note(asked, "failed", error.message),
    );
  }

  private openPort({ src, srcPort }: Datagram): Promise<UdpPort> {
    const { shared } = this;
    return shared ? Promise.resolve(shared.open(src, srcPort)) : this.ports.openTransfer();
  }

  private maxBlksize({ src }: Datagram): number {
    return pathBlksize(this.mtu, this.context.planner.site.network, src);
  }

  private refuse(d: Datagram, asked: Asked, { code, why }: Refusal): void {
    if (d.broadcast) {
      const silent = `${why}; it was a broadcast, so another server may have it`;
      this.journal.note(asked, "silent", silent);
      return;
    }
    const slab = this.port?.borrow();
    if (slab) {
      // What a PROM prints on its console: short, and no paths of this host.
      const words = code === TftpError.NotDefined ? "not available now" : why;
      this.port?.send(slab, emitError(code, words, slab.octets, 0), d.src, d.srcPort);
    }
    this.journal.note(asked, "refused", why, `error ${code}`);
  }
}
