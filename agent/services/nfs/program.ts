import {
  DiropArgsView,
  FhandleArgsView,
  ReadArgsView,
  ReaddirArgsView,
} from "../../../protocols/nfs/args.ts";
import {
  NFS_FHSIZE,
  NFS_MAXDATA,
  NFS_PORT,
  NFS_PROG,
  NFS_VERS,
  NfsProc,
  NfsStat,
} from "../../../protocols/nfs/constants.ts";
import { ReaddirWriter } from "../../../protocols/nfs/readdir-result.ts";
import {
  emitAttrResult,
  emitDiropResult,
  emitReadlinkResult,
  emitReadResultHeader,
  emitStatfsResult,
  emitStatResult,
} from "../../../protocols/nfs/results.ts";
import { AcceptStat } from "../../../protocols/sunrpc/reply.ts";
import { xdrPad } from "../../../protocols/sunrpc/xdr.ts";
import { readText } from "../../../protocols/sunrpc/xdr-text.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { type Status, statusName } from "../../../protocols/wire/status.ts";
import { type Content, gather, loadRange } from "../../assets/content.ts";
import {
  type DirEntry,
  isRefusal,
  type NodeAttributes,
  type Tree,
  type TreeRefusal,
  type TreeResult,
} from "../../assets/trees/tree.ts";
import { type ServiceContext, whoIs } from "../context.ts";
import { heldBecause, heldFor } from "../hold.ts";
import { type RpcAnswer, type RpcCall, type RpcProgram, VOID } from "../rpc/program.ts";
import { BLOCK_LEN, fattrOf } from "./attributes.ts";
import { emitHandle, FHANDLE_LEN, readHandle, readHandleFsid } from "./handle.ts";
import { ReadAccounts } from "./reads.ts";

/** Octets of a READDIR result at most; the client's count is often less. */
const MAX_READDIR = 8_192;
const PADDING: readonly Uint8Array[] = [0, 1, 2, 3].map((n) => new Uint8Array(n));

const CODES: Readonly<Record<TreeRefusal, number>> = {
  stale: NfsStat.Stale,
  "no-entry": NfsStat.NoEnt,
  "not-a-directory": NfsStat.NotDir,
  "is-a-directory": NfsStat.IsDir,
  "not-a-symlink": NfsStat.Inval,
  exists: NfsStat.Exist,
  "not-empty": NfsStat.NotEmpty,
  "not-permitted": NfsStat.Perm,
  "read-only": NfsStat.Rofs,
  "no-space": NfsStat.NoSpc,
  "over-quota": NfsStat.Dquot,
  "too-large": NfsStat.Fbig,
  "name-too-long": NfsStat.NameTooLong,
  io: NfsStat.Io,
};

/** The procedures that would change something; all of them begin with a file handle. */
const CHANGES: ReadonlySet<number> = new Set([
  NfsProc.Setattr,
  NfsProc.Write,
  NfsProc.Create,
  NfsProc.Remove,
  NfsProc.Rename,
  NfsProc.Link,
  NfsProc.Symlink,
  NfsProc.Mkdir,
  NfsProc.Rmdir,
]);

/**
 * NFS version 2 (RFC 1094) over a machine's own tree, read-only.
 *
 * What is in memory is answered in the same turn; the rest waits for its disk without holding up others, and LOOKUP of what
 * is being fetched for as long as that takes. A handle of any other tree than the caller's, or the one that it mounted last, is
 * stale.
 */
export class NfsProgram implements RpcProgram {
  readonly name = "nfs";
  readonly prog: number = NFS_PROG;
  readonly versions: readonly number[] = [NFS_VERS];
  readonly port: number = NFS_PORT;
  readonly indirect = false;
  private readonly context: ServiceContext;
  private readonly reads: ReadAccounts;
  private readonly fhandleArgs = new FhandleArgsView();
  private readonly diropArgs = new DiropArgsView();
  private readonly readArgs = new ReadArgsView();
  private readonly readdirArgs = new ReaddirArgsView();
  private readonly listing = new ReaddirWriter();
  private readonly handle32 = Octets.alloc(NFS_FHSIZE);
  private readonly pieces: Uint8Array[] = [];

