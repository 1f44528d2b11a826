import { DiropArgsView } from "../../../protocols/nfs/args.ts";
import { NfsStat } from "../../../protocols/nfs/constants.ts";
import {
  CreateArgsView,
  LinkArgsView,
  RenameArgsView,
  SymlinkArgsView,
} from "../../../protocols/nfs/write-args.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import {
  isRefusal,
  type NodeAttributes,
  type NodeChange,
  type NodePlace,
  type Tree,
  type TreeRefusal,
} from "../../assets/trees/tree.ts";
import type { ServiceContext } from "../context.ts";
import type { RpcCredential } from "../rpc/credential.ts";
import type { RpcAnswer, RpcCall } from "../rpc/program.ts";
import type { ChangeableTree } from "./change-procedures.ts";
import { codeOf, malformed, refuse } from "./errors.ts";
import { type GivenName, givenText, newName, oldName } from "./names.ts";
import { Access, grants, sticks } from "./permissions.ts";
import type { ReadProcedures } from "./read-procedures.ts";
import { fresh, isSpecial, settle, type Wish, wishOf } from "./set-attributes.ts";

const ENTER = Access.Search | Access.Write;
const FILE = { mode: 0o644, isDirectory: false };
const DIRECTORY = { mode: 0o755, isDirectory: true };
const LINK_MODE = 0o777;

/** A place as a call names it; `code` is not 0 when nothing can be there. */
interface Target extends NodePlace {
  readonly code: number;
}

/** The procedures that change a directory: CREATE, MKDIR, SYMLINK, LINK, RENAME, REMOVE, RMDIR. */
export class NameProcedures {
  private readonly context: ServiceContext;
  private readonly reads: ReadProcedures;
  private readonly wallMs: () => number;
  private readonly createArgs = new CreateArgsView();
  private readonly diropArgs = new DiropArgsView();
  private readonly renameArgs = new RenameArgsView();
  private readonly linkArgs = new LinkArgsView();
  private readonly symlinkArgs = new SymlinkArgsView();

  constructor(context: ServiceContext, reads: ReadProcedures, wallMs: () => number = Date.now) {
    this.context = context;
    this.reads = reads;
    this.wallMs = wallMs;
  }

  /** A file that is there already is taken, and cut to the size that was asked for: servers have always done so. */
  async create(
    call: RpcCall,
    answer: RpcAnswer,
    on: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const asked = this.creation(call, answer, on.tree);
    if (!asked) return;
    const { place, wish } = asked;
    const { tree, writable } = on;
    const directory = await directoryAt(tree, place, who, Access.Search);
    if (typeof directory === "number") return refuse(answer, directory);
    const there = await tree.lookup(place.directory, place.name);
    if (there === "no-entry") {
      if (!grants(directory, who, ENTER)) return refuse(answer, NfsStat.Acces);
      if (isSpecial(wish)) return refuse(answer, NfsStat.Perm);
      const made = await writable.create(place, fresh(directory, wish, who, FILE));
      if (made !== "exists") return this.made(answer, tree, made);
      // Another call was faster.
      const theirs = await tree.lookup(place.directory, place.name);
      return this.take(answer, on, theirs, wish, who);
    }
    return this.take(answer, on, there, wish, who);
  }

  async mkdir(
    call: RpcCall,
    answer: RpcAnswer,
    on: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const asked = this.creation(call, answer, on.tree);
    if (!asked) return;
    const { place, wish } = asked;
    const directory = await directoryAt(on.tree, place, who, ENTER);
    if (typeof directory === "number") return refuse(answer, directory);
    const { size: _, ...rest } = wish.change;
    const change = fresh(directory, { ...wish, change: rest }, who, DIRECTORY);
    return this.made(answer, on.tree, await on.writable.mkdir(place, change));
  }

