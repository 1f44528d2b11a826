import path from "node:path";
import type { Location, S3Location } from "./leaves-locations.ts";
import type { Path, Problems } from "./problems.ts";
import type { Stores } from "./resolve-stores.ts";
import type { RawAsset } from "./schema-assets.ts";
import type { OciPick, SourceSpec } from "./site.ts";
import { quote } from "./wording.ts";

/** What sources are resolved against. */
export interface SourceContext {
  /** The site's folder. */
  readonly dir: string;
  readonly stores: Stores;
  readonly problems: Problems;
}

const KINDS = ["file", "folder", "url", "s3", "oci"] as const;
const PICKS = ["title", "mediaType", "path"] as const;
const DEFAULT_PLATFORM = "linux/amd64";

/** Keys that mean something beside one kind of source only. */
const BELONGS: readonly (readonly [keyof RawAsset, (typeof KINDS)[number]])[] = [
  ["match", "folder"],
  ["title", "oci"],
  ["mediaType", "oci"],
  ["path", "oci"],
  ["platform", "oci"],
];

/** Where an asset is to be had; empty when that is not clear, which is reported. */
export function resolveSources(
  name: string,
  raw: RawAsset,
  context: SourceContext,
): readonly SourceSpec[] {
  const { dir, problems } = context;
  const at = ["assets", name];
  if (!hasOneKind(name, raw, problems)) return [];
  const { file, folder, match = "*", url, s3, oci } = raw;
  if (file !== undefined) {
    return [Object.freeze({ kind: "file", file: path.resolve(dir, file) })];
  }
  if (folder !== undefined) {
    return [Object.freeze({ kind: "folder", folder: path.resolve(dir, folder), match })];
  }
  if (url !== undefined) return resolveMirrors(url, [...at, "url"], context);
  if (oci !== undefined) return [resolveOci(name, { ...raw, oci }, context)];
  const source = s3 && resolveLocation(s3, [...at, "s3"], context);
  return source === undefined ? [] : [source];
}

/** A location with the way to it. Undefined when its store is not known well enough, which is reported at `at`. */
export function resolveLocation(
  location: Location,
  at: Path,
  { stores, problems }: SourceContext,
): SourceSpec | undefined {
  if (location.kind === "file") return Object.freeze(location);
  if (location.kind === "http") {
    const { origin, pathname } = new URL(location.url);
    const access = stores.url.find(`${origin}${pathname}`) ?? Object.freeze({});
    return Object.freeze({ ...location, access });
  }
  const { bucket, key } = location;
  const access = stores.s3.find(`${bucket}/${key}`);
  if (access !== undefined) {
    return Object.freeze({
      ...access,
      ...location,
      pathStyle: access.pathStyle ?? inPath(location),
    });
  }
  if (!stores.incomplete) {
    const message = `no store says where the bucket ${quote(bucket)} is`;
    const cure = `add one: stores: { NAME: { s3: ${bucket}, region: REGION } } for AWS; endpoint: URL for any other`;
    problems.add(at, message, cure);
  }
  return undefined;
}

/** What the source calls its object: the last part of its path. Undefined where it has no such name. */
export function baseNameOf(source: SourceSpec): string | undefined {
  switch (source.kind) {
    case "file":
      return path.basename(source.file);
    case "folder":
      return /[*?]/.test(source.match) ? undefined : source.match;
    case "s3":
      return path.posix.basename(source.key);
    case "http":
      return decoded(new URL(source.url).pathname.split("/").at(-1) ?? "");
    case "oci":
      if (source.pick.by === "title") return source.pick.title;
      return source.pick.by === "path" ? path.posix.basename(source.pick.path) : undefined;
  }
}

function hasOneKind(name: string, raw: RawAsset, problems: Problems): boolean {
  const at = ["assets", name];
  const [kind, second] = KINDS.filter((key) => raw[key] !== undefined);
  if (second !== undefined) {
    const message = `asset "${name}" has both ${kind} and ${second}`;
    const cure = "keep one of the two; mirrors of the same octets are a list: url: [URL, URL]";
    problems.add([...at, second], message, cure, "key");
    return false;
  }
  for (const [key, belongsTo] of BELONGS) {
    if (raw[key] === undefined || kind === belongsTo) continue;
    if (problems.isExcused([...at, belongsTo])) continue;
    const message = `"${key}" in asset "${name}" is of no use without "${belongsTo}"`;
    problems.add([...at, key], message, `add "${belongsTo}", or remove "${key}"`, "key");
  }
  if (kind !== undefined) return true;
  if (KINDS.every((key) => !problems.isExcused([...at, key]))) {
    const cure = "say where it is to be had: file: PATH, folder: PATH, url: URL, s3: … or oci: …";
    problems.addMissing(at, "file", `asset "${name}" has no source`, cure);
  }
  return false;
}

function resolveMirrors(
  mirrors: readonly Location[],
  at: Path,
  context: SourceContext,
): readonly SourceSpec[] {
  const seen = new Set<string>();
  const sources: SourceSpec[] = [];
  for (const [i, location] of mirrors.entries()) {
    const item = [...at, String(i)];
    const here = context.problems.isPlaced(item) ? item : at;
    const key = JSON.stringify(location);
    if (seen.has(key)) {
      context.problems.add(here, "this mirror is in the list twice", "remove one of the two");
    }
    seen.add(key);
    const source = resolveLocation(location, here, context);
    if (source !== undefined) sources.push(source);
  }
  return sources;
}

function resolveOci(
  name: string,
  raw: RawAsset & Required<Pick<RawAsset, "oci">>,
  { stores, problems }: SourceContext,
): SourceSpec {
  const [first, second] = PICKS.filter((key) => raw[key] !== undefined);
  if (second !== undefined) {
    const message = `asset "${name}" has both ${first} and ${second}`;
    problems.add(["assets", name, second], message, "keep one: each picks a part by itself", "key");
  }
  const { registry, repository } = raw.oci;
  const store = stores.oci.find(`${registry}/${repository}`);
  return Object.freeze({
    kind: "oci",
    ...raw.oci,
    pick: Object.freeze(pickOf(raw)),
    platform: raw.platform ?? DEFAULT_PLATFORM,
    plainHttp: store?.plainHttp ?? false,
    access: store?.access ?? Object.freeze({}),
  });
}

function pickOf({ title, mediaType, path }: RawAsset): OciPick {
  if (title !== undefined) return { by: "title", title };
  if (mediaType !== undefined) return { by: "mediaType", mediaType };
  return path === undefined ? { by: "only" } : { by: "path", path };
}

/** AWS has a certificate for hosts of one more label only, and host names know no capitals. */
function inPath({ bucket }: S3Location): boolean {
  return !/^[a-z0-9-]+$/.test(bucket);
}

function decoded(text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
