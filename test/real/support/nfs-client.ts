import {
  emitMountPath,
  MOUNT_PROG,
  MountProc,
  MountResultView,
} from "../../../protocols/mount/messages.ts";
import {
  emitDiropArgs,
  emitFhandleArgs,
  emitReadArgs,
  emitReaddirArgs,
} from "../../../protocols/nfs/args.ts";
import type { SattrRepr } from "../../../protocols/nfs/attributes.ts";
import { NFS_PORT, NFS_PROG, NfsProc } from "../../../protocols/nfs/constants.ts";
import { ReaddirResultView } from "../../../protocols/nfs/readdir-result.ts";
import {
  AttrResultView,
  DiropResultView,
  ReadlinkResultView,
  ReadResultView,
  StatResultView,
} from "../../../protocols/nfs/results.ts";
import {
  emitCreateArgs,
  emitLinkArgs,
  emitRenameArgs,
  emitSetattrArgs,
  emitSymlinkArgs,
  emitWriteArgsHeader,
} from "../../../protocols/nfs/write-args.ts";
import {
  emitPmapMapping,
  PMAP_PORT,
  PMAP_PROG,
  PMAP_VERS,
  PmapPortView,
  PmapProc,
} from "../../../protocols/sunrpc/portmap.ts";
import { xdrPad } from "../../../protocols/sunrpc/xdr.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { EmitArgs } from "../../support/rpc-client.ts";
import type { Results, RpcByRelay } from "./rpc-by-relay.ts";

/** A file handle: 32 octets. */
export type Handle = Uint8Array;

/** A directory and a name in it. */
export interface At {
  readonly dir: Handle;
  readonly name: string;
}

/** What a client learns of a node; undefined where the call failed. */
export interface Node {
  readonly handle: Handle;
  readonly type: number;
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly fileid: number;
}

/** A status of NFS other than 0. */
export class NfsError extends Error {
  readonly status: number;

  constructor(what: string, status: number) {
    super(`${what}: NFS status ${status}`);
    this.status = status;
  }
}

const IPPROTO_UDP = 17;
const READDIR_COUNT = 1_024;

/** An NFSv2 client: one method a procedure, each of which rejects with NfsError where the server says no. */
export class NfsClient {
  private readonly rpc: RpcByRelay;

  constructor(rpc: RpcByRelay) {
    this.rpc = rpc;
  }

  /** Asks the port mapper for MOUNT, and that for the root of an export. */
  async mount(path: string): Promise<Handle> {
    const wanted = { prog: MOUNT_PROG, vers: 1, prot: IPPROTO_UDP, port: 0 };
    const getport = [PMAP_PROG, PMAP_VERS, PmapProc.Getport] as const;
    const found = await this.rpc.call(PMAP_PORT, getport, (o, at) =>
      emitPmapMapping(wanted, o, at),
    );
    const port = new PmapPortView();
    check(port.reset(found.octets, found.at, found.len));
    const mnt = [MOUNT_PROG, 1, MountProc.Mnt] as const;
    const r = await this.rpc.call(port.port, mnt, (o, at) => emitMountPath(path, o, at));
    const view = new MountResultView();
    check(view.reset(r.octets, r.at, r.len));
    if (view.status !== 0) throw new NfsError(`MNT ${path}`, view.status);
    return handleAt(r.octets, view.fhandleAt);
  }

  async getattr(handle: Handle): Promise<Node> {
    const r = await this.call(NfsProc.Getattr, (o, at) => emitFhandleArgs(handle, o, at));
    return attributes("GETATTR", handle, r);
  }

  async setattr(handle: Handle, change: SattrRepr): Promise<Node> {
    const r = await this.call(NfsProc.Setattr, (o, at) => emitSetattrArgs(handle, change, o, at));
    return attributes("SETATTR", handle, r);
  }

  async lookup({ dir, name }: At): Promise<Node> {
    const r = await this.call(NfsProc.Lookup, (o, at) => emitDiropArgs(dir, name, o, at));
    return entry(`LOOKUP ${name}`, r);
  }

  async create({ dir, name }: At, first: SattrRepr): Promise<Node> {
    const r = await this.call(NfsProc.Create, (o, at) => emitCreateArgs(dir, name, first, o, at));
    return entry(`CREATE ${name}`, r);
  }

  async mkdir({ dir, name }: At, first: SattrRepr): Promise<Node> {
    const r = await this.call(NfsProc.Mkdir, (o, at) => emitCreateArgs(dir, name, first, o, at));
    return entry(`MKDIR ${name}`, r);
  }

  async remove({ dir, name }: At): Promise<void> {
    const r = await this.call(NfsProc.Remove, (o, at) => emitDiropArgs(dir, name, o, at));
    plain(`REMOVE ${name}`, r);
  }

