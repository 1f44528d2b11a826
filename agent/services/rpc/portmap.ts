import {
  CALLIT_RESULT_AT,
  emitCallitResult,
  PmapCallitArgsView,
} from "../../../protocols/sunrpc/callit.ts";
import {
  emitPmapBool,
  emitPmapDump,
  emitPmapPort,
  PMAP_PORT,
  PMAP_PROG,
  PMAP_VERS,
  type PmapMapping,
  PmapMappingView,
  PmapProc,
} from "../../../protocols/sunrpc/portmap.ts";
import { AcceptStat } from "../../../protocols/sunrpc/reply.ts";
import { statusName } from "../../../protocols/wire/status.ts";
import { type ServiceContext, whoIs } from "../context.ts";
import { type RpcAnswer, type RpcCall, type RpcPeer, type RpcProgram, VOID } from "./program.ts";

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;

/**
 * The port mapper (RFC 1833 section 3), version 2: tells the ports of our own programs.
 *
 * SET and UNSET are answered "false": nobody else registers here. CALLIT calls a program on behalf of a broadcast, which is
 * how a diskless Sun finds its bootparam server; it is silent on every failure.
 */
export class PortmapProgram implements RpcProgram {
  readonly name = "portmap";
  readonly prog: number = PMAP_PROG;
  readonly versions: readonly number[] = [PMAP_VERS];
  readonly port: number = PMAP_PORT;
  readonly indirect = false;
  private readonly context: ServiceContext;
  private readonly programs: readonly RpcProgram[];
  /** All of our programs, this one among them. */
  readonly mappings: readonly PmapMapping[];
  private readonly mapping = new PmapMappingView();
  private readonly callit = new PmapCallitArgsView();

  /** `programs`: all but the port mapper itself. */
  constructor(context: ServiceContext, programs: readonly RpcProgram[]) {
    this.context = context;
    this.programs = programs;
    this.mappings = [this, ...programs].flatMap(({ prog, versions, port }) =>
      versions.flatMap((vers) => [
        { prog, vers, prot: IPPROTO_UDP, port },
        { prog, vers, prot: IPPROTO_TCP, port },
      ]),
    );
  }

  handle(call: RpcCall, answer: RpcAnswer): void {
    switch (call.proc) {
      case PmapProc.Set:
      case PmapProc.Unset:
        answer.success((o, at) => emitPmapBool(false, o, at));
        break;
      case PmapProc.Getport:
        this.getport(call, answer);
        break;
      case PmapProc.Dump:
        answer.success((o, at) => emitPmapDump(this.mappings, o, at));
        this.note(call.peer, "which programs are here?", "all of them", "answered", "the list");
        break;
      case PmapProc.Callit:
        this.callIndirectly(call, answer);
        break;
      default:
        answer.fail(AcceptStat.ProcUnavail);
    }
  }

  private getport(call: RpcCall, answer: RpcAnswer): void {
    const { mapping } = this;
    const status = mapping.reset(call.octets, call.argsAt, call.argsLen);
    if (status) {
      this.context.counters.add("portmap", statusName(status));
      answer.fail(AcceptStat.GarbageArgs);
      return;
    }
    const { prog, vers, prot } = mapping;
    // A version that is not here gets the port all the same: the program then says PROG_MISMATCH, which is what makes
    // U-Boot fall back. A port of 0 would make it give up.
    const found = this.mappings.find((m) => m.prog === prog && m.prot === prot);
    answer.success((o, at) => emitPmapPort(found?.port ?? 0, o, at));
    const name = this.programs.find((p) => p.prog === prog)?.name ?? `program ${prog}`;
    const over = prot === IPPROTO_TCP ? "TCP" : "UDP";
    this.note(
      call.peer,
      `where is ${name} version ${vers} over ${over}?`,
      found ? "one of our programs" : "not here",
      found ? "answered" : "refused",
      `port ${found?.port ?? 0}`,
    );
  }

  private callIndirectly(call: RpcCall, answer: RpcAnswer): void {
    const { callit, context } = this;
    const status = callit.reset(call.octets, call.argsAt, call.argsLen);
    if (status) {
      context.counters.add("portmap", statusName(status));
      answer.silence();
      return;
    }
    const { prog, vers, proc, argsAt, argsLen } = callit;
    const program = this.programs.find((p) => p.prog === prog && p.versions.includes(vers));
    const name = program?.name ?? `program ${prog} version ${vers}`;
    // NULL only says that a program is here (`rpcinfo -b`); beyond that, what may be called is what was made for it.
    if (!program || (proc !== 0 && !program.indirect)) {
      answer.silence();
      const why = program ? `${name} is not called for others` : `${name} is not here`;
      this.note(call.peer, `call procedure ${proc} of ${name} for me`, why, "silent");
      return;
    }
    const inner = new IndirectAnswer(answer, program.port);
    if (proc === 0) {
      inner.success(VOID);
      this.note(call.peer, `is ${name} here?`, "it is", "answered", `port ${program.port}`);
      return;
    }
    const peer = { ...call.peer, broadcast: true };
    const pending = program.handle(
      { octets: call.octets, xid: call.xid, vers, proc, argsAt, argsLen, peer, cred: call.cred },
      inner,
    );
    // A program that fails stays silent here; the dispatcher cannot see it, so it ends here.
    if (pending) pending.catch(() => inner.silence());
  }

  private note(
    peer: RpcPeer,
    event: string,
    decision: string,
    outcome: "answered" | "refused" | "silent",
    reply?: string,
  ): void {
    this.context.journal.note({
      ...whoIs(peer.plan, this.context),
      protocol: "portmap",
      event,
      decision,
      reply,
      outcome,
    });
  }
}

/** Wraps what a program answers into the result of CALLIT, and swallows refusals. */
class IndirectAnswer implements RpcAnswer {
  private readonly outer: RpcAnswer;
  private readonly port: number;

  constructor(outer: RpcAnswer, port: number) {
    this.outer = outer;
    this.port = port;
  }

  success(emit: (o: RpcCall["octets"], at: number) => number): void {
    this.outer.success((o, at) => {
      const len = emit(o, at + CALLIT_RESULT_AT);
      return emitCallitResult(this.port, len, o, at);
    });
  }

  fail(): void {
    this.outer.silence();
  }

  silence(): void {
    this.outer.silence();
  }
}
