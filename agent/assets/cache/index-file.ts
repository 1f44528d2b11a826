import { readFile, stat } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { syncFolder } from "../../state/folder.ts";
import type { Layout } from "./layout.ts";
import {
  digestOf,
  emitManifest,
  items,
  json,
  MANIFEST_TYPE,
  member,
  reference,
  referred,
  sha256Of,
} from "./manifest.ts";
import type { AssetRecord, VersionRecord } from "./records.ts";
import { type CacheTables, type ManifestRecord, manifestKey } from "./tables.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
/** On the descriptors that are ours: the asset's name. Others are never touched. */
export const ASSET = "io.pilotlight.asset";
/** On the one of the version that is served: what the asset's record says beside its versions. */
export const STATE = "io.pilotlight.state";
/** Assets between two turns of the event loop while the index is put together. */
const A_TURN = 64;
/** Octets of an index or manifest that another program wrote: more is not read. */
const MOST_OCTETS: number = 32 * 1024 * 1024;
const INDEX_DEPTH = 4;

/** An entry of `index.json` that another program made: `skopeo copy … oci:CACHE:REF`. */
export interface ForeignEntry {
  /** "" when it has none. */
  readonly ref: string;
  readonly manifestDigest: string;
}

interface OtherEntry extends ForeignEntry {
  readonly descriptor: unknown;
}

/** A manifest that was written just now, and what it is of. */
interface Made {
  readonly name: string;
  readonly version: VersionRecord;
  readonly manifest: ManifestRecord;
}

/**
 * `index.json`: the table of contents that other programs read. It follows from the records; what others put into it stays.
 */
export class IndexFile {
  private readonly layout: Layout;
  private readonly tables: CacheTables;
  private others: readonly OtherEntry[] = [];
  private seen = "";

  constructor(layout: Layout, tables: CacheTables) {
    this.layout = layout;
    this.tables = tables;
  }

  /** Entries that others made, as of the last look. */
  foreign(): readonly ForeignEntry[] {
    return this.others.map(({ ref, manifestDigest }) => ({ ref, manifestDigest }));
  }

  /** Looks for entries that others made, when the file is another one than last time. */
  async look(): Promise<void> {
    const info = await stat(this.layout.index).catch(() => undefined);
    const seen = info ? `${info.ino} ${info.size} ${info.mtimeMs} ${info.ctimeMs}` : "";
    if (seen === this.seen) return;
    this.others = otherEntries(await readText(this.layout.index));
    this.seen = seen;
  }

  /** Digests of all that the entries of others refer to, manifests included. */
  async foreignDigests(): Promise<ReadonlySet<string>> {
    await this.look();
    const found = new Set<string>();
    let next = this.others.map((entry) => entry.manifestDigest);
    for (let depth = 0; depth < INDEX_DEPTH && next.length > 0; depth++) {
      const below: string[] = [];
      for (const digest of next) {
        if (found.has(digest)) continue;
        found.add(digest);
        const { files, manifests } = referred(await readText(this.layout.blob(digest)));
        for (const file of files) found.add(file);
        below.push(...manifests);
      }
      next = below;
    }
    return found;
  }

  /** Writes it anew, and the manifests that are not there yet. Resolves when it is durable and shows all changes up to now. */
  async write(): Promise<void> {
    const { tables, layout } = this;
    const { wanted } = tables.totals();
    await this.look();
    const taken = new Set(this.others.map(({ ref }) => ref));
    const entries = this.others.map(({ descriptor }) => JSON.stringify(descriptor));
    const made = new Map<string, Made>();
    for await (const asset of this.assets()) {
      for (const version of asset.versions) {
        if (!tables.blobs.doesExist(version.digest)) continue;
        const manifest = await this.manifest(asset.name, version, made);
        entries.push(JSON.stringify(descriptorOf(asset, version, manifest, taken)));
      }
    }
    if (made.size > 0) await syncFolder(layout.blobs);
    await layout.replace(
      layout.index,
      `{"schemaVersion":2,"manifests":[${entries.map((entry) => `\n${entry}`).join(",")}\n]}\n`,
    );
    await syncFolder(layout.dir);
    await tables.database.transaction(() => {
      for (const [key, { name, version, manifest }] of made) {
        if (has(tables.assets.get(name), version)) {
          void tables.manifests.put(key, manifest);
          void tables.doomed.remove(manifest.digest);
        } else {
          // It went meanwhile, when this manifest could not be doomed yet.
          void tables.doomed.put(manifest.digest, true);
        }
      }
      tables.change({ written: wanted });
    });
  }

  private async *assets(): AsyncGenerator<AssetRecord> {
    let last: string | undefined;
    for (;;) {
      const { assets } = this.tables;
      const range = last === undefined ? {} : { start: last, exclusiveStart: true };
      const some = [...assets.getRange({ ...range, limit: A_TURN })];
      for (const { value } of some) yield value;
      if (some.length < A_TURN) return;
      last = some.at(-1)?.key;
      await setImmediate();
    }
  }

  private async manifest(
    name: string,
    version: VersionRecord,
    made: Map<string, Made>,
  ): Promise<ManifestRecord> {
    const key = manifestKey(name, version.digest);
    const known = this.tables.manifests.get(key);
    if (known) return known;
    const text = emitManifest(name, version);
    const manifest = { digest: sha256Of(text), size: Buffer.byteLength(text) };
    await this.layout.replace(this.layout.blob(manifest.digest), text);
    made.set(key, { name, version, manifest });
    return manifest;
  }
}

/** All entries of an index as they stand; none when it cannot be read or is not one. */
export async function readEntries(file: string): Promise<readonly unknown[]> {
  return items(member(json(await readText(file)), "manifests"));
}

/** A text of bounded length; "" when there is none or it is longer than any index. */
export async function readText(file: string): Promise<string> {
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile() || info.size > MOST_OCTETS) return "";
  return await readFile(file, "utf8").catch(() => "");
}

/** Whether an asset has just this version. */
function has(asset: AssetRecord | undefined, version: VersionRecord): boolean {
  const found = asset?.versions.find(({ digest }) => digest === version.digest);
  return found !== undefined && JSON.stringify(found) === JSON.stringify(version);
}

function descriptorOf(
  asset: AssetRecord,
  version: VersionRecord,
  manifest: ManifestRecord,
  taken: ReadonlySet<string>,
): unknown {
  const current = version.digest === asset.current;
  // A name that someone gave to an entry of their own is theirs.
  const named = current && !taken.has(asset.name);
  const { held, firstSourceDigest } = asset;
  return {
    mediaType: MANIFEST_TYPE,
    digest: `sha256:${manifest.digest}`,
    size: manifest.size,
    annotations: {
      [REF_NAME]: reference(asset.name, version.digest, named),
      [ASSET]: asset.name,
      ...(current ? { [STATE]: JSON.stringify({ held, firstSourceDigest }) } : {}),
    },
  };
}

function otherEntries(text: string): OtherEntry[] {
  const others: OtherEntry[] = [];
  for (const descriptor of items(member(json(text), "manifests"))) {
    const annotations = member(descriptor, "annotations");
    const manifestDigest = digestOf(member(descriptor, "digest"));
    if (manifestDigest === undefined || member(annotations, ASSET) !== undefined) continue;
    const ref = member(annotations, REF_NAME);
    others.push({ ref: typeof ref === "string" ? ref : "", manifestDigest, descriptor });
  }
  return others;
}
