import { words, XdrReader, xdrString } from "./xdr.ts";

// How a Node user reads and writes NFS version 2 (RFC 1094): plain objects.

export interface Attributes {
  readonly type: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly blocksize: number;
  readonly rdev: number;
  readonly blocks: number;
  readonly fsid: number;
  readonly fileid: number;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
}
interface Time {
  readonly seconds: number;
  readonly useconds: number;
}

export function decodeReadArgs(b: Buffer): {
  fhandle: Buffer;
  offset: number;
  count: number;
  totalcount: number;
} {
  const x = new XdrReader(b);
  return { fhandle: x.opaque(32), offset: x.u32(), count: x.u32(), totalcount: x.u32() };
}

export function encodeReadArgs(fhandle: Buffer, offset: number, count: number): Buffer {
  return Buffer.concat([fhandle, words(offset, count, count)]);
}

export function decodeDiropArgs(b: Buffer): { dir: Buffer; name: string } {
  const x = new XdrReader(b);
  return { dir: x.opaque(32), name: x.string() };
}

export function encodeDiropArgs(dir: Buffer, name: string): Buffer {
  return Buffer.concat([dir, xdrString(name)]);
}

function time(x: XdrReader): Time {
  return { seconds: x.u32(), useconds: x.u32() };
}

function attributes(x: XdrReader): Attributes {
  return {
    type: x.u32(),
    mode: x.u32(),
    nlink: x.u32(),
    uid: x.u32(),
    gid: x.u32(),
    size: x.u32(),
    blocksize: x.u32(),
    rdev: x.u32(),
    blocks: x.u32(),
    fsid: x.u32(),
    fileid: x.u32(),
    atime: time(x),
    mtime: time(x),
    ctime: time(x),
  };
}

function encodeAttributes(a: Attributes): Buffer {
  return words(
    a.type,
    a.mode,
    a.nlink,
    a.uid,
    a.gid,
    a.size,
    a.blocksize,
    a.rdev,
    a.blocks,
    a.fsid,
    a.fileid,
    a.atime.seconds,
    a.atime.useconds,
    a.mtime.seconds,
    a.mtime.useconds,
    a.ctime.seconds,
    a.ctime.useconds,
  );
}

export function decodeReadResult(b: Buffer): {
  status: number;
  attributes: Attributes | undefined;
  data: Buffer | undefined;
} {
  const x = new XdrReader(b);
  const status = x.u32();
  if (status !== 0) return { status, attributes: undefined, data: undefined };
  return { status, attributes: attributes(x), data: x.opaqueVar() };
}

/** Up to the data, as ours: a plain server would concatenate those as well. */
export function encodeReadResultHeader(a: Attributes, count: number): Buffer {
  return Buffer.concat([words(0), encodeAttributes(a), words(count)]);
}

export function decodeDiropResult(b: Buffer): {
  status: number;
  fhandle: Buffer | undefined;
  attributes: Attributes | undefined;
} {
  const x = new XdrReader(b);
  const status = x.u32();
  if (status !== 0) return { status, fhandle: undefined, attributes: undefined };
  return { status, fhandle: x.opaque(32), attributes: attributes(x) };
}

export function encodeDiropResult(fhandle: Buffer, a: Attributes): Buffer {
  return Buffer.concat([words(0), fhandle, encodeAttributes(a)]);
}
