import type { NodeKind, TreeRefusal } from "../../../agent/assets/trees/tree.ts";

/** What a file is, of what every implementation can say the same. Of directories the size is not compared. */
export interface FileFacts {
  readonly kind: NodeKind;
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly mtimeMs: number;
}

export type Done = Promise<TreeRefusal | undefined>;

/**
 * What can be done with files, by paths without a leading slash; "" is the root.
 *
 * No symbolic link is followed, neither at the end of a path nor within it. Each resolves when it is done, or with why it
 * cannot be. A local directory is one implementation, a tree another; a client on the wire would be a third.
 */
export interface FileOps {
  stat(path: string): Promise<FileFacts | TreeRefusal>;
  /** The names, sorted. */
  list(path: string): Promise<readonly string[] | TreeRefusal>;
  /** As much as there is. */
  read(path: string, offset: number, len: number): Promise<Uint8Array | TreeRefusal>;
  create(path: string, mode: number): Done;
  write(path: string, offset: number, octets: Uint8Array): Done;
  truncate(path: string, size: number): Done;
  setMode(path: string, mode: number): Done;
  setMtime(path: string, mtimeMs: number): Done;
  mkdir(path: string, mode: number): Done;
  rmdir(path: string): Done;
  remove(path: string): Done;
  rename(from: string, to: string): Done;
  link(from: string, to: string): Done;
  symlink(path: string, target: string): Done;
  readlink(path: string): Promise<{ readonly target: string } | TreeRefusal>;
  /** Forgets all that is not durable, where that means anything. */
  reopen(): Promise<void>;
}
