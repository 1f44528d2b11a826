import { NFS_PROG } from "../../../protocols/nfs/constants.ts";
import { AuthFlavor, AuthStat } from "../../../protocols/sunrpc/auth.ts";
import { RpcCallView } from "../../../protocols/sunrpc/call.ts";
import {
  AcceptStat,
  emitAcceptedReply,
  emitAuthError,
  emitProgMismatch,
  emitRpcMismatch,
} from "../../../protocols/sunrpc/reply.ts";
import { formatIpv4, IPV4_LOOPBACK, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { Status, statusName } from "../../../protocols/wire/status.ts";
import { heldBack, type ServiceContext, signOfLife, UNKNOWN_MACHINE, whoIs } from "../context.ts";
import { credentialOf, RpcCredential } from "./credential.ts";
import {
  type EmitResults,
  type RpcAnswer,
  type RpcCall,
  type RpcPeer,
  type RpcProgram,
  type RpcTransport,
  VOID,
} from "./program.ts";

/** Where a transport lets a reply be written. */
export interface ReplySink {
  /** Memory for a reply and where in it to begin; undefined: none free, the call is dropped. */
  begin(): { readonly octets: Octets; readonly at: number } | undefined;
  /** Sends `len` octets from where it began, then `payload`. */
  commit(len: number, payload?: readonly Uint8Array[]): void;
}

/**
 * Calls of one peer by UDP that may be worked on at a time; further ones are dropped, and come again. By TCP nothing comes again
 * before the connection is given up: there the transport stops reading instead.
 */
const MAX_PENDING = 64;

/** How a call arrived. */
export interface Arrival {
  readonly src: Ipv4;
  readonly srcPort: number;
  readonly transport: RpcTransport;
  readonly broadcast: boolean;
}

/**
 * What RFC 5531 asks of every server, before and around its programs.
 *
 * A wrong version is PROG_MISMATCH with the versions there are, an unknown program PROG_UNAVAIL, an unknown procedure
 * PROC_UNAVAIL; MSG_DENIED is for credentials and RPC versions only. To a broadcast, every refusal is silence (RFC 1833
 * section 3.2): another host may have the right answer.
 *
 * A call that waits for a disk or a store is sent again and again by its client; only its first form is worked on.
 */
export class RpcDispatcher {
  private readonly context: ServiceContext;
  private readonly programs: readonly RpcProgram[];
  private readonly view = new RpcCallView();
  private cred = RpcCredential.nobody;
  /** Calls that are being worked on, by peer. */
  private readonly pending = new Map<Ipv4, Set<string>>();

  /** `programs`: those that listen on the port in question. */
  constructor(context: ServiceContext, programs: readonly RpcProgram[]) {
    this.context = context;
    this.programs = programs;
  }

  /** Takes one RPC message. The promise, if there is one, resolves when its answer was given. */
  handle(
    o: Octets,
    at: number,
    len: number,
    arrival: Arrival,
    sink: ReplySink,
  ): Promise<void> | undefined {
    const { view, context } = this;
    const status = view.reset(o, at, len);
    if (status !== Status.Ok && status !== Status.BadVersion) {
      context.counters.add("rpc", statusName(status));
      return undefined;
    }
    const forwarded = arrival.src === IPV4_LOOPBACK;
    const known = forwarded ? this.subjectOf(o, status) : context.planner.byIp(arrival.src);
    const from = forwarded ? { ...arrival, broadcast: true } : arrival;
    if (!known) {
      this.stranger(from, status);
      return undefined;
    }
    // What runs from its root goes on reading it.
    const runs = status === Status.Ok && view.prog === NFS_PROG;
    const held = runs ? undefined : heldBack(known, context);
    if (held !== undefined) {
      this.silent(known, held);
      return undefined;
    }
    const plan = runs ? known : context.planner.asks(known, { by: "rpc" });
    signOfLife(plan, context);
    const answer = new WireAnswer(sink, view.xid, from.broadcast);
    if (status === Status.BadVersion) {
      this.refuse(answer, `RPC version ${view.rpcVersion}`, plan, "rpc", (r, a) =>
        emitRpcMismatch(view.xid, r, a),
      );
      return undefined;
    }
    const program = this.programs.find((p) => p.prog === view.prog);
    if (!program) {
      this.refuse(answer, `program ${view.prog} is not here`, plan, "rpc", (r, a) =>
        emitAcceptedReply(view.xid, AcceptStat.ProgUnavail, r, a),
      );
      return undefined;
    }
    if (!program.versions.includes(view.vers)) {
      const low = program.versions[0] ?? 0;
      const high = program.versions.at(-1) ?? 0;
      const why = `version ${view.vers} of ${program.name}: here are ${low} to ${high}`;
      this.refuse(answer, why, plan, program.name, (r, a) =>
        emitProgMismatch(view.xid, low, high, r, a),
      );
      return undefined;
    }
    if (!acceptable(view)) {
      const why = `credentials of flavor ${view.credFlavor}`;
      this.refuse(answer, why, plan, program.name, (r, a) =>
        emitAuthError(view.xid, AuthStat.BadCred, r, a),
      );
      return undefined;
    }
    if (view.proc === 0) {
      answer.success(VOID);
      return undefined;
    }
    const { vers, proc, argsAt, argsLen, xid } = view;
    const pending = this.pending.get(from.src);
    if (pending) {
      const repeated = pending.has(callKey(from, xid, proc));
      if (repeated || (from.transport === "udp" && pending.size >= MAX_PENDING)) {
        context.counters.add("rpc", repeated ? "repeated" : "too-many");
        return undefined;
      }
    }
    const { src, srcPort, transport, broadcast } = from;
    const arrivedMs = context.clock.now();
    const peer: RpcPeer = { plan, src, srcPort, transport, broadcast, arrivedMs };
    const cred = credentialOf(view, this.cred);
    this.cred = cred;
    const call = { octets: o, xid, vers, proc, argsAt, argsLen, peer, cred };
    const work = this.run(program, call, answer);
    return work && this.track(from, callKey(from, xid, proc), work);
  }

  /** rpcbind calls on behalf of a broadcast, by the loopback: there is no caller, but whom it asks about. */
  private subjectOf(o: Octets, status: Status): RpcPeer["plan"] | undefined {
    const { view } = this;
    if (status !== Status.Ok) return undefined;
    const program = this.programs.find((p) => p.prog === view.prog);
    return program?.subjectOf?.(o, view.proc, view.argsAt, view.argsLen);
  }

  /** Knows a call until it was answered. */
  private track(from: Arrival, key: string, work: Promise<void>): Promise<void> {
    const pending = this.pending.get(from.src) ?? new Set();
    this.pending.set(from.src, pending);
    pending.add(key);
    return work.finally(() => {
      pending.delete(key);
      if (pending.size === 0 && this.pending.get(from.src) === pending) {
        this.pending.delete(from.src);
      }
    });
  }

  /** Calls a program; its failure costs this one call and is journalled. */
  private run(program: RpcProgram, call: RpcCall, answer: RpcAnswer): Promise<void> | undefined {
    const failed = (error: unknown): void => {
      this.context.journal.note({
        ...whoIs(call.peer.plan, this.context),
        protocol: program.name,
        event: `a call of ${program.name}`,
        decision: error instanceof Error ? error.message : String(error),
        outcome: "failed",
      });
      answer.fail(AcceptStat.SystemErr);
    };
    return program.handle(call, answer)?.catch(failed);
  }

  private refuse(
    answer: WireAnswer,
    why: string,
    plan: RpcPeer["plan"],
    protocol: RpcProgram["name"],
    emit: EmitResults,
  ): void {
    const sent = answer.raw(emit);
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol,
      event: why,
      decision: sent ? "refused as RFC 5531 says" : "refused in silence: it was a broadcast",
      outcome: sent ? "refused" : "silent",
    });
  }

  private silent(plan: RpcPeer["plan"], decision: string): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "rpc",
      event: "an RPC call",
      decision,
      outcome: "silent",
    });
  }

  private stranger(from: Arrival, status: Status): void {
    const { view } = this;
    // Of another RPC version nothing but the version can be read.
    const prog = status === Status.Ok ? view.prog : -1;
    const program = this.programs.find((p) => p.prog === prog);
    const what = prog < 0 ? `RPC version ${view.rpcVersion}` : `program ${prog}`;
    this.context.journal.note({
      protocol: program?.name ?? "rpc",
      address: from.src,
      event: `call of ${what} by ${formatIpv4(from.src)}`,
      decision: UNKNOWN_MACHINE,
      outcome: "silent",
    });
  }
}

