import { type BigIntStats, constants, type ReadStream, readFileSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import type { AssetSpec, OciPick } from "../../site/site.ts";
import {
  ANNOTATION,
  type Descriptor,
  isDigest,
  MANIFEST_LIMIT,
  parseManifest,
} from "./oci-manifest.ts";
import { OciObject } from "./oci-object.ts";
import { type OciSourceSpec, ociReference } from "./oci-source.ts";
import { exactly, type OciBlob, type OciRepository } from "./oci-store.ts";
import type { Source } from "./source.ts";

/** Largest `index.json` that is read, octets: that of a cache with ten thousand assets has about 4 MB. */
const INDEX_LIMIT = 32 * 1024 * 1024;
/** Pieces that blobs are read in. */
const PIECE_LEN = 256 * 1024;

/**
 * An OCI image layout on this host (OCI image-spec 1.1, image-layout.md), as `skopeo copy docker://… oci:DIR:REF` fills it.
 *
 * `index.json` is read again only when it has changed.
 */
export class OciLayout {
  readonly dir: string;
  private stamp = "";
  private byRef: ReadonlyMap<string, string> = new Map();
  private digests: ReadonlySet<string> = new Set();

  constructor(dir: string) {
    this.dir = dir;
  }

  /**
   * The digest of the manifest that a reference names: a value of org.opencontainers.image.ref.name, or a digest that the index has.
   * Undefined when there is none, or no layout at all. Throws E_STORE_BROKEN when `index.json` cannot be understood.
   */
  manifestDigest(reference: string): string | undefined {
    this.refresh();
    if (isDigest(reference)) return this.digests.has(reference) ? reference : undefined;
    return this.byRef.get(reference);
  }

  private refresh(): void {
    const file = path.join(this.dir, "index.json");
    const stat = statOf(file);
    const stamp = stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
    if (stamp === this.stamp) return;
    const manifests = stat === undefined ? [] : readIndex(file, stat);
    const byRef = new Map<string, string>();
    for (const { annotations, digest } of manifests) {
      const ref = annotations?.[ANNOTATION.refName];
      if (ref !== undefined) byRef.set(ref, digest);
    }
    this.byRef = byRef;
    this.digests = new Set(manifests.map(({ digest }) => digest));
    this.stamp = stamp;
  }
}

/**
 * An asset as a layout has it: under the full reference of one of its registries ("registry.example.com/talos:v1.11.6"), by the
 * digest that the site names, or under the asset's own name. What is picked is what the site picks from the registry; an asset that
 * comes from elsewhere is the only layer of what has its name.
 *
 * Undefined when the layout has nothing of it now. Throws E_STORE_BROKEN when `index.json` cannot be understood. Manifests are
 * verified; blobs are for their reader to verify.
 */
export function layoutSource(layout: OciLayout, asset: AssetSpec): Source | undefined {
  const specs = asset.sources.filter((spec): spec is OciSourceSpec => spec.kind === "oci");
  for (const spec of specs) {
    const full = ociReference(spec);
    const digest = layout.manifestDigest(isDigest(spec.reference) ? spec.reference : full);
    if (digest !== undefined) return source(layout, full, digest, spec.pick, spec.platform);
  }
  const [spec] = specs;
  // A digest is a promise that a name does not keep.
  if (spec !== undefined && isDigest(spec.reference)) return undefined;
  const digest = layout.manifestDigest(asset.name);
  if (digest === undefined) return undefined;
  return source(layout, asset.name, digest, spec?.pick ?? { by: "only" }, spec?.platform ?? "");
}

function source(
  layout: OciLayout,
  ref: string,
  digest: string,
  pick: OciPick,
  platform: string,
): Source {
  const repository = new LayoutRepository(layout, ref);
  const id = `oci-layout:${layout.dir}:${ref}`;
  return new OciObject(id, repository, { reference: digest, pick, platform });
}

class LayoutRepository implements OciRepository {
  readonly label: string;
  readonly local = true;
  private readonly layout: OciLayout;

  constructor(layout: OciLayout, ref: string) {
    this.layout = layout;
    this.label = `${ref} in ${layout.dir}`;
  }

  async manifest(reference: string, signal: AbortSignal): Promise<Uint8Array> {
    const file = await this.open(reference);
    try {
      const { size } = await file.stat();
      if (size > MANIFEST_LIMIT) {
        const message = `${this.label}: the manifest has more than ${MANIFEST_LIMIT} octets`;
        throw new AgentError("E_STORE_BROKEN", message);
      }
      return await file.readFile({ signal });
    } catch (error) {
      throw this.explain(error, reference, signal);
    } finally {
      await file.close();
    }
  }

  hint(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async blob(blob: Descriptor, from: number, signal: AbortSignal): Promise<OciBlob> {
    const file = await this.open(blob.digest);
    return { from, octets: exactly(this.pieces(file, blob, from, signal), blob, from, this.label) };
  }

  private async *pieces(
    file: FileHandle,
    blob: Descriptor,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const stream: ReadStream = file.createReadStream({
      start: from,
      highWaterMark: PIECE_LEN,
      signal,
    });
    try {
      for await (const piece of stream) yield piece;
    } catch (error) {
      throw this.explain(error, blob.digest, signal);
    }
  }

  private async open(digest: string): Promise<FileHandle> {
    const file = path.join(this.layout.dir, "blobs", ...digest.split(":"));
    try {
      // No wait for the other end, should it be a pipe.
      return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
        const message = `${this.label}: blob ${digest} is not there`;
        throw new AgentError("E_STORE_MISSING", message, { cause });
      }
      throw this.explain(cause, digest);
    }
  }

  private explain(error: unknown, digest: string, signal?: AbortSignal): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof AgentError) return error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `${this.label}: blob ${digest} cannot be read: ${why}`;
    return new AgentError("E_STORE_BROKEN", message, { cause: error });
  }
}

function statOf(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false, bigint: true });
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function readIndex(file: string, stat: BigIntStats): readonly Descriptor[] {
  if (!stat.isFile() || stat.size > INDEX_LIMIT) {
    const message = `${file} is not a file of at most ${INDEX_LIMIT} octets`;
    throw new AgentError("E_STORE_BROKEN", message);
  }
  let octets: Uint8Array;
  try {
    octets = readFileSync(file);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  const manifest = parseManifest(octets, file);
  if (manifest.kind === "index") return manifest.manifests;
  throw new AgentError("E_STORE_BROKEN", `${file} is not the index of an image layout`);
}

function unreadable(file: string, cause: unknown): AgentError {
  const why = cause instanceof Error ? printableCut(cause.message, 200) : "";
  return new AgentError("E_STORE_BROKEN", `${file} cannot be read: ${why}`, { cause });
}
