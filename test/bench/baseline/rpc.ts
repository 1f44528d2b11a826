import { words, XdrReader, xdrString } from "./xdr.ts";

// How a Node user reads and writes ONC RPC (RFC 5531) and its small programs: plain objects.

export interface RpcAuth {
  readonly flavor: number;
  readonly body: Buffer;
}
export interface UnixCredential {
  readonly stamp: number;
  readonly machineName: string;
  readonly uid: number;
  readonly gid: number;
  readonly gids: readonly number[];
}
export interface RpcCall {
  readonly xid: number;
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  readonly cred: RpcAuth;
  readonly unix: UnixCredential | undefined;
  readonly verf: RpcAuth;
  readonly args: Buffer;
}
export interface RpcReply {
  readonly xid: number;
  readonly verf: RpcAuth;
  readonly acceptStat: number;
  readonly results: Buffer;
}

function auth(x: XdrReader): RpcAuth {
  return { flavor: x.u32(), body: x.opaqueVar() };
}

function unixCredential(body: Buffer): UnixCredential {
  const x = new XdrReader(body);
  const stamp = x.u32();
  const machineName = x.string();
  const uid = x.u32();
  const gid = x.u32();
  const gids: number[] = [];
  for (let n = x.u32(); n > 0; n--) gids.push(x.u32());
  return { stamp, machineName, uid, gid, gids };
}

export function decodeCall(b: Buffer): RpcCall {
  const x = new XdrReader(b);
  const xid = x.u32();
  if (x.u32() !== 0) throw new Error("not a call");
  if (x.u32() !== 2) throw new Error("not RPC version 2");
  const prog = x.u32();
  const vers = x.u32();
  const proc = x.u32();
  const cred = auth(x);
  const unix = cred.flavor === 1 ? unixCredential(cred.body) : undefined;
  const verf = auth(x);
  return { xid, prog, vers, proc, cred, unix, verf, args: x.rest() };
}

export function decodeReply(b: Buffer): RpcReply {
  const x = new XdrReader(b);
  const xid = x.u32();
  if (x.u32() !== 1) throw new Error("not a reply");
  if (x.u32() !== 0) throw new Error("denied");
  const verf = auth(x);
  return { xid, verf, acceptStat: x.u32(), results: x.rest() };
}

export function encodeCall(
  head: {
    readonly xid: number;
    readonly prog: number;
    readonly vers: number;
    readonly proc: number;
  },
  unix: UnixCredential,
  args: Buffer,
): Buffer {
  const { stamp, machineName, uid, gid, gids } = unix;
  const cred = Buffer.concat([
    words(stamp),
    xdrString(machineName),
    words(uid, gid, gids.length, ...gids),
  ]);
  const start = words(head.xid, 0, 2, head.prog, head.vers, head.proc, 1, cred.length);
  return Buffer.concat([start, cred, words(0, 0), args]);
}

export function encodeReply(xid: number, results: Buffer): Buffer {
  return Buffer.concat([words(xid, 1, 0, 0, 0, 0), results]);
}

export function decodeMapping(b: Buffer): {
  prog: number;
  vers: number;
  prot: number;
  port: number;
} {
  const x = new XdrReader(b);
  return { prog: x.u32(), vers: x.u32(), prot: x.u32(), port: x.u32() };
}

export function decodeMountPath(b: Buffer): { path: string } {
  return { path: new XdrReader(b).string() };
}

export function decodeMountResult(b: Buffer): { status: number; fhandle: Buffer | undefined } {
  const x = new XdrReader(b);
  const status = x.u32();
  return { status, fhandle: status === 0 ? x.opaque(32) : undefined };
}

export function encodeMountResult(fhandle: Buffer): Buffer {
  return Buffer.concat([words(0), fhandle]);
}

function address(x: XdrReader): string {
  if (x.u32() !== 1) throw new Error("not an IP address");
  return [x.i32(), x.i32(), x.i32(), x.i32()].map((n) => n & 255).join(".");
}

function addressWords(text: string): Buffer {
  return words(1, ...text.split(".").map((part) => (Number(part) << 24) >> 24));
}

export function decodeWhoamiArgs(b: Buffer): { clientAddress: string } {
  return { clientAddress: address(new XdrReader(b)) };
}

export function decodeWhoamiResult(b: Buffer): {
  clientName: string;
  domain: string;
  router: string;
} {
  const x = new XdrReader(b);
  return { clientName: x.string(), domain: x.string(), router: address(x) };
}

export function encodeWhoamiResult(clientName: string, domain: string, router: string): Buffer {
  return Buffer.concat([xdrString(clientName), xdrString(domain), addressWords(router)]);
}

export function decodeGetfileArgs(b: Buffer): { clientName: string; key: string } {
  const x = new XdrReader(b);
  return { clientName: x.string(), key: x.string() };
}

export function decodeGetfileResult(b: Buffer): {
  serverName: string;
  serverAddress: string;
  path: string;
} {
  const x = new XdrReader(b);
  return { serverName: x.string(), serverAddress: address(x), path: x.string() };
}

export function encodeGetfileResult(serverName: string, server: string, path: string): Buffer {
  return Buffer.concat([xdrString(serverName), addressWords(server), xdrString(path)]);
}
