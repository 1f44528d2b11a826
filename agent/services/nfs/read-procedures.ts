import { DiropArgsView, FhandleArgsView, ReadArgsView } from "../../../protocols/nfs/args.ts";
import { NFS_FHSIZE, NFS_MAXDATA, NfsStat } from "../../../protocols/nfs/constants.ts";
import {
  emitAttrResult,
  emitDiropResult,
  emitReadlinkResult,
  emitReadResultHeader,
  emitStatfsResult,
} from "../../../protocols/nfs/results.ts";
import { xdrPad } from "../../../protocols/sunrpc/xdr.ts";
import { readText } from "../../../protocols/sunrpc/xdr-text.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { type Content, gather, loadRange } from "../../assets/content.ts";
import {
  isRefusal,
  type NodeAttributes,
  type Tree,
  type TreeSpace,
} from "../../assets/trees/tree.ts";
import { type ServiceContext, whoIs } from "../context.ts";
import { heldBecause, heldFor } from "../hold.ts";
import type { RpcCredential } from "../rpc/credential.ts";
import type { RpcAnswer, RpcCall } from "../rpc/program.ts";
import { BLOCK_LEN, fattrOf } from "./attributes.ts";
import { codeOf, malformed, refuse, whenReady } from "./errors.ts";
import { Access, grants, mayRead } from "./permissions.ts";
import { ReadAccounts } from "./reads.ts";
import { statfsOf } from "./statfs.ts";

const PADDING: readonly Uint8Array[] = [0, 1, 2, 3].map((n) => new Uint8Array(n));

/**
 * The procedures that look at single nodes: GETATTR, LOOKUP, READLINK, READ, STATFS.
 *
 * What is in memory is answered in the same turn; the rest waits for its disk without holding up others, and LOOKUP of what
 * is being fetched for as long as that takes.
 */
export class ReadProcedures {
  private readonly context: ServiceContext;
  private readonly reads: ReadAccounts;
  private readonly fhandleArgs = new FhandleArgsView();
  private readonly diropArgs = new DiropArgsView();
  private readonly readArgs = new ReadArgsView();
  private readonly handle32 = Octets.alloc(NFS_FHSIZE);
  private readonly pieces: Uint8Array[] = [];

  constructor(context: ServiceContext) {
    this.context = context;
    this.reads = new ReadAccounts(context);
  }

  getattr(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const fileid = this.fhandle(call, answer, tree);
    if (fileid < 0) return;
    return whenReady(tree.attributes(fileid), (a) => {
      if (isRefusal(a)) refuse(answer, codeOf(a));
      else answer.success((o, at) => emitAttrResult(fattrOf(a, tree.fsid, fileid), o, at));
    });
  }

