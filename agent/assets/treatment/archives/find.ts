import { Refusal } from "../refusal.ts";
import { type Archive, cleanPath, type Entry, resolveLink } from "./entry.ts";
import { Nearest } from "./nearest.ts";

/** As many links are followed as Linux does within one path. */
const MAX_LINKS = 40;

/** The archive has no such file; by another kind of names it may. */
export class NotInArchive extends Refusal {
  override readonly name: string = "NotInArchive";
}

/** Where one way through the archive led. */
type Found =
  | { readonly what: "file" }
  /** Another path that is meant. */
  | { readonly what: "link"; readonly path: string }
  /** Another entry has the octets. */
  | { readonly what: "inode"; readonly inode: string }
  | { readonly what: "nothing" };

/**
 * The octets of one file of an archive, links in it followed. The archive is read to its end, so that damage behind the file
 * is seen as well, and a second file of that name.
 *
 * Throws a Refusal where it is not there, is not a file, or the archive cannot be read.
 */
export async function* extract(
  archive: Archive,
  wanted: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let path = cleanPath(wanted);
  const seen = new Set<string>();
  for (let links = 0; links <= MAX_LINKS; links++) {
    if (seen.has(path)) throw new Refusal(`${named(path, wanted)} is a link in a circle`);
    seen.add(path);
    const found = yield* pass(archive, path, wanted);
    if (found.what === "file") return;
    if (found.what === "inode") {
      yield* octetsOf(archive, found.inode);
      return;
    }
    if (found.what === "nothing") throw await missing(archive, path, wanted);
    path = found.path;
  }
  throw new Refusal(`${wanted} leads through more than ${MAX_LINKS} links`);
}

async function* pass(
  archive: Archive,
  path: string,
  wanted: string,
): AsyncGenerator<Uint8Array, Found, undefined> {
  const fold = folding(archive);
  const key = fold(path);
  let found: Found = { what: "nothing" };
  let inode: string | undefined;
  for await (const entry of archive.entries()) {
    const its = fold(entry.path);
    if (inode !== undefined && entry.inode === inode && entry.size > 0) {
      yield* entry.octets();
      inode = undefined;
      found = { what: "file" };
    } else if (its === key && entry.kind !== "directory") {
      if (found.what === "file" || inode !== undefined) {
        throw new Refusal(
          `has ${named(path, wanted)} more than once: which one is meant is not clear`,
        );
      }
      if (entry.kind === "symlink" || entry.kind === "hardlink") {
        return { what: "link", path: targetOf(entry, path, wanted) };
      }
      refuseOthers(entry, path, wanted);
      if (entry.inode !== undefined && entry.size === 0) {
        inode = entry.inode;
        continue;
      }
      yield* entry.octets();
      found = { what: "file" };
    } else if (its === key) {
      throw new Refusal(`${named(path, wanted)} is a directory`);
    } else if (entry.kind === "symlink" && key.startsWith(`${its}/`) && found.what === "nothing") {
      // A directory on the way is a link: what is behind it may still be here under its own name.
      const rest = path.slice(entry.path.length + 1);
      found = { what: "link", path: `${targetOf(entry, entry.path, wanted)}/${rest}` };
    }
  }
  return inode === undefined ? found : { what: "inode", inode };
}

/** Octets of the file whose other names have none; none at all where no name has any. */
async function* octetsOf(
  archive: Archive,
  inode: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const entry of archive.entries()) {
    if (entry.inode !== inode || entry.size === 0) continue;
    yield* entry.octets();
    return;
  }
}

function targetOf(entry: Entry, path: string, wanted: string): string {
  const { target = "" } = entry;
  const to = entry.kind === "hardlink" ? cleanPath(target) : resolveLink(path, target);
  if (to === undefined || to === "") {
    throw new Refusal(`${named(path, wanted)} is a link to ${target}, outside of the archive`);
  }
  return to;
}

function refuseOthers(entry: Entry, path: string, wanted: string): void {
  if (entry.kind === "special")
    throw new Refusal(`${named(path, wanted)} is a device, a pipe or a socket`);
  if (entry.unreadable !== undefined) {
    throw new Refusal(`${named(path, wanted)} ${entry.unreadable}`);
  }
}

/** Says what the archive has instead. */
async function missing(archive: Archive, path: string, wanted: string): Promise<Refusal> {
  const fold = folding(archive);
  const nearest = new Nearest(path);
  let isDirectory = false;
  for await (const entry of archive.entries()) {
    if (entry.kind !== "directory") nearest.add(entry.path);
    if (fold(entry.path).startsWith(`${fold(path)}/`)) isDirectory = true;
  }
  if (isDirectory) return new Refusal(`${named(path, wanted)} is a directory`);
  const names = nearest.names();
  const instead = names.length === 0 ? "it is empty" : `the nearest in it: ${names.join(", ")}`;
  return new NotInArchive(
    `${named(path, wanted)} is not in the archive (${archive.kind}); ${instead}`,
  );
}

function folding(archive: Archive): (path: string) => string {
  return archive.ignoresCase === true ? (path) => path.toLowerCase() : (path) => path;
}

/** The path, and where it differs what was asked for. */
function named(path: string, wanted: string): string {
  return path === cleanPath(wanted) ? path : `${path} (where ${wanted} leads)`;
}
