import type { Tree } from "../../agent/assets/trees/tree.ts";
import { NfsProgram } from "../../agent/services/nfs/program.ts";
import { RpcDispatcher } from "../../agent/services/rpc/dispatcher.ts";
import type { ExportRules } from "../../agent/site/site.ts";
import * as A from "../../protocols/nfs/args.ts";
import type { SattrRepr } from "../../protocols/nfs/attributes.ts";
import { NfsProc } from "../../protocols/nfs/constants.ts";
import { ReaddirResultView } from "../../protocols/nfs/readdir-result.ts";
import * as R from "../../protocols/nfs/results.ts";
import * as W from "../../protocols/nfs/write-args.ts";
import type { AuthUnixRepr } from "../../protocols/sunrpc/auth.ts";
import { emitRpcCall } from "../../protocols/sunrpc/call.ts";
import { RpcReplyView } from "../../protocols/sunrpc/reply.ts";
import { xdrPad } from "../../protocols/sunrpc/xdr.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { eventually, settle } from "./eventually.ts";
import { MemoryTree } from "./memory-tree.ts";
import type { EmitArgs } from "./rpc-client.ts";
import { ip, type TestRack, testRack } from "./test-site.ts";

export const ROOT_USER: AuthUnixRepr = { machineName: "v100", uid: 0, gid: 0 };
export const ALICE: AuthUnixRepr = { machineName: "v100", uid: 1_000, gid: 100, groups: [7] };
export const BOB: AuthUnixRepr = { machineName: "v100", uid: 1_001, gid: 101 };

const SRC = ip("172.24.42.51");

/** How a call is sent; without `unix` it is AUTH_NONE. */
export interface From {
  readonly unix?: AuthUnixRepr | undefined;
  readonly xid?: number;
  readonly srcPort?: number;
}

/** A client of a machine whose root is a tree of the test's. */
export class NfsClient<T extends Tree = MemoryTree> {
  readonly tree: T;
  readonly rack: TestRack;
  /** Who calls where a call does not say. */
  from: From = { unix: ROOT_USER };
  private readonly rpc: RpcDispatcher;
  private xid = 1_000;

  private constructor(rack: TestRack, tree: T, rules: ExportRules) {
    this.rack = rack;
    this.tree = tree;
    const old = rack.context.planner;
    const planner = Object.create(old) as typeof old;
    planner.byIp = (address) => {
      const plan = old.byIp(address);
      return plan && { ...plan, export: { path: "/root", tree, rules } };
    };
    const context = { ...rack.context, planner };
    this.rpc = new RpcDispatcher(context, [new NfsProgram(context)]);
  }

  /** A root in memory. */
  static open(rules: Partial<ExportRules> = {}): Promise<NfsClient> {
    return NfsClient.over(new MemoryTree(), rules);
  }

  static async over<T extends Tree>(
    tree: T,
    rules: Partial<ExportRules> = {},
  ): Promise<NfsClient<T>> {
    const all = { rootSquash: false, privilegedPorts: false, ...rules };
    return new NfsClient(await testRack(), tree, all);
  }

  get root(): Uint8Array {
    return this.handle(this.tree.root);
  }

  handle(fileid: number): Uint8Array {
    const o = Octets.alloc(32);
    this.rack.context.handles.emit(this.tree.fsid, fileid, o, 0);
    return o.u8;
  }

  /** Sends a call; the replies that have come when all ran that needs no disk. */
  async send(proc: number, args: EmitArgs, from: From = this.from): Promise<Octets[]> {
    const replies = this.begin(proc, args, from);
    await settle();
    return replies;
  }

