import type { NodeKind } from "../tree.ts";

/** What an archive says of one name, whatever kind of archive it is. */
export interface ImageEntry {
  /** Slash-separated, as it was written. */
  readonly path: string;
  /** `hardlink`: another name of an entry before, `target` is its path. */
  readonly kind: NodeKind | "hardlink";
  /** As stat(2) has it; permission bits count. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** Where its octets begin in the image. */
  readonly at: number;
  /** Octets. */
  readonly size: number;
  readonly rdev: number;
  /** Of a symlink as it was written. */
  readonly target?: string;
  /** Entries with the same one are the same file, and one of them alone has its octets (cpio). */
  readonly inode?: string;
}
