import type { Octets } from "../../../protocols/wire/octets.ts";

/** Octets of a file handle (RFC 1094 section 2.3.3). */
export const FHANDLE_LEN = 32;

/** "PL", and the version of this layout. */
const MAGIC = 0x504c_0001;

/**
 * A file handle: magic(4) fsid(4) fileid(4), the rest zero.
 *
 * It says where the node is and needs no table, so it stays good over a restart. It grants nothing: a handle of a tree that
 * is not the caller's is refused whatever it holds.
 */
export function emitHandle(fsid: number, fileid: number, o: Octets, at: number): number {
  o.u8.fill(0, at, at + FHANDLE_LEN);
  o.dv.setUint32(at, MAGIC);
  o.dv.setUint32(at + 4, fsid);
  o.dv.setUint32(at + 8, fileid);
  return FHANDLE_LEN;
}

/** The tree that a handle claims to be of; -1 when it is no handle of ours. */
export function readHandleFsid(o: Octets, at: number): number {
  return o.dv.getUint32(at) === MAGIC ? o.dv.getUint32(at + 4) : -1;
}

/** The fileid that a handle names in the tree `fsid`; -1 when it is not a handle of that tree. */
export function readHandle(fsid: number, o: Octets, at: number): number {
  const { dv } = o;
  if (dv.getUint32(at) !== MAGIC || dv.getUint32(at + 4) !== fsid) return -1;
  for (let i = 12; i < FHANDLE_LEN; i += 4) if (dv.getUint32(at + i) !== 0) return -1;
  return dv.getUint32(at + 8);
}