  async rmdir({ dir, name }: At): Promise<void> {
    const r = await this.call(NfsProc.Rmdir, (o, at) => emitDiropArgs(dir, name, o, at));
    plain(`RMDIR ${name}`, r);
  }

  async rename(from: At, to: At): Promise<void> {
    const repr = { fromDir: from.dir, fromName: from.name, toDir: to.dir, toName: to.name };
    const r = await this.call(NfsProc.Rename, (o, at) => emitRenameArgs(repr, o, at));
    plain(`RENAME ${from.name} ${to.name}`, r);
  }

  async link(handle: Handle, { dir, name }: At): Promise<void> {
    const r = await this.call(NfsProc.Link, (o, at) => emitLinkArgs(handle, dir, name, o, at));
    plain(`LINK ${name}`, r);
  }

  async symlink({ dir, name }: At, path: string): Promise<void> {
    const repr = { dir, name, path, attributes: {} };
    const r = await this.call(NfsProc.Symlink, (o, at) => emitSymlinkArgs(repr, o, at));
    plain(`SYMLINK ${name}`, r);
  }

  async readlink(handle: Handle): Promise<string> {
    const r = await this.call(NfsProc.Readlink, (o, at) => emitFhandleArgs(handle, o, at));
    const view = new ReadlinkResultView();
    check(view.reset(r.octets, r.at, r.len));
    if (view.status !== 0) throw new NfsError("READLINK", view.status);
    return text(r.octets, view.pathAt, view.pathLen);
  }

  async read(handle: Handle, offset: number, count: number): Promise<Uint8Array> {
    const repr = { fhandle: handle, offset, count };
    const r = await this.call(NfsProc.Read, (o, at) => emitReadArgs(repr, o, at));
    const view = new ReadResultView();
    check(view.reset(r.octets, r.at, r.len));
    if (view.status !== 0) throw new NfsError("READ", view.status);
    return r.octets.u8.slice(view.dataAt, view.dataAt + view.dataLen);
  }

  async write(handle: Handle, offset: number, octets: Uint8Array): Promise<Node> {
    const r = await this.call(NfsProc.Write, (o, at) => {
      const head = emitWriteArgsHeader(handle, offset, octets.length, o, at);
      o.u8.set(octets, at + head);
      const padding = xdrPad(octets.length);
      o.u8.fill(0, at + head + octets.length, at + head + octets.length + padding);
      return head + octets.length + padding;
    });
    return attributes("WRITE", handle, r);
  }

  /** All names but "." and "..", in as many calls as it takes. */
  async readdir(dir: Handle): Promise<string[]> {
    const names: string[] = [];
    const view = new ReaddirResultView();
    let cookie = 0;
    do {
      const r = await this.call(NfsProc.Readdir, (o, at) =>
        emitReaddirArgs(dir, cookie, READDIR_COUNT, o, at),
      );
      check(view.reset(r.octets, r.at, r.len));
      if (view.status !== 0) throw new NfsError("READDIR", view.status);
      const before = cookie;
      while (view.next()) {
        cookie = view.cookie;
        const name = text(r.octets, view.nameAt, view.nameLen);
        if (name !== "." && name !== "..") names.push(name);
      }
      if (!view.eof && cookie === before) throw new Error("READDIR brings nothing and no end");
    } while (!view.eof);
    return names;
  }

  private call(proc: number, args: EmitArgs): Promise<Results> {
    return this.rpc.call(NFS_PORT, [NFS_PROG, 2, proc], args);
  }
}

function check(status: number): void {
  if (status !== 0) throw new Error(`a result of status ${status}`);
}

function plain(what: string, { octets, at, len }: Results): void {
  const view = new StatResultView();
  check(view.reset(octets, at, len));
  if (view.status !== 0) throw new NfsError(what, view.status);
}

function attributes(what: string, handle: Handle, { octets, at, len }: Results): Node {
  const view = new AttrResultView();
  check(view.reset(octets, at, len));
  if (view.status !== 0) throw new NfsError(what, view.status);
  return node(handle, view);
}

function entry(what: string, { octets, at, len }: Results): Node {
  const view = new DiropResultView();
  check(view.reset(octets, at, len));
  if (view.status !== 0) throw new NfsError(what, view.status);
  return node(handleAt(octets, view.fhandleAt), view);
}

function node(handle: Handle, { attributes: a }: AttrResultView | DiropResultView): Node {
  const { type, mode, nlink, size, fileid } = a;
  return { handle, type, mode: mode & 0o7777, nlink, size, fileid };
}

function handleAt({ u8 }: Octets, at: number): Handle {
  return u8.slice(at, at + 32);
}

function text({ u8 }: Octets, at: number, len: number): string {
  return new TextDecoder().decode(u8.subarray(at, at + len));
}
