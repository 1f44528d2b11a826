/** Longest path that is looked at, characters. */
const PATH_LIMIT = 4096;
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * A name in a tar archive as a path within the image: no leading or trailing slash, no empty, "." or ".." parts ("" is the root).
 *
 * Undefined for names that lead out of the image or are too long.
 */
export function imagePath(name: string): string | undefined {
  if (name.length > PATH_LIMIT) return undefined;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

/**
 * Where `wanted` really is, when the symbolic link `at`, which is `wanted` itself or a folder on the way to it, points to `target`.
 * As in a container, the image's root is the root, and nothing is above it.
 */
export function linkTarget(at: string, target: string, wanted: string): string {
  const parts = target.startsWith("/") ? [] : at.split("/").slice(0, -1);
  const rest = wanted.slice(at.length);
  for (const part of `${target}${rest}`.slice(0, PATH_LIMIT).split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

/** Whether `folder` is on the way to `path`; the root is on the way to everything. */
export function leadsTo(folder: string, path: string): boolean {
  return folder === "" || path.startsWith(`${folder}/`);
}

/** What a whiteout file hides of the layers below (OCI image-spec 1.1, layer.md, "Whiteouts"). */
export function hides(name: string, path: string): boolean {
  const slash = name.lastIndexOf("/");
  const base = name.slice(slash + 1);
  if (!base.startsWith(WHITEOUT)) return false;
  const folder = name.slice(0, Math.max(slash, 0));
  if (base === OPAQUE) return leadsTo(folder, path);
  const gone = name.slice(0, slash + 1) + base.slice(WHITEOUT.length);
  return gone === path || leadsTo(gone, path);
}
