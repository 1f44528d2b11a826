import type { XdrCursor } from "../../protocols/sunrpc/xdr.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import type { IncomingFile } from "../content.ts";
import { copyOctets } from "../stack/copy-octets.ts";
import type { LibsaRpc, RpcResult } from "./libsa-rpc.ts";
import type { RootPath } from "./root-path.ts";

const MOUNT_PROG = 100_005;
const MOUNT_VERS = 1;
const MNT = 1;
const NFS_PROG = 100_003;
const NFS_VERS = 2;
const LOOKUP = 4;
const READLINK = 5;
const READ = 6;

const FHANDLE_LEN = 32;
const PATH_MAX = 1_024;
/** NFSREAD_SIZE: a READ asks for no more, and a reply stays within one Ethernet frame. */
const READ_LEN = 1_024;
/** Links followed on the way to one file (MAXSYMLINKS). */
const MAX_LINKS = 8;
/** ftype, RFC 1094 section 2.3.2. */
const REGULAR = 1;
const DIRECTORY = 2;
const LINK = 5;
/** Words of an fattr after type, mode, nlink, uid, gid and size. */
const FATTR_REST_LEN = 44;

/** A file or directory: its handle, and what LOOKUP told of it. */
export interface NfsNode {
  readonly handle: Uint8Array;
  readonly type: number;
  readonly size: number;
}

/**
 * NFS version 2 as libsa's nfs.c reads a kernel: MOUNT version 1 over UDP, LOOKUP, READLINK and READ of 1024 octets.
 *
 * It never asks GETATTR: the root's attributes are taken for granted.
 */
export class LibsaNfs {
  private readonly rpc: LibsaRpc;
  private readonly root: RootPath;
  private port = 0;

  constructor(rpc: LibsaRpc, root: RootPath) {
    this.rpc = rpc;
    this.root = root;
  }

  /** Mounts the root, the path verbatim. */
  *mount(): BootScript<NfsNode> {
    const { server, path } = this.root;
    const port = yield* this.rpc.portOf(server, MOUNT_PROG, MOUNT_VERS, "MOUNT version 1");
    const { cursor, from } = yield* this.rpc.call(
      { server, port, prog: MOUNT_PROG, vers: MOUNT_VERS, proc: MNT, name: `MOUNT MNT "${path}"` },
      (w) => w.string(path),
    );
    const status = cursor.u32();
    if (status !== 0) throw this.failure(`mounting "${path}" is refused with error ${status}`);
    const handle = takeHandle(cursor, from.octets);
    if (cursor.status !== Status.Ok || cursor.remaining !== 0) {
      throw this.failure(`MNT must return a handle of ${FHANDLE_LEN} octets without a length`);
    }
    this.port = yield* this.rpc.portOf(server, NFS_PROG, NFS_VERS, "NFS version 2");
    return { handle, type: DIRECTORY, size: 0 };
  }

  /** Walks a path from the root, following links. */
  *open(root: NfsNode, path: string): BootScript<NfsNode> {
    const rest = path.split("/").filter((name) => name !== "");
    let links = 0;
    let directory = root;
    let node = root;
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      directory = node;
      node = yield* this.lookup(directory, name);
      if (node.type !== LINK) continue;
      links += 1;
      if (links > MAX_LINKS) throw this.failure(`${path}: more than ${MAX_LINKS} links`);
      const to = yield* this.readLink(node, name);
      rest.unshift(...to.split("/").filter((part) => part !== ""));
      node = to.startsWith("/") ? root : directory;
    }
    if (node.type !== REGULAR) throw this.failure(`${path}: not a regular file`);
    return node;
  }

  /** Reads a whole file, READ by READ, and ends where its size says. */
  *read(node: NfsNode, name: string, file: IncomingFile): BootScript<number> {
    while (file.received < node.size) {
      const offset = file.received;
      const { cursor, from } = yield* this.call(READ, `NFS READ ${name}`, (w) =>
        w.opaqueFixed(node.handle).u32(offset).u32(READ_LEN).u32(READ_LEN),
      );
      this.check(cursor, `${name}: READ at ${offset}`);
      const { size } = takeAttributes(cursor);
      const count = cursor.u32();
      if (cursor.status !== Status.Ok) throw this.failure(`${name}: READ reply cut off`);
      if (count > READ_LEN) {
        throw this.failure(`${name}: READ of ${READ_LEN} octets returned ${count}`);
      }
      if (count > cursor.remaining) {
        throw this.failure(`${name}: short packet, ${cursor.remaining} octets of ${count}`);
      }
      if (size !== node.size) {
        throw this.failure(`${name}: the size changed from ${node.size} to ${size}`);
      }
      if (count === 0) throw this.failure(`${name}: hit EOF at ${offset} of ${node.size} octets`);
      file.piece(from.octets, cursor.at, count);
    }
    return file.complete();
  }

  private *lookup(directory: NfsNode, name: string): BootScript<NfsNode> {
    const { cursor, from } = yield* this.call(LOOKUP, `NFS LOOKUP "${name}"`, (w) =>
      w.opaqueFixed(directory.handle).string(name),
    );
    this.check(cursor, `LOOKUP "${name}"`);
    const handle = takeHandle(cursor, from.octets);
    const attributes = takeAttributes(cursor);
    if (cursor.status !== Status.Ok) throw this.failure(`LOOKUP "${name}": reply cut off`);
    return { handle, ...attributes };
  }

  private *readLink(node: NfsNode, name: string): BootScript<string> {
    const { cursor, from } = yield* this.call(READLINK, `NFS READLINK "${name}"`, (w) =>
      w.opaqueFixed(node.handle),
    );
    this.check(cursor, `READLINK "${name}"`);
    const at = cursor.opaqueVar(PATH_MAX);
    if (cursor.status !== Status.Ok || cursor.len === 0) {
      throw this.failure(`READLINK "${name}": malformed reply`);
    }
    return String.fromCharCode(...from.octets.u8.subarray(at, at + cursor.len));
  }

  private call(
    proc: number,
    name: string,
    args: Parameters<LibsaRpc["call"]>[1],
  ): BootScript<RpcResult> {
    const { server } = this.root;
    return this.rpc.call(
      { server, port: this.port, prog: NFS_PROG, vers: NFS_VERS, proc, name },
      args,
    );
  }

  private check(cursor: XdrCursor, what: string): void {
    const status = cursor.u32();
    if (status !== 0) throw this.failure(`${what}: NFS error ${status}${errorName(status)}`);
  }

  private failure(reason: string): BootFailure {
    return new BootFailure("nfs", `${formatIpv4(this.root.server)}: ${reason}`);
  }
}

function takeHandle(cursor: XdrCursor, o: Octets): Uint8Array {
  const at = cursor.opaqueFixed(FHANDLE_LEN);
  return copyOctets(o, at, FHANDLE_LEN);
}

function takeAttributes(cursor: XdrCursor): { type: number; size: number } {
  const type = cursor.u32();
  cursor.opaqueFixed(16);
  const size = cursor.u32();
  cursor.opaqueFixed(FATTR_REST_LEN);
  return { type, size };
}

/** The errors that an exported tree gives rise to (RFC 1094 section 2.3.1). */
function errorName(status: number): string {
  if (status === 2) return " (no such file)";
  if (status === 13) return " (permission denied)";
  if (status === 70) return " (stale handle)";
  return "";
}
