import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DiskCache } from "../../assets/cache/disk-cache.ts";
import { FolderCache } from "../../assets/cache/folder-cache.ts";
import { Layout } from "../../assets/cache/layout.ts";
import { recordsOf, servedVersion, shortDigest } from "../../assets/cache/named-version.ts";
import { rebuild } from "../../assets/cache/rebuild.ts";
import type { AssetRecord, VersionRecord } from "../../assets/cache/records.ts";
import { CacheTables } from "../../assets/cache/tables.ts";
import { AgentError } from "../../errors.ts";
import { octetsText } from "../../log/timeline.ts";
import { openDatabase } from "../../state/database.ts";
import { wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { barLine, LiveLines } from "../progress-bar.ts";
import { count } from "../words.ts";
import { type CacheContext, type CacheOptions, withCache } from "./context.ts";

const PIECE_LEN = 256 * 1024;

/**
 * `pilotlight cache export`: an OCI image layout with what is served now. Each blob is verified while it is copied.
 *
 * The folder becomes what an agent's own `cache/` is: another agent that has it there makes its records from it.
 */
export async function exportAssets(
  context: CacheContext,
  dir: string,
  names: readonly string[],
  options: CacheOptions,
): Promise<void> {
  const target = path.resolve(dir);
  mustBeFree(target);
  const copied = await withCache(context, (cache) => {
    if (target === cache.dir || target.startsWith(`${cache.dir}/`)) {
      throw new AgentError("E_USAGE", `${target} is the cache itself`);
    }
    const assets = chosen(cache, names);
    return withLayout(target, async (out) => {
      await out.makeRoom(missingOctets(out, assets));
      for (const asset of assets) await copy(context, cache, out, asset);
      return assets;
    });
  });
  const octets = copied.reduce((sum, { version }) => sum + version.size, 0);
  if (options.json) {
    const assets = copied.map(({ record, version }) => ({
      name: record.name,
      digest: version.digest,
      size: version.size,
    }));
    printJson(context, { dir: target, octets, assets });
    return;
  }
  print(context, [
    ...copied.map(
      ({ record, version }) =>
        `${record.name}: ${octetsText(version.size)}, ${shortDigest(version.digest)}`,
    ),
    `${count(copied.length, "asset")} in ${target}, ${octetsText(octets)}`,
    ...(copied[0]
      ? [`Read it with: skopeo inspect --raw oci:${target}:${copied[0].record.name}`]
      : []),
  ]);
}

interface Chosen {
  readonly record: AssetRecord;
  readonly version: VersionRecord;
}

/** What is served of each. One that is named and not there is an error; of all assets, it is left out. */
function chosen(cache: DiskCache, names: readonly string[]): readonly Chosen[] {
  return recordsOf(cache, names).flatMap((record) => {
    const version = servedVersion(record);
    if (version && cache.blob(version.digest)) return [{ record, version }];
    if (names.length === 0) return [];
    throw new AgentError("E_ASSET_PENDING", `"${record.name}" is not in the cache`);
  });
}

function missingOctets(out: DiskCache, assets: readonly Chosen[]): number {
  const blobs = new Map(assets.map(({ version }) => [version.digest, version.size]));
  return [...blobs].reduce((sum, [digest, size]) => sum + (out.blob(digest) ? 0 : size), 0);
}

async function copy(
  { host }: CacheContext,
  cache: DiskCache,
  out: DiskCache,
  { record, version }: Chosen,
): Promise<void> {
  const { name } = record;
  const { digest, size } = version;
  if (out.blob(digest) === undefined) {
    const live = new LiveLines(host.stderr, wantsColour(host.stderr.isTTY === true, host.env));
    const ingest = await out.ingest(`export ${digest}`);
    try {
      await ingest.restart({ size });
      let octets = 0;
      const pieces = createReadStream(cache.blobPath(digest), { highWaterMark: PIECE_LEN });
      for await (const piece of pieces) {
        await ingest.write(piece as Uint8Array);
        octets += (piece as Uint8Array).length;
        live.draw([{ text: barLine({ name, octets, total: size }, live.width), style: "bar" }]);
      }
      const received = await ingest.finish();
      if (received.digest !== digest) {
        await received.discard();
        throw new AgentError(
          "E_ASSET_DAMAGED",
          `${name}: ${shortDigest(digest)} is damaged on disk`,
          {
            cure: "Run `pilotlight cache verify`: it takes the damaged octets out, and has them fetched again.",
          },
        );
      }
      await received.keep();
    } catch (error) {
      await ingest.discard();
      throw error;
    } finally {
      live.close(true);
    }
  }
  const { firstSourceDigest, checkedMs } = record;
  await out.update(name, () => ({
    name,
    versions: [version],
    current: digest,
    ...(firstSourceDigest === undefined ? {} : { firstSourceDigest }),
    ...(checkedMs === undefined ? {} : { checkedMs }),
  }));
}

/** Opens a folder as a cache whose records are thrown away afterwards: what is left of it is the layout. */
async function withLayout<T>(dir: string, use: (out: DiskCache) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(path.join(tmpdir(), "pilotlight-export-"));
  try {
    const database = openDatabase({ dir: path.join(scratch, "db") });
    const layout = new Layout(dir);
    let out: FolderCache;
    try {
      await layout.make();
      const tables = new CacheTables(database, Date.now);
      await rebuild(layout, tables);
      out = new FolderCache({
        layout,
        tables,
        limit: Number.MAX_SAFE_INTEGER,
        nowMs: Date.now,
        hashThread: false,
        closeDatabase: true,
      });
    } catch (error) {
      await database.close();
      throw error;
    }
    try {
      return await use(out);
    } finally {
      await out.close();
      // Only an agent needs them, and it makes its own.
      for (const folder of [layout.ingest, layout.quarantine]) {
        await rmdir(folder).catch(() => undefined);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function mustBeFree(dir: string): void {
  if (!existsSync(dir)) return;
  let entries: readonly string[];
  try {
    entries = readdirSync(dir);
  } catch (cause) {
    throw new AgentError("E_USAGE", `${dir} is not a folder that can be read`, { cause });
  }
  if (entries.length === 0 || entries.includes("oci-layout")) return;
  throw new AgentError("E_USAGE", `${dir} has something else in it`, {
    cure: "Name an empty folder, one that is not there yet, or an OCI image layout.",
  });
}