  async symlink(
    call: RpcCall,
    answer: RpcAnswer,
    on: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const { symlinkArgs: args, context } = this;
    const { octets } = call;
    const status = args.reset(octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const name = newName(octets, args.nameAt, args.nameLen);
    const place = this.target(on.tree, octets, args.dirAt, name);
    const target = givenText(octets, args.pathAt, args.pathLen);
    if (place.code !== 0) return refuse(answer, place.code);
    if (target === undefined || target === "") return refuse(answer, NfsStat.Inval);
    const directory = await directoryAt(on.tree, place, who, ENTER);
    if (typeof directory === "number") return refuse(answer, directory);
    // UNIX has no modes of links, and nobody sets their times.
    const wish: Wish = { change: { mode: LINK_MODE }, type: 0, now: false };
    const change: NodeChange = fresh(directory, wish, who, FILE);
    finish(answer, await on.writable.symlink(place, target, change));
  }

  async link(
    call: RpcCall,
    answer: RpcAnswer,
    on: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const { linkArgs: args, context } = this;
    const { octets } = call;
    const status = args.reset(octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const fileid = context.handles.fileidOf(on.tree.fsid, octets, args.fhandleAt);
    const name = newName(octets, args.nameAt, args.nameLen);
    const place = this.target(on.tree, octets, args.dirAt, name);
    if (fileid < 0) return refuse(answer, NfsStat.Stale);
    if (place.code !== 0) return refuse(answer, place.code);
    const a = await on.tree.attributes(fileid);
    if (isRefusal(a)) return refuse(answer, codeOf(a));
    if (a.kind === "directory") return refuse(answer, NfsStat.IsDir);
    const directory = await directoryAt(on.tree, place, who, ENTER);
    if (typeof directory === "number") return refuse(answer, directory);
    finish(answer, await on.writable.link(fileid, place));
  }

  async rename(
    call: RpcCall,
    answer: RpcAnswer,
    on: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const { renameArgs: args, context } = this;
    const { octets } = call;
    const status = args.reset(octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const fromName = oldName(octets, args.fromNameAt, args.fromNameLen);
    const toName = oldName(octets, args.toNameAt, args.toNameLen);
    const from = this.target(on.tree, octets, args.fromDirAt, fromName);
    const to = this.target(on.tree, octets, args.toDirAt, toName);
    const fault = from.code || to.code;
    if (fault !== 0) return refuse(answer, fault);
    for (const place of [from, to]) {
      const code = await takingFault(on.tree, place, who, place === to);
      if (code !== 0) return refuse(answer, code);
    }
    finish(answer, await on.writable.rename(from, to));
  }

  remove(call: RpcCall, answer: RpcAnswer, on: ChangeableTree, who: RpcCredential): Promise<void> {
    return this.takeAway(call, answer, on, who, (place) => on.writable.remove(place));
  }

  rmdir(call: RpcCall, answer: RpcAnswer, on: ChangeableTree, who: RpcCredential): Promise<void> {
    return this.takeAway(call, answer, on, who, (place) => on.writable.rmdir(place));
  }

  private async takeAway(
    call: RpcCall,
    answer: RpcAnswer,
    { tree }: ChangeableTree,
    who: RpcCredential,
    change: (place: NodePlace) => Promise<TreeRefusal | undefined>,
  ): Promise<void> {
    const { diropArgs: args, context } = this;
    const status = args.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const name = oldName(call.octets, args.nameAt, args.nameLen);
    const place = this.target(tree, call.octets, args.dirAt, name);
    const code = place.code || (await takingFault(tree, place, who, false));
    if (code !== 0) return refuse(answer, code);
    finish(answer, await change(place));
  }

  /** The arguments of CREATE and MKDIR; undefined when the answer was given already. */
  private creation(
    call: RpcCall,
    answer: RpcAnswer,
    tree: Tree,
  ): { readonly place: NodePlace; readonly wish: Wish } | undefined {
    const { createArgs: args, context } = this;
    const status = args.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return undefined;
    const name = newName(call.octets, args.nameAt, args.nameLen);
    const place = this.target(tree, call.octets, args.dirAt, name);
    if (place.code !== 0) {
      refuse(answer, place.code);
      return undefined;
    }
    return { place, wish: wishOf(args.attributes, this.wallMs()) };
  }

  private target(tree: Tree, o: Octets, dirAt: number, { name, code }: GivenName): Target {
    const directory = this.context.handles.fileidOf(tree.fsid, o, dirAt);
    if (directory < 0) return { directory, name, code: NfsStat.Stale };
    if (code !== 0) this.context.counters.add("nfs", "bad-name");
    return { directory, name, code };
  }

  /** CREATE of what is there. */
  private async take(
    answer: RpcAnswer,
    { tree, writable }: ChangeableTree,
    there: number | TreeRefusal,
    { change: { size }, now }: Wish,
    who: RpcCredential,
  ): Promise<void> {
    if (isRefusal(there)) return refuse(answer, codeOf(there));
    const a = await tree.attributes(there);
    if (isRefusal(a)) return refuse(answer, codeOf(a));
    if (a.kind !== "file") return refuse(answer, NfsStat.Exist);
    if (size !== undefined) {
      const change = settle(a, { change: { size }, type: 0, now }, who);
      if (typeof change === "number") return refuse(answer, change);
      const refusal = await writable.change(there, change);
      if (refusal) return refuse(answer, codeOf(refusal));
    }
    await this.reads.entry(answer, tree, there);
  }

  private async made(answer: RpcAnswer, tree: Tree, made: number | TreeRefusal): Promise<void> {
    if (isRefusal(made)) refuse(answer, codeOf(made));
    else await this.reads.entry(answer, tree, made);
  }
}

/** The directory of a place when somebody may do `want` there; a number: why not, as NfsStat. */
async function directoryAt(
  tree: Tree,
  { directory }: NodePlace,
  who: RpcCredential,
  want: number,
): Promise<NodeAttributes | number> {
  const a = await tree.attributes(directory);
  if (isRefusal(a)) return codeOf(a);
  if (a.kind !== "directory") return NfsStat.NotDir;
  return grants(a, who, want) ? a : NfsStat.Acces;
}

/** Why somebody may not take away what is at a place, or put something else there; 0: may. `free`: nothing need be there. */
async function takingFault(
  tree: Tree,
  place: NodePlace,
  who: RpcCredential,
  free: boolean,
): Promise<number> {
  const directory = await directoryAt(tree, place, who, ENTER);
  if (typeof directory === "number") return directory;
  // To root nothing sticks, and what is not there the tree says by itself.
  if (who.uid === 0) return 0;
  const fileid = await tree.lookup(place.directory, place.name);
  if (isRefusal(fileid)) return free && fileid === "no-entry" ? 0 : codeOf(fileid);
  const node = await tree.attributes(fileid);
  if (isRefusal(node)) return codeOf(node);
  return sticks(directory, node, who) ? NfsStat.Perm : 0;
}

/** The answer of a procedure that tells a status and nothing else. */
function finish(answer: RpcAnswer, result: number | TreeRefusal | undefined): void {
  refuse(answer, isRefusal(result) ? codeOf(result) : NfsStat.Ok);
}
