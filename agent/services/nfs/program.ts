import {
  NFS_PORT,
  NFS_PROG,
  NFS_VERS,
  NfsProc,
  NfsStat,
} from "../../../protocols/nfs/constants.ts";
import { AcceptStat } from "../../../protocols/sunrpc/reply.ts";
import type { Tree } from "../../assets/trees/tree.ts";
import { Occasionally } from "../../log/occasionally.ts";
import type { Export } from "../../plan/boot-plan.ts";
import { type ServiceContext, whoIs } from "../context.ts";
import type { RpcCredential } from "../rpc/credential.ts";
import {
  FIRST_UNPRIVILEGED_PORT,
  type RpcAnswer,
  type RpcCall,
  type RpcProgram,
  VOID,
} from "../rpc/program.ts";
import { ChangeProcedures } from "./change-procedures.ts";
import { DuplicateRequests, duplicateKey } from "./duplicate-requests.ts";
import { refuse } from "./errors.ts";
import { FHANDLE_LEN } from "./handle.ts";
import { NameProcedures } from "./name-procedures.ts";
import { callerAt } from "./permissions.ts";
import { ReadProcedures } from "./read-procedures.ts";
import { ReaddirProcedure } from "./readdir-procedure.ts";
import { RememberedAnswer, repeat } from "./remembered-answer.ts";

/** Answers take a hundred octets each; clients give up long before they are forgotten. */
const DUPLICATES = { entries: 4_096, octets: 512 * 1024, ageMs: 120_000 };
/** A machine that goes on asking is told of so often, ms. */
const COMPLAIN_MS = 60_000;

/** The refusals that an operator can do something about. */
const COMPLAINTS: Readonly<Record<number, string>> = {
  [NfsStat.Dquot]: "its part of the disk is full",
  [NfsStat.NoSpc]: "the disk is full",
  [NfsStat.Io]: "the disk does not work",
};

type Change = (
  call: RpcCall,
  answer: RpcAnswer,
  on: { readonly tree: Tree; readonly writable: NonNullable<Tree["writable"]> },
  who: RpcCredential,
) => Promise<void>;

/**
 * NFS version 2 (RFC 1094) over a machine's own tree: all 18 procedures.
 *
 * A handle of any other tree than the caller's, or the one that it mounted last, is stale. What changes something is answered
 * when it is durable, and a retransmission of it gets the first answer again. The procedures themselves are in
 * `read-procedures.ts`, `readdir-procedure.ts`, `change-procedures.ts` and `name-procedures.ts`.
 */
export class NfsProgram implements RpcProgram {
  readonly name = "nfs";
  readonly prog: number = NFS_PROG;
  readonly versions: readonly number[] = [NFS_VERS];
  readonly port: number = NFS_PORT;
  readonly indirect = false;
  private readonly context: ServiceContext;
  private readonly reads: ReadProcedures;
  private readonly listing: ReaddirProcedure;
  private readonly changes: ReadonlyMap<number, Change>;
  private readonly duplicates = new DuplicateRequests(DUPLICATES);
  private readonly complaints = new Occasionally(COMPLAIN_MS);

  constructor(context: ServiceContext) {
    this.context = context;
    this.reads = new ReadProcedures(context);
    this.listing = new ReaddirProcedure(context);
    const nodes = new ChangeProcedures(context);
    const names = new NameProcedures(context, this.reads);
    this.changes = new Map<number, Change>([
      [NfsProc.Setattr, (...a) => nodes.setattr(...a)],
      [NfsProc.Write, (...a) => nodes.write(...a)],
      [NfsProc.Create, (...a) => names.create(...a)],
      [NfsProc.Remove, (...a) => names.remove(...a)],
      [NfsProc.Rename, (...a) => names.rename(...a)],
      [NfsProc.Link, (...a) => names.link(...a)],
      [NfsProc.Symlink, (...a) => names.symlink(...a)],
      [NfsProc.Mkdir, (...a) => names.mkdir(...a)],
      [NfsProc.Rmdir, (...a) => names.rmdir(...a)],
    ]);
  }

