import type { FattrRepr, NfsTime } from "../../../protocols/nfs/attributes.ts";
import { NfsFtype, NfsMode } from "../../../protocols/nfs/constants.ts";
import type { NodeAttributes, NodeKind } from "../../assets/trees/tree.ts";

/** Octets of a block, as STATFS says them too. */
export const BLOCK_LEN = 4_096;
/** Blocks of `blocks` in a fattr, by custom of every NFS server. */
const DISK_BLOCK_LEN = 512;
/** NFSv2 has 32 bits for a file's length. */
const MAX_SIZE = 0xffff_ffff;

const TYPES: Readonly<Record<NodeKind, number>> = {
  file: NfsFtype.Reg,
  directory: NfsFtype.Dir,
  symlink: NfsFtype.Lnk,
  block: NfsFtype.Blk,
  character: NfsFtype.Chr,
  // RFC 1094 has no FIFO: by custom it is a character device with a number that no device has.
  fifo: NfsFtype.Chr,
  socket: NfsFtype.Sock,
};

const MODES: Readonly<Record<NodeKind, number>> = {
  file: NfsMode.Reg,
  directory: NfsMode.Dir,
  symlink: NfsMode.Lnk,
  block: NfsMode.Blk,
  character: NfsMode.Chr,
  fifo: NfsMode.Chr,
  socket: NfsMode.Sock,
};

/** What `rdev` of a FIFO is: NFS2_FIFO_DEV of Linux (fs/nfs/nfs2xdr.c), the same in NetBSD's nfs_subs.c. */
const FIFO_RDEV = 0xffff_ffff;

/** A node's attributes as NFSv2 says them (RFC 1094 section 2.3.5). */
export function fattrOf(a: NodeAttributes, fsid: number, fileid: number): FattrRepr {
  const size = Math.min(a.size, MAX_SIZE);
  return {
    type: TYPES[a.kind],
    mode: MODES[a.kind] | a.mode,
    nlink: a.nlink,
    uid: a.uid,
    gid: a.gid,
    size,
    blocksize: BLOCK_LEN,
    rdev: a.kind === "fifo" ? FIFO_RDEV : (a.rdev ?? 0),
    blocks: Math.ceil(size / DISK_BLOCK_LEN),
    fsid,
    fileid,
    atime: timeOf(a.atimeMs),
    mtime: timeOf(a.mtimeMs),
    ctime: timeOf(a.ctimeMs),
  };
}

function timeOf(ms: number): NfsTime {
  const seconds = Math.floor(ms / 1000);
  return { seconds, useconds: Math.floor((ms - seconds * 1000) * 1000) };
}
