/** What an entry of an archive is. `hardlink`: another name of an earlier entry. */
export type EntryKind = "file" | "directory" | "symlink" | "hardlink" | "special";

/** One entry of an archive. */
export interface Entry {
  /** As {@link cleanPath} gives it. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Of a file, octets. */
  readonly size: number;
  /** Of a symlink as it was written, of a hard link a clean path. */
  readonly target?: string;
  /** Why its octets cannot be had: "is encrypted". */
  readonly unreadable?: string;
  /** Files with the same one are the same file, and one of them alone has its octets (cpio). */
  readonly inode?: string;
  /** The octets of a file. To be read before the next entry is asked for, or not at all. */
  octets(): AsyncIterable<Uint8Array>;
}

/** An archive whose entries can be gone through as often as is wanted. */
export interface Archive {
  /** In words: "a tar archive". */
  readonly kind: string;
  /** Whether names are the same whatever their case. */
  readonly ignoresCase?: boolean;
  entries(): AsyncGenerator<Entry, void, undefined>;
}

/** A path without leading slashes and `./`, without empty parts and a slash at its end. `..` stays. */
export function cleanPath(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

/** Where a symlink in `from` leads; undefined where that is outside of the archive. An absolute target begins at its root. */
export function resolveLink(from: string, target: string): string | undefined {
  const parts = target.startsWith("/") ? [] : from.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}
