import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Received } from "../../assets/cache/cache.ts";
import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import type { AssetRecord, VersionRecord } from "../../assets/cache/records.ts";
import type { ObjectVersion } from "../../assets/stores/source.ts";
import { AgentError } from "../../errors.ts";
import { octetsText } from "../../log/timeline.ts";
import { wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { barLine, LiveLines } from "../progress-bar.ts";
import { type CacheContext, type CacheOptions, withCache } from "./context.ts";
import { siteLines } from "./site-lines.ts";

const PIECE_LEN = 256 * 1024;
/** Versions of one asset that stay beside a new one, when no site says how many. */
const KEPT = 8;

export interface AddOptions extends CacheOptions {
  readonly name: string;
}

/** `pilotlight cache add`: a local file becomes a version of an asset, as if it had been fetched. */
export async function addFile(
  context: CacheContext,
  file: string,
  options: AddOptions,
): Promise<void> {
  const { name } = options;
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/.test(name)) {
    throw new AgentError("E_USAGE", `"${name}" cannot be the name of an asset`, {
      cure: "Use letters, digits, and . _ + - after the first: --name talos-kernel",
    });
  }
  const full = path.resolve(file);
  const { version, record } = await withCache(
    context,
    async (cache) => {
      const received = await read(context, cache, full, name);
      const object = await objectOf(full);
      await received.keep();
      const made = versionOf(received, full, object);
      const after = await cache.update(name, (before) => withAdded(name, before, made));
      return { version: made, record: after };
    },
    { make: true },
  );
  await context.agent.changed([name]);
  if (options.json) {
    const { digest, size } = version;
    printJson(context, { name, digest, size, served: record?.current === digest });
    return;
  }
  print(context, [
    `${name}: ${octetsText(version.size)}, sha256 ${version.digest}`,
    ...(record?.current === version.digest
      ? []
      : [
          "Another version is served. To serve this one:",
          `  pilotlight cache pin ${name} ${version.digest.slice(0, 12)}`,
        ]),
    "",
    "In the site, with the address of its store instead of `file` where it has one:",
    "",
    ...siteLines([{ name, source: { file: full }, sha256: version.digest }]),
  ]);
}

async function read(
  { host }: CacheContext,
  cache: DiskCache,
  file: string,
  name: string,
): Promise<Received> {
  const object = await objectOf(file);
  const size = object.size ?? 0;
  await cache.makeRoom(size);
  const live = new LiveLines(host.stderr, wantsColour(host.stderr.isTTY === true, host.env));
  const ingest = await cache.ingest(`added ${name} ${file}`);
  try {
    await ingest.restart(object);
    let octets = 0;
    for await (const piece of createReadStream(file, { highWaterMark: PIECE_LEN })) {
      await ingest.write(piece as Uint8Array);
      octets += (piece as Uint8Array).length;
      live.draw([{ text: barLine({ name, octets, total: size }, live.width), style: "bar" }]);
    }
    if (octets !== size) {
      throw new AgentError("E_ASSET_CHANGED", `${file} changed while it was read`, {
        cure: "Type the command again when nobody writes to it any more.",
      });
    }
    return await ingest.finish();
  } catch (error) {
    await ingest.discard();
    throw error instanceof AgentError ? error : unreadable(file, error);
  } finally {
    live.close(true);
  }
}

async function objectOf(file: string): Promise<ObjectVersion> {
  try {
    const info = await stat(file);
    if (!info.isFile()) {
      throw new AgentError("E_ASSET_READ", `${file} is not a regular file`);
    }
    return { size: info.size, mtimeMs: info.mtimeMs, fileName: path.basename(file) };
  } catch (error) {
    throw error instanceof AgentError ? error : unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("code" in cause)) return cause;
  const missing = cause.code === "ENOENT";
  return new AgentError(
    missing ? "E_ASSET_MISSING" : "E_ASSET_READ",
    `${file} ${missing ? "is not there" : `cannot be read: ${cause.message}`}`,
    { cause, cure: "Check the name, and that you may read the file." },
  );
}

function versionOf(
  { digest, size }: Received,
  file: string,
  { mtimeMs, fileName }: ObjectVersion,
): VersionRecord {
  return {
    digest,
    size,
    sourceDigest: digest,
    sourceId: `added ${file}`,
    treatment: "",
    object: { size },
    ...(fileName === undefined ? {} : { fileName }),
    mtimeMs: Math.max(0, Math.floor((mtimeMs ?? 0) / 1000) * 1000),
    fetchedMs: Date.now(),
  };
}

/**
 * The record with the added version as its newest.
 *
 * It is served at once only where nothing was there before: what a site demands, and what was seen first, is not overridden.
 */
export function withAdded(
  name: string,
  before: AssetRecord | undefined,
  added: VersionRecord,
): AssetRecord {
  const old = before?.versions.filter(({ digest }) => digest !== added.digest) ?? [];
  const bound = (v: VersionRecord): boolean =>
    v.digest === before?.current ||
    v.digest === before?.held ||
    v.sourceDigest === before?.firstSourceDigest;
  const kept = old.filter((v, i) => i < KEPT || bound(v));
  return {
    ...before,
    name,
    versions: [added, ...kept],
    current: before?.current ?? added.digest,
    firstSourceDigest: before?.firstSourceDigest ?? added.sourceDigest,
  };
}