  /** The same without waiting. */
  begin(proc: number, args: EmitArgs, from: From = this.from): Octets[] {
    const rx = Octets.alloc(16_384);
    const { unix, xid = this.xid++, srcPort = 1_023 } = from;
    const call = { xid, prog: 100_003, vers: 2, proc, ...(unix ? { unix } : {}) };
    const at = emitRpcCall(call, rx, 0);
    const len = at + args(rx, at);
    const message = new Octets(rx.u8.slice(0, len));
    const slab = Octets.alloc(9_216);
    slab.u8.fill(0xa5);
    const replies: Octets[] = [];
    const sink = {
      begin: () => ({ octets: slab, at: 0 }),
      commit(n: number, payload: readonly Uint8Array[] = []) {
        const all = [slab.u8.subarray(0, n), ...payload];
        replies.push(new Octets(Uint8Array.from(all.flatMap((piece) => [...piece]))));
      },
    };
    const how = { src: SRC, srcPort, transport: "udp" as const, broadcast: false };
    this.rpc.handle(message, 0, len, how, sink);
    message.u8.fill(0x5a);
    return replies;
  }

  /** The accept_stat of the only reply; where it is SUCCESS, its results are read by `view`. */
  async ask<V extends { reset(o: Octets, at: number, len: number): number }>(
    proc: number,
    args: EmitArgs,
    view: V,
    from?: From,
  ): Promise<{ readonly accept: number; readonly view: V; readonly octets: Octets }> {
    const replies = this.begin(proc, args, from);
    await eventually(() => replies.length > 0, `a reply to procedure ${proc}`);
    const [octets] = replies;
    if (!octets || replies.length > 1) throw new Error(`${replies.length} replies`);
    const reply = new RpcReplyView();
    if (reply.reset(octets, 0, octets.u8.length) !== 0) throw new Error("no RPC reply");
    if (reply.isSuccess && view.reset(octets, reply.resultsAt, reply.resultsLen) !== 0) {
      throw new Error(`results of procedure ${proc} cannot be read`);
    }
    return { accept: reply.acceptStat, view, octets };
  }

  async getattr(fh: Uint8Array, from?: From): Promise<R.AttrResultView> {
    const args: EmitArgs = (o, at) => A.emitFhandleArgs(fh, o, at);
    return (await this.ask(NfsProc.Getattr, args, new R.AttrResultView(), from)).view;
  }

  async setattr(fh: Uint8Array, sattr: SattrRepr, from?: From): Promise<R.AttrResultView> {
    const args: EmitArgs = (o, at) => W.emitSetattrArgs(fh, sattr, o, at);
    return (await this.ask(NfsProc.Setattr, args, new R.AttrResultView(), from)).view;
  }

  async lookup(dir: Uint8Array, name: string, from?: From): Promise<Found> {
    return this.dirop(NfsProc.Lookup, (o, at) => A.emitDiropArgs(dir, name, o, at), from);
  }

  async create(dir: Uint8Array, name: string, sattr: SattrRepr = {}, from?: From): Promise<Found> {
    return this.dirop(NfsProc.Create, (o, at) => W.emitCreateArgs(dir, name, sattr, o, at), from);
  }

  async mkdir(dir: Uint8Array, name: string, sattr: SattrRepr = {}, from?: From): Promise<Found> {
    return this.dirop(NfsProc.Mkdir, (o, at) => W.emitCreateArgs(dir, name, sattr, o, at), from);
  }

  async write(fh: Uint8Array, offset: number, data: Uint8Array, from?: From): Promise<number> {
    const args = writeArgs(fh, offset, data);
    return (await this.ask(NfsProc.Write, args, new R.AttrResultView(), from)).view.status;
  }

  async read(fh: Uint8Array, offset: number, count: number, from?: From): Promise<ReadData> {
    const args: EmitArgs = (o, at) => A.emitReadArgs({ fhandle: fh, offset, count }, o, at);
    const { view, octets } = await this.ask(NfsProc.Read, args, new R.ReadResultView(), from);
    const { status, dataAt, dataLen } = view;
    return { status, data: status === 0 ? octets.u8.slice(dataAt, dataAt + dataLen) : undefined };
  }

  remove(dir: Uint8Array, name: string, from?: From): Promise<number> {
    return this.stat(NfsProc.Remove, (o, at) => A.emitDiropArgs(dir, name, o, at), from);
  }