  constructor(context: ServiceContext) {
    this.context = context;
    this.reads = new ReadAccounts(context);
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
    const tree = this.treeOf(call);
    if (!tree) {
      refuse(answer, NfsStat.Acces);
      return;
    }
    switch (proc) {
      case NfsProc.Getattr:
        return this.getattr(call, answer, tree);
      case NfsProc.Lookup:
        return this.lookup(call, answer, tree);
      case NfsProc.Readlink:
        return this.readlink(call, answer, tree);
      case NfsProc.Read:
        return this.read(call, answer, tree);
      case NfsProc.Readdir:
        return this.readdir(call, answer, tree);
      case NfsProc.Statfs:
        return this.statfs(call, answer, tree);
      default:
        if (CHANGES.has(proc)) this.refuseChange(call, answer, tree);
    }
  }

  /**
   * The tree that a call is about: the one of the machine's plan, or the one that it mounted last and runs from.
   *
   * All procedures begin with a file handle. One of our own tree that was mounted before this process began counts as mounted.
   */
  private treeOf({ peer: { plan }, octets, argsAt, argsLen }: RpcCall): Tree | undefined {
    const { planner } = this.context;
    const own = plan.export;
    if (argsLen < FHANDLE_LEN) return own?.tree;
    const fsid = readHandleFsid(octets, argsAt);
    const mounted = planner.mountedOn(plan);
    if (fsid === own?.tree.fsid) {
      if (!mounted) planner.mounted(plan, own);
      return own.tree;
    }
    return fsid === mounted?.tree.fsid ? mounted.tree : (own ?? mounted)?.tree;
  }

  private getattr(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const fileid = this.fhandle(call, answer, tree);
    if (fileid < 0) return;
    return whenReady(tree.attributes(fileid), (a) => {
      if (isRefusal(a)) refuse(answer, CODES[a]);
      else answer.success((o, at) => emitAttrResult(fattrOf(a, tree.fsid, fileid), o, at));
    });
  }

