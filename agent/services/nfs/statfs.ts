import { NFS_MAXDATA } from "../../../protocols/nfs/constants.ts";
import type { TreeSpace } from "../../assets/trees/tree.ts";
import { BLOCK_LEN } from "./attributes.ts";

/** Most blocks that are told: many clients take the number for a signed one. */
const MAX_BLOCKS = 0x7fff_ffff;

/** What STATFS says (RFC 1094 section 2.2.18). */
export interface StatfsRepr {
  readonly tsize: number;
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
}

/** The room of a tree in blocks, which are larger where 31 bits do not hold their number. */
export function statfsOf(space: TreeSpace): StatfsRepr {
  let bsize = BLOCK_LEN;
  while (space.total / bsize > MAX_BLOCKS) bsize *= 2;
  const blocks = Math.ceil(space.total / bsize);
  const bfree = Math.min(blocks, Math.floor(Math.max(0, space.free) / bsize));
  return { tsize: NFS_MAXDATA, bsize, blocks, bfree, bavail: bfree };
}