  rmdir(dir: Uint8Array, name: string, from?: From): Promise<number> {
    return this.stat(NfsProc.Rmdir, (o, at) => A.emitDiropArgs(dir, name, o, at), from);
  }

  rename(
    from: readonly [Uint8Array, string],
    to: readonly [Uint8Array, string],
    by?: From,
  ): Promise<number> {
    const r = { fromDir: from[0], fromName: from[1], toDir: to[0], toName: to[1] };
    return this.stat(NfsProc.Rename, (o, at) => W.emitRenameArgs(r, o, at), by);
  }

  link(fh: Uint8Array, dir: Uint8Array, name: string, from?: From): Promise<number> {
    return this.stat(NfsProc.Link, (o, at) => W.emitLinkArgs(fh, dir, name, o, at), from);
  }

  symlink(dir: Uint8Array, name: string, path: string, from?: From): Promise<number> {
    const r = { dir, name, path, attributes: {} };
    return this.stat(NfsProc.Symlink, (o, at) => W.emitSymlinkArgs(r, o, at), from);
  }

  /** One piece of a directory. */
  async readdir(
    dir: Uint8Array,
    cookie: number,
    count: number,
    from?: From,
  ): Promise<{
    readonly status: number;
    readonly eof: boolean;
    readonly entries: readonly { readonly name: string; readonly cookie: number }[];
    readonly len: number;
  }> {
    const args: EmitArgs = (o, at) => A.emitReaddirArgs(dir, cookie, count, o, at);
    const view = new ReaddirResultView();
    const { octets } = await this.ask(NfsProc.Readdir, args, view, from);
    const entries = [];
    while (view.next()) {
      const name = octets.u8.subarray(view.nameAt, view.nameAt + view.nameLen);
      entries.push({ name: new TextDecoder().decode(name), cookie: view.cookie });
    }
    return { status: view.status, eof: view.eof, entries, len: octets.u8.length - 24 };
  }

  async readlink(fh: Uint8Array): Promise<{ readonly status: number; readonly path: string }> {
    const args: EmitArgs = (o, at) => A.emitFhandleArgs(fh, o, at);
    const { view, octets } = await this.ask(NfsProc.Readlink, args, new R.ReadlinkResultView());
    const path = octets.u8.subarray(view.pathAt, view.pathAt + view.pathLen);
    return { status: view.status, path: view.status === 0 ? new TextDecoder().decode(path) : "" };
  }

  async statfs(): Promise<R.StatfsResultView> {
    const args: EmitArgs = (o, at) => A.emitFhandleArgs(this.root, o, at);
    return (await this.ask(NfsProc.Statfs, args, new R.StatfsResultView())).view;
  }

  private async stat(proc: number, args: EmitArgs, from?: From): Promise<number> {
    return (await this.ask(proc, args, new R.StatResultView(), from)).view.status;
  }

  private async dirop(proc: number, args: EmitArgs, from?: From): Promise<Found> {
    const { view, octets, accept } = await this.ask(proc, args, new R.DiropResultView(), from);
    const { status, fhandleAt, attributes } = view;
    const fh = status === 0 && accept === 0 ? octets.u8.slice(fhandleAt, fhandleAt + 32) : NONE;
    return { status, fh, attributes };
  }
}

const NONE = new Uint8Array(32);

/** The result of LOOKUP, CREATE and MKDIR. */
export interface Found {
  readonly status: number;
  readonly fh: Uint8Array;
  readonly attributes: R.DiropResultView["attributes"];
}

/** The result of READ. */
export interface ReadData {
  readonly status: number;
  readonly data: Uint8Array | undefined;
}

/** The arguments of WRITE with their data. */
export function writeArgs(fh: Uint8Array, offset: number, data: Uint8Array): EmitArgs {
  return (o, at) => {
    const head = W.emitWriteArgsHeader(fh, offset, data.length, o, at);
    o.u8.set(data, at + head);
    return head + data.length + xdrPad(data.length);
  };
}
