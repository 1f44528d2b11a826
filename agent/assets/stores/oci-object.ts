import { basename } from "node:path";
import { AgentError } from "../../errors.ts";
import type { OciPick } from "../../site/site.ts";
import { openLayerFile } from "./oci-layer-file.ts";
import { type Descriptor, digestOf, isDigest, parseManifest } from "./oci-manifest.ts";
import { layerTitle, pickKey, pickLayer, pickPlatform } from "./oci-pick.ts";
import type { OciRepository } from "./oci-store.ts";
import type { ObjectVersion, OpenObject, OpenRequest, Probe, Source } from "./source.ts";

/** An index may name an index; deeper than this, something goes round in circles. */
const NESTED = 4;
const HEX_AT = "sha256:".length;

/** Which part of what is meant. */
export interface OciObjectSpec {
  /** A tag, or the digest of a manifest or index. */
  readonly reference: string;
  readonly pick: OciPick;
  /** "linux/amd64". */
  readonly platform: string;
}

/** What a reference leads to at the moment. */
interface Resolved {
  /** Digest of what the reference names itself, be it an index or a manifest. */
  readonly top: string;
  /** Digest of the manifest of our platform. */
  readonly image: string;
  readonly layers: readonly Descriptor[];
}

/**
 * One file of an OCI artifact or image as a source, whatever the repository.
 *
 * Manifests are verified here; a blob that is picked as a whole is verified by whoever reads it (its digest is the version's
 * `sha256`); layers that are searched for a file are verified here. The version's `etag` is the digest of what the reference names,
 * a space, and the digest that decides about the octets: the layer's, or for a file inside layers the image's.
 */
export class OciObject implements Source {
  readonly id: string;
  readonly label: string;
  readonly local: boolean;
  private readonly repository: OciRepository;
  private readonly spec: OciObjectSpec;

  /** `id` of the repository with its reference; what is picked from it is added. */
  constructor(id: string, repository: OciRepository, spec: OciObjectSpec) {
    this.id = `${id}#${pickKey(spec.pick)},platform=${spec.platform}`;
    this.label = `${repository.label} (${pickKey(spec.pick)})`;
    this.local = repository.local;
    this.repository = repository;
    this.spec = spec;
  }

  async probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe> {
    signal.throwIfAborted();
    const before = parseEtag(known?.etag);
    if (before !== undefined && (await this.names(before.top, signal))) return { changed: false };
    const version = this.versionOf(await this.resolve(signal));
    const changed = before === undefined || parseEtag(version.etag)?.decisive !== before.decisive;
    return changed ? { changed, version } : { changed };
  }

  async open(request: OpenRequest): Promise<OpenObject> {
    const { signal } = request;
    signal.throwIfAborted();
    const { pick } = this.spec;
    const resolved = await this.resolve(signal);
    const version = this.versionOf(resolved);
    if (pick.by === "path") {
      const { layers } = resolved;
      const file = await openLayerFile(this.repository, layers, pick.path, request);
      return { from: 0, version: { ...version, size: file.size }, octets: file.octets };
    }
    const layer = pickLayer(resolved.layers, pick, this.repository.label);
    const same = parseEtag(request.version?.etag)?.decisive === layer.digest;
    const from = same && request.from <= layer.size ? request.from : 0;
    // Ranges cannot be empty: nothing is asked when nothing is missing.
    if (from === layer.size) return { from, version, octets: nothing() };
    const blob = await this.repository.blob(layer, from, signal);
    return { from: blob.from, version, octets: blob.octets };
  }

  /** Whether the reference still names this digest, as cheaply as can be found out. */
  private async names(digest: string, signal: AbortSignal): Promise<boolean> {
    const { reference } = this.spec;
    if (isDigest(reference)) return reference === digest;
    return (await this.repository.hint(reference, signal)) === digest;
  }

  private async resolve(signal: AbortSignal): Promise<Resolved> {
    const { reference, platform } = this.spec;
    let wanted = reference;
    let top: string | undefined;
    for (let depth = 0; depth < NESTED; depth++) {
      const octets = await this.repository.manifest(wanted, signal);
      const digest = digestOf(octets);
      const label = depth === 0 ? this.repository.label : `${this.repository.label} ${wanted}`;
      if (isDigest(wanted) && digest !== wanted) {
        throw new AgentError("E_STORE_BROKEN", `${label}: the manifest has the digest ${digest}`);
      }
      top ??= digest;
      const manifest = parseManifest(octets, label);
      if (manifest.kind === "image") return { top, image: digest, layers: manifest.layers };
      wanted = pickPlatform(manifest.manifests, platform, label).digest;
    }
    const message = `${this.repository.label}: indexes are nested more than ${NESTED} deep`;
    throw new AgentError("E_STORE_BROKEN", message);
  }

  private versionOf({ top, image, layers }: Resolved): ObjectVersion {
    const { pick } = this.spec;
    if (pick.by === "path") return { etag: `${top} ${image}`, fileName: basename(pick.path) };
    const layer = pickLayer(layers, pick, this.repository.label);
    const title = layerTitle(layer);
    return {
      size: layer.size,
      etag: `${top} ${layer.digest}`,
      sha256: layer.digest.slice(HEX_AT),
      ...(title === undefined ? {} : { fileName: basename(title) }),
    };
  }
}

function parseEtag(etag: string | undefined): { top: string; decisive: string } | undefined {
  const [top, decisive] = etag?.split(" ") ?? [];
  return top !== undefined && decisive !== undefined ? { top, decisive } : undefined;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
