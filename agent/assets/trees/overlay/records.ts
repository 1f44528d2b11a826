import type { NodeKind } from "../tree.ts";

/** The root of every overlay; the lower tree's root may change its number, this one does not. */
export const ROOT = 0x8000_0000;
/** Numbers of the layer's own nodes begin behind the root's; those of the lower tree below it are taken over as they are. */
export const FIRST_OWN: number = ROOT + 1;
/** The last number: the one behind it must still have eight hex digits. */
export const LAST_OWN = 0xffff_fffe;
/** What a whiteout says instead of a number. */
export const WHITEOUT = 0;

/** A layer: what one machine changed of one profile's root. */
export interface LayerRecord {
  /** Its records and its folder go by this; a reset begins another one. */
  readonly generation: number;
  /** The next number of a node. It goes on over a reset, so that an old handle never means a new file. */
  readonly nextId: number;
  /** Nodes, names and whiteouts. */
  readonly records: number;
  /** Nobody uses it any more; what is left of it is removed. */
  readonly dropped?: true;
}

/** A name of the lower tree, by the overlay's number of its directory. */
export interface LowerPlace {
  readonly directory: number;
  readonly name: string;
}

/** What a layer says of a node. What is absent of mode, owner and times is as in the lower tree. */
export interface NodeRecord {
  readonly kind: NodeKind;
  /** Its number in the lower tree; absent: made in the layer. */
  readonly lower?: number;
  /** Where it was in the lower tree when it was first touched. Present exactly when `lower` is, but for the root. */
  readonly at?: LowerPlace;
  /** Of files and symlinks: names. Of directories: by how many subdirectories it has more than the lower one. */
  readonly nlink: number;
  /** The directory above; of a file with several names that of one of them. */
  readonly parent: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atimeMs?: number;
  readonly mtimeMs?: number;
  readonly ctimeMs?: number;
  /** Of symlinks. */
  readonly target?: string;
  /** Its octets are in a file of the layer, and so are its size and times. */
  readonly data?: true;
  /** It was removed. The number stays taken, since the lower tree still has it. */
  readonly gone?: true;
}

/** A name that the layer has an opinion about. */
export interface NameRecord {
  /** WHITEOUT: there is no such name, whatever the lower tree says. */
  readonly id: number;
  /** The lower tree has this name as well. */
  readonly hides: boolean;
}

/** Eight hex digits: the names of content files, and the parts of keys. */
export function hex8(id: number): string {
  return id.toString(16).padStart(8, "0");
}