  lookup(call: RpcCall, answer: RpcAnswer, tree: Tree, who: RpcCredential): void | Promise<void> {
    const { diropArgs, context } = this;
    const status = diropArgs.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const directory = context.handles.fileidOf(tree.fsid, call.octets, diropArgs.dirAt);
    const name = readText(call.octets, diropArgs.nameAt, diropArgs.nameLen);
    if (directory < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    if (name === "." || name === "..") {
      return this.lookupDots(answer, tree, directory, name, who);
    }
    // Root may search everything: what a kernel reads its root as costs no look at the directory.
    if (who.uid === 0) return this.find(call, answer, tree, directory, name);
    return whenReady(tree.attributes(directory), (a) => {
      const code = isRefusal(a) ? codeOf(a) : searchFault(a, who);
      if (code !== 0) refuse(answer, code);
      else return this.find(call, answer, tree, directory, name);
    });
  }

  readlink(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const fileid = this.fhandle(call, answer, tree);
    if (fileid < 0) return;
    return whenReady(tree.readlink(fileid), (link) => {
      if (isRefusal(link)) refuse(answer, codeOf(link));
      else answer.success((o, at) => emitReadlinkResult(link.target, o, at));
    });
  }

  read(call: RpcCall, answer: RpcAnswer, tree: Tree, who: RpcCredential): void | Promise<void> {
    const { readArgs, context } = this;
    const status = readArgs.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const fileid = context.handles.fileidOf(tree.fsid, call.octets, readArgs.fhandleAt);
    if (fileid < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    const { offset } = readArgs;
    const count = Math.min(readArgs.count, NFS_MAXDATA);
    return whenReady(tree.content(fileid), (content) =>
      whenReady(tree.attributes(fileid), (a) => {
        // U-Boot reads a symbolic link, is told "invalid", and then asks where it leads.
        if (isRefusal(a)) refuse(answer, codeOf(a));
        else if (isRefusal(content))
          refuse(answer, a.kind === "symlink" ? NfsStat.Inval : codeOf(content));
        else if (!mayRead(a, who)) refuse(answer, NfsStat.Acces);
        else return this.send(call, answer, tree, { fileid, a, content, offset, count });
      }),
    );
  }

  statfs(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    if (this.fhandle(call, answer, tree) < 0) return;
    const space = tree.writable?.space();
    const tell = (room: TreeSpace): void => {
      answer.success((o, at) => emitStatfsResult(statfsOf(room), o, at));
    };
    if (space) return tell(space);
    // What nobody can change is full.
    return whenReady(tree.size?.() ?? BLOCK_LEN, (total) => {
      if (isRefusal(total)) refuse(answer, codeOf(total));
      else tell({ total, free: 0 });
    });
  }

  /** The fileid of the handle that a call begins with; below 0 when the answer was given already. */
  fhandle(call: RpcCall, answer: RpcAnswer, tree: Tree): number {
    const { fhandleArgs, context } = this;
    const status = fhandleArgs.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return -1;
    const fileid = context.handles.fileidOf(tree.fsid, call.octets, fhandleArgs.fhandleAt);
    if (fileid < 0) refuse(answer, NfsStat.Stale);
    return fileid;
  }

  /** The answer to LOOKUP, CREATE and MKDIR: handle and attributes. */
  entry(answer: RpcAnswer, tree: Tree, fileid: number): void | Promise<void> {
    if (fileid < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    return whenReady(tree.attributes(fileid), (a) => {
      if (isRefusal(a)) {
        refuse(answer, codeOf(a));
        return;
      }
      this.context.handles.emit(tree.fsid, fileid, this.handle32, 0);
      const fattr = fattrOf(a, tree.fsid, fileid);
      answer.success((o, at) => emitDiropResult(this.handle32.u8, fattr, o, at));
    });
  }

  private find(
    call: RpcCall,
    answer: RpcAnswer,
    tree: Tree,
    directory: number,
    name: string,
  ): void | Promise<void> {
    const result = tree.lookup(directory, name);
    const waited = result instanceof Promise && this.held(call, tree, directory, name);
    return whenReady(result, (found) => {
      if (waited) this.goesOn(call, name);
      if (!isRefusal(found)) return this.entry(answer, tree, found);
      refuse(answer, codeOf(found));
      // What a loader looks for in vain (another kernel name) is told; what a running system does not find is its own affair.
      if (tree.parent(directory) === directory) this.notFound(call, name);
    });
  }

  /** The attributes come first: a tree learns who is above a handle from before a restart when it looks for it. */
  private lookupDots(
    answer: RpcAnswer,
    tree: Tree,
    directory: number,
    name: "." | "..",
    who: RpcCredential,
  ): void | Promise<void> {
    return whenReady(tree.attributes(directory), (a) => {
      const code = isRefusal(a) ? codeOf(a) : searchFault(a, who);
      if (code !== 0) refuse(answer, code);
      else
        return this.entry(answer, tree, name === "." ? directory : (tree.parent(directory) ?? -1));
    });
  }

  private send(
    call: RpcCall,
    answer: RpcAnswer,
    tree: Tree,
    file: {
      readonly fileid: number;
      readonly a: NodeAttributes;
      readonly content: Content;
      readonly offset: number;
      readonly count: number;
    },
  ): void | Promise<void> {
    const { content, offset } = file;
    const len = Math.max(0, Math.min(file.count, content.size - offset));
    if (gather(content, offset, len, this.pieces) >= 0) {
      return loadRange(content, offset, len).then(
        () => this.send(call, answer, tree, file),
        (error: unknown) => {
          refuse(answer, NfsStat.Io);
          this.unreadable(call, content, error);
        },
      );
    }
    const { pieces } = this;
    const pad = PADDING[xdrPad(len)];
    if (pad && pad.length > 0) pieces.push(pad);
    const fattr = fattrOf(file.a, tree.fsid, file.fileid);
    answer.success((o, at) => emitReadResultHeader(fattr, len, o, at), pieces);
    const { plan, arrivedMs } = call.peer;
    this.reads.account(plan, content, offset, len, arrivedMs);
  }

  private unreadable(call: RpcCall, content: Content, error: unknown): void {
    this.context.journal.note({
      ...whoIs(call.peer.plan, this.context),
      protocol: "nfs",
      event: `read ${content.name}`,
      decision: error instanceof Error ? error.message : String(error),
      outcome: "failed",
      file: content.name,
      total: content.size,
    });
  }

  /** Whether a LOOKUP waits for an asset; then the journal says so, once however often the client repeats it. */
  private held(call: RpcCall, tree: Tree, directory: number, name: string): boolean {
    const why = tree.waitsFor(directory, name);
    if (why === undefined) return false;
    this.note(call, `look for ${name}`, heldBecause(why), "silent");
    return true;
  }

  private goesOn(call: RpcCall, name: string): void {
    const heldMs = this.context.clock.now() - call.peer.arrivedMs;
    this.note(call, `look for ${name}`, `was fetched${heldFor(heldMs)}`, "answered");
  }

  private notFound(call: RpcCall, name: string): void {
    this.note(call, `look for ${name}`, "its root has no such file", "refused");
  }

  private note(
    call: RpcCall,
    event: string,
    decision: string,
    outcome: "answered" | "refused" | "silent",
  ): void {
    const who = whoIs(call.peer.plan, this.context);
    this.context.journal.note({ ...who, protocol: "nfs", event, decision, outcome });
  }
}

/** Why somebody may not look for names in a node; 0: may. */
function searchFault(a: NodeAttributes, who: RpcCredential): number {
  if (a.kind !== "directory") return NfsStat.NotDir;
  return grants(a, who, Access.Search) ? 0 : NfsStat.Acces;
}