  private lookup(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const { diropArgs } = this;
    if (this.malformed(diropArgs.reset(call.octets, call.argsAt, call.argsLen), answer)) return;
    const directory = readHandle(tree.fsid, call.octets, diropArgs.dirAt);
    const name = readText(call.octets, diropArgs.nameAt, diropArgs.nameLen);
    if (directory < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    if (name === "." || name === "..") return this.lookupDots(answer, tree, directory, name);
    const result = tree.lookup(directory, name);
    const waited = result instanceof Promise && this.held(call, tree, directory, name);
    return whenReady(result, (found) => {
      if (waited) this.goesOn(call, name);
      if (!isRefusal(found)) return this.entry(answer, tree, found);
      refuse(answer, CODES[found]);
      // What a loader looks for in vain (another kernel name) is told; what a running system does not find is its own affair.
      if (directory === tree.root) this.notFound(call, name);
    });
  }

  /** The attributes come first: a tree learns who is above a handle from before a restart when it looks for it. */
  private lookupDots(
    answer: RpcAnswer,
    tree: Tree,
    directory: number,
    name: "." | "..",
  ): void | Promise<void> {
    return whenReady(tree.attributes(directory), (a) => {
      if (isRefusal(a)) refuse(answer, CODES[a]);
      else if (a.kind !== "directory") refuse(answer, NfsStat.NotDir);
      else
        return this.entry(answer, tree, name === "." ? directory : (tree.parent(directory) ?? -1));
    });
  }

  /** The answer to LOOKUP: handle and attributes. */
  private entry(answer: RpcAnswer, tree: Tree, fileid: number): void | Promise<void> {
    if (fileid < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    return whenReady(tree.attributes(fileid), (a) => {
      if (isRefusal(a)) {
        refuse(answer, CODES[a]);
        return;
      }
      emitHandle(tree.fsid, fileid, this.handle32, 0);
      const fattr = fattrOf(a, tree.fsid, fileid);
      answer.success((o, at) => emitDiropResult(this.handle32.u8, fattr, o, at));
    });
  }

  private readlink(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const fileid = this.fhandle(call, answer, tree);
    if (fileid < 0) return;
    return whenReady(tree.readlink(fileid), (link) => {
      if (isRefusal(link)) refuse(answer, CODES[link]);
      else answer.success((o, at) => emitReadlinkResult(link.target, o, at));
    });
  }

  private read(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const { readArgs } = this;
    if (this.malformed(readArgs.reset(call.octets, call.argsAt, call.argsLen), answer)) return;
    const fileid = readHandle(tree.fsid, call.octets, readArgs.fhandleAt);
    if (fileid < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    const { offset } = readArgs;
    const count = Math.min(readArgs.count, NFS_MAXDATA);
    return whenReady(tree.content(fileid), (content) =>
      whenReady(tree.attributes(fileid), (a) => {
        // U-Boot reads a symbolic link, is told "invalid", and then asks where it leads.
        if (isRefusal(a)) refuse(answer, CODES[a]);
        else if (isRefusal(content))
          refuse(answer, a.kind === "symlink" ? NfsStat.Inval : CODES[content]);
        else return this.send(call, answer, tree, { fileid, a, content, offset, count });
      }),
    );
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
    const payload = [...this.pieces];
    const pad = PADDING[xdrPad(len)];
    if (pad && pad.length > 0) payload.push(pad);
    const fattr = fattrOf(file.a, tree.fsid, file.fileid);
    answer.success((o, at) => emitReadResultHeader(fattr, len, o, at), payload);
    this.reads.account(call.peer.plan, content, offset, len);
  }

  private readdir(call: RpcCall, answer: RpcAnswer, tree: Tree): void | Promise<void> {
    const { readdirArgs } = this;
    if (this.malformed(readdirArgs.reset(call.octets, call.argsAt, call.argsLen), answer)) return;
    const directory = readHandle(tree.fsid, call.octets, readdirArgs.dirAt);
    if (directory < 0) {
      refuse(answer, NfsStat.Stale);
      return;
    }
    const { cookie } = readdirArgs;
    const limit = Math.min(readdirArgs.count, MAX_READDIR);
    return whenReady(tree.list(directory), (entries) => {
      if (isRefusal(entries)) {
        refuse(answer, CODES[entries]);
        return;
      }
      const all = [
        { name: ".", fileid: directory },
        { name: "..", fileid: tree.parent(directory) ?? directory },
        ...entries,
      ];
      answer.success((o, at) => this.emitListing(all, cookie, limit, o, at));
    });
  }

  /** A cookie is the number of entries that came before. */
  private emitListing(
    all: readonly DirEntry[],
    cookie: number,
    limit: number,
    o: Octets,
    at: number,
  ): number {
    const { listing } = this;
    const encoder = new TextEncoder();
    listing.begin(o, at, limit);
    let next = cookie;
    for (; next < all.length; next++) {
      const entry = all[next];
      if (!entry || !listing.addEntry(entry.fileid, encoder.encode(entry.name), next + 1)) break;
    }
    // Not one fits: told to go on, the client would ask for the same again and again.
    if (next < all.length && listing.count === 0) return emitStatResult(NfsStat.Inval, o, at);
    return listing.end(next >= all.length);
  }

  private statfs(call: RpcCall, answer: RpcAnswer, tree: Tree): void {
    if (this.fhandle(call, answer, tree) < 0) return;
    const full = { tsize: NFS_MAXDATA, bsize: BLOCK_LEN, blocks: 1, bfree: 0, bavail: 0 };
    answer.success((o, at) => emitStatfsResult(full, o, at));
  }

  private refuseChange(call: RpcCall, answer: RpcAnswer, tree: Tree): void {
    if (this.fhandle(call, answer, tree) >= 0) refuse(answer, NfsStat.Rofs);
  }

  /** The fileid of the handle that a call begins with; below 0 when the answer was given already. */
  private fhandle(call: RpcCall, answer: RpcAnswer, tree: Tree): number {
    const { fhandleArgs } = this;
    if (this.malformed(fhandleArgs.reset(call.octets, call.argsAt, call.argsLen), answer))
      return -1;
    const fileid = readHandle(tree.fsid, call.octets, fhandleArgs.fhandleAt);
    if (fileid < 0) refuse(answer, NfsStat.Stale);
    return fileid;
  }

  private malformed(status: Status, answer: RpcAnswer): boolean {
    if (!status) return false;
    this.context.counters.add("nfs", statusName(status));
    answer.fail(AcceptStat.GarbageArgs);
    return true;
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

function refuse(answer: RpcAnswer, code: number): void {
  answer.success((o, at) => emitStatResult(code, o, at));
}

/** Goes on at once with what is there already, and later with what has to be waited for. */
function whenReady<T>(
  result: TreeResult<T>,
  then: (value: T | TreeRefusal) => void | Promise<void>,
): void | Promise<void> {
  return result instanceof Promise ? result.then(then) : then(result);
}