  handle(call: RpcCall, answer: RpcAnswer): void | Promise<void> {
    const { proc } = call;
    if (proc > NfsProc.Statfs) {
      answer.fail(AcceptStat.ProcUnavail);
      return;
    }
    if (proc === NfsProc.Root || proc === NfsProc.Writecache) {
      answer.success(VOID); // obsolete, and void both ways
      return;
    }
    const exported = this.exportOf(call);
    if (!exported) {
      refuse(answer, NfsStat.Acces);
      return;
    }
    const { tree, rules } = exported;
    if (rules.privilegedPorts && call.peer.srcPort >= FIRST_UNPRIVILEGED_PORT) {
      this.refusePort(call, answer);
      return;
    }
    const who = callerAt(rules, call.cred);
    switch (proc) {
      case NfsProc.Getattr:
        return this.reads.getattr(call, answer, tree);
      case NfsProc.Lookup:
        return this.reads.lookup(call, answer, tree, who);
      case NfsProc.Readlink:
        return this.reads.readlink(call, answer, tree);
      case NfsProc.Read:
        return this.reads.read(call, answer, tree, who);
      case NfsProc.Readdir:
        return this.listing.readdir(call, answer, tree, who);
      case NfsProc.Statfs:
        return this.reads.statfs(call, answer, tree);
      default:
        return this.change(call, answer, tree, who);
    }
  }

  /**
   * The export that a call is about: the one of the machine's plan, or the one that it mounted last and runs from.
   *
   * All procedures begin with a file handle. One of our own tree that was mounted before this process began counts as mounted.
   */
  private exportOf({ peer: { plan }, octets, argsAt, argsLen }: RpcCall): Export | undefined {
    const { planner, handles } = this.context;
    const own = plan.export;
    if (argsLen < FHANDLE_LEN) return own;
    const fsid = handles.claimedFsid(octets, argsAt);
    const mounted = planner.mountedOn(plan);
    if (fsid === own?.tree.fsid) {
      if (!mounted) planner.mounted(plan, own);
      return own;
    }
    return fsid === mounted?.tree.fsid ? mounted : (own ?? mounted);
  }

  /** A procedure that changes something, unless it was done before and only its answer was lost. */
  private change(
    call: RpcCall,
    answer: RpcAnswer,
    tree: Tree,
    who: RpcCredential,
  ): void | Promise<void> {
    const { writable } = tree;
    if (!writable) {
      if (this.reads.fhandle(call, answer, tree) >= 0) refuse(answer, NfsStat.Rofs);
      return;
    }
    const { peer, xid, proc, octets, argsAt, argsLen } = call;
    const { src, srcPort, transport } = peer;
    const { clock, counters } = this.context;
    const key = duplicateKey({ src, srcPort, transport, xid, proc }, octets, argsAt, argsLen);
    const first = this.duplicates.find(key, clock.now());
    if (first) {
      counters.add("nfs", "retransmitted");
      repeat(answer, first);
      return;
    }
    const remembered = new RememberedAnswer(answer, (results, code) => {
      this.duplicates.remember(key, results, clock.now());
      this.complain(call, code);
    });
    return this.changes.get(proc)?.(call, remembered, { tree, writable }, who);
  }

  private complain(call: RpcCall, code: number): void {
    const why = COMPLAINTS[code];
    if (why !== undefined) this.note(call, "a change of its root", why, "failed");
  }

  private refusePort(call: RpcCall, answer: RpcAnswer): void {
    refuse(answer, NfsStat.Acces);
    this.context.counters.add("nfs", "unprivileged-port");
    const why = `its root is for ports below ${FIRST_UNPRIVILEGED_PORT} only`;
    this.note(call, `a call from port ${call.peer.srcPort}`, why, "refused");
  }

  private note(
    call: RpcCall,
    event: string,
    decision: string,
    outcome: "failed" | "refused",
  ): void {
    const { plan } = call.peer;
    if (!this.complaints.due(`${plan.machine.mac} ${decision}`, this.context.clock.now())) return;
    const who = whoIs(plan, this.context);
    this.context.journal.note({ ...who, protocol: "nfs", event, decision, outcome });
  }
}