function callKey({ srcPort, transport }: Arrival, xid: number, proc: number): string {
  return `${transport} ${srcPort} ${xid} ${proc}`;
}

/** AUTH_NONE, and AUTH_UNIX that decodes; libsa sends AUTH_UNIX of zeros. */
function acceptable(view: RpcCallView): boolean {
  const flavor = view.credFlavor;
  return (flavor === AuthFlavor.None || flavor === AuthFlavor.Unix) && view.credOk;
}

class WireAnswer implements RpcAnswer {
  private readonly sink: ReplySink;
  private readonly xid: number;
  private readonly broadcast: boolean;
  private done = false;

  constructor(sink: ReplySink, xid: number, broadcast: boolean) {
    this.sink = sink;
    this.xid = xid;
    this.broadcast = broadcast;
  }

  success(emit: EmitResults, payload?: readonly Uint8Array[]): void {
    if (this.done) return;
    this.done = true;
    const memory = this.sink.begin();
    if (!memory) return;
    const { octets, at } = memory;
    const head = emitAcceptedReply(this.xid, AcceptStat.Success, octets, at);
    this.sink.commit(head + emit(octets, at + head), payload);
  }

  fail(acceptStat: number): void {
    this.raw((o, at) => emitAcceptedReply(this.xid, acceptStat, o, at));
  }

  silence(): void {
    this.done = true;
  }

  /** A whole reply that is a refusal; false when it was swallowed because the call was broadcast. */
  raw(emit: EmitResults): boolean {
    if (this.done) return false;
    this.done = true;
    if (this.broadcast) return false;
    const memory = this.sink.begin();
    if (!memory) return false;
    this.sink.commit(emit(memory.octets, memory.at));
    return true;
  }
}
