import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import type { SourceSpec } from "../../site/site.ts";
import type { HttpResponse } from "./http-exchange.ts";
import { type Descriptor, isDigest, MANIFEST_LIMIT, MANIFEST_TYPES } from "./oci-manifest.ts";
import { OciObject } from "./oci-object.ts";
import { exactly, type OciBlob, type OciRepository } from "./oci-store.ts";
import { RegistryClient } from "./registry-client.ts";
import type { Source } from "./source.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** A source in a registry. */
export type OciSourceSpec = Extract<SourceSpec, { kind: "oci" }>;

const ACCEPT = Object.values(MANIFEST_TYPES).join(", ");

/** An artifact or image in a registry as a source. */
export function ociSource(spec: OciSourceSpec, env: StoreEnvironment): Source {
  return new OciObject(`oci:${ociReference(spec)}`, new RegistryRepository(spec, env), spec);
}

/** A reference as people write it: "registry.example.com/talos:v1.11.6", or with "@sha256:…". */
export function ociReference(
  spec: Pick<OciSourceSpec, "registry" | "repository" | "reference">,
): string {
  const separator = spec.reference.includes(":") ? "@" : ":";
  return `${spec.registry}/${spec.repository}${separator}${spec.reference}`;
}

class RegistryRepository implements OciRepository {
  readonly label: string;
  readonly local = false;
  private readonly client: RegistryClient;

  constructor(spec: OciSourceSpec, env: StoreEnvironment) {
    this.label = ociReference(spec);
    this.client = new RegistryClient(env, spec, "pull");
  }

  async manifest(reference: string, signal: AbortSignal): Promise<Uint8Array> {
    const path = `manifests/${reference}`;
    const headers = { accept: ACCEPT };
    const response = await this.client.request({
      method: "GET",
      path,
      headers,
      wanted: [200],
      signal,
    });
    const pieces: Uint8Array[] = [];
    let len = 0;
    for await (const piece of response.octets) {
      len += piece.length;
      if (len > MANIFEST_LIMIT) {
        const message = `${this.label}: the manifest has more than ${MANIFEST_LIMIT} octets`;
        throw new AgentError("E_STORE_BROKEN", message);
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  async hint(reference: string, signal: AbortSignal): Promise<string | undefined> {
    const path = `manifests/${reference}`;
    const headers = { accept: ACCEPT };
    const wanted = [200, 405, 501];
    const response = await this.client.request({ method: "HEAD", path, headers, wanted, signal });
    response.discard();
    const digest = response.headers["docker-content-digest"];
    return digest !== undefined && isDigest(digest) ? digest : undefined;
  }

  async blob(blob: Descriptor, from: number, signal: AbortSignal): Promise<OciBlob> {
    const path = `blobs/${blob.digest}`;
    const response = await this.client.request({
      method: "GET",
      path,
      ...(from > 0 ? { headers: { range: `bytes=${from}-` } } : {}),
      wanted: from > 0 ? [200, 206, 416] : [200],
      signal,
    });
    if (response.status === 416) {
      response.discard();
      return this.blob(blob, 0, signal);
    }
    const at = response.status === 206 ? from : 0;
    const wrong = response.status === 206 ? wrongRange(response, from, blob.size) : undefined;
    const announced = response.length;
    const why =
      wrong ??
      (announced !== undefined && announced !== blob.size - at
        ? `it announces ${announced} octets where ${blob.size - at} are left`
        : undefined);
    if (why !== undefined) {
      response.discard();
      throw new AgentError("E_STORE_BROKEN", `${this.label}: blob ${blob.digest}: ${why}`);
    }
    return { from: at, octets: exactly(response.octets, blob, at, this.label) };
  }
}

function wrongRange(response: HttpResponse, from: number, size: number): string | undefined {
  const range = response.headers["content-range"] ?? "";
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(first) === from && (total === "*" || Number(total) === size)) return undefined;
  return `it was asked for octets ${from} to ${size - 1} and answers with the range "${printableCut(range, 100)}"`;
}
