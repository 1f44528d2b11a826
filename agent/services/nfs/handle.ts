import { NFS_FHSIZE } from "../../../protocols/nfs/constants.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { StatusCounters } from "../context.ts";
import { SipHash } from "./siphash.ts";

/** Octets of a file handle (RFC 1094 section 2.3.3). */
export const FHANDLE_LEN: number = NFS_FHSIZE;

/** "PL", and the version of this layout. */
const MAGIC = 0x504c_0002;

// Offsets in a handle.
const FSID = 4;
const FILEID = 8;
const RESERVED = 12;
const MAC = 16;

/**
 * File handles: magic(4) fsid(4) fileid(4) zeros(4), and a MAC(16) of these under a key that only the agent has.
 *
 * A handle says where the node is and needs no table, so it stays good over a restart. It grants nothing: a handle of a tree that
 * is not the caller's is refused whatever it holds. What the MAC prevents is a guess within that tree: who was not led to a file
 * by LOOKUP, past the modes of the directories above it, has no handle of it.
 */
export class FileHandles {
  private readonly hash: SipHash;
  private readonly counters: StatusCounters;

  /** `key`: 16 octets that stay the same over a restart. */
  constructor(key: Uint8Array, counters: StatusCounters) {
    this.hash = new SipHash(key);
    this.counters = counters;
  }

  /** Writes the handle of a node; returns octets written. */
  emit(fsid: number, fileid: number, o: Octets, at: number): number {
    const { dv } = o;
    dv.setUint32(at, MAGIC);
    dv.setUint32(at + FSID, fsid);
    dv.setUint32(at + FILEID, fileid);
    dv.setUint32(at + RESERVED, 0);
    const { hash } = this;
    hash.of(o, at);
    dv.setInt32(at + MAC, hash.a, true);
    dv.setInt32(at + MAC + 4, hash.b, true);
    dv.setInt32(at + MAC + 8, hash.c, true);
    dv.setInt32(at + MAC + 12, hash.d, true);
    return FHANDLE_LEN;
  }

  /** The tree that a handle claims to be of; -1 when it has not our form. Nothing is proven by it. */
  claimedFsid({ dv }: Octets, at: number): number {
    return dv.getUint32(at) === MAGIC ? dv.getUint32(at + FSID) : -1;
  }

  /** The fileid that a handle names in the tree `fsid`; -1, and counted, when it is no handle of that tree by us. */
  fileidOf(fsid: number, o: Octets, at: number): number {
    const { dv } = o;
    if (dv.getUint32(at) !== MAGIC || dv.getUint32(at + FSID) !== fsid) {
      this.counters.add("nfs", "foreign-handle");
      return -1;
    }
    const { hash } = this;
    hash.of(o, at);
    const differs =
      (dv.getInt32(at + MAC, true) ^ hash.a) |
      (dv.getInt32(at + MAC + 4, true) ^ hash.b) |
      (dv.getInt32(at + MAC + 8, true) ^ hash.c) |
      (dv.getInt32(at + MAC + 12, true) ^ hash.d) |
      dv.getInt32(at + RESERVED);
    if (differs !== 0) {
      this.counters.add("nfs", "forged-handle");
      return -1;
    }
    return dv.getUint32(at + FILEID);
  }
}
