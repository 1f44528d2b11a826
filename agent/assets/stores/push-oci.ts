import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import type { HttpBody } from "./http-exchange.ts";
import { ANNOTATION, type Descriptor, digestOf, MANIFEST_TYPES } from "./oci-manifest.ts";
import { ociReference } from "./oci-source.ts";
import { RegistryClient, type RegistryTarget } from "./registry-client.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** What our artifacts say that they are (OCI image-spec 1.1, manifest.md, `artifactType`). */
export const ARTIFACT_TYPE = "application/vnd.pilotlight.asset.v1";
/** The type of a layer of which nothing better is known. */
export const FILE_TYPE = "application/octet-stream";

/** The empty descriptor (OCI image-spec 1.1, manifest.md, "Guidance for an Empty Descriptor"): artifacts have no config. */
const EMPTY = new TextEncoder().encode("{}");
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";

/** A file that becomes a layer of an artifact. */
export interface PushFile {
  readonly path: string;
  /** The name by which the site picks it. No two of an artifact may have the same. */
  readonly title: string;
  readonly mediaType: string;
}

/** How far a push is. */
export interface PushProgress {
  readonly title: string;
  /** Octets. */
  readonly sent: number;
  readonly size: number;
  /** The registry had it already. */
  readonly present: boolean;
}

export interface PushRequest {
  /** `reference`: the tag to put it under. */
  readonly target: RegistryTarget & { readonly reference: string };
  readonly files: readonly PushFile[];
  /** Further tags for the same artifact ("v1.11" beside "v1.11.6"). */
  readonly alsoTags?: readonly string[];
  /** Of the manifest: `org.opencontainers.image.version` and the like. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly environment: StoreEnvironment;
  readonly signal: AbortSignal;
  /** Called for each piece that is sent. */
  readonly progress?: (progress: PushProgress) => void;
}

/** What was pushed. */
export interface Pushed {
  /** "sha256:…": pins the artifact. The same files, titles and annotations always give the same. */
  readonly digest: string;
  /** "registry.example.com/talos:v1.11.6". */
  readonly reference: string;
  /** SHA-256 in hex, for `sha256` in the site. */
  readonly files: readonly {
    readonly title: string;
    readonly sha256: string;
    readonly size: number;
  }[];
}

/**
 * Puts files into a registry as one artifact, a layer each, the way `oras push` does. Blobs that the registry has are not sent
 * again; the tag moves last, when everything is there.
 *
 * Rejects with E_USAGE (nothing to push, a title twice, a digest for a tag), E_ASSET_MISSING and E_ASSET_READ (a file),
 * E_ASSET_CHANGED (a file changed while it was sent), or as reading from the registry does.
 */
export async function pushArtifact(request: PushRequest): Promise<Pushed> {
  checkRequest(request);
  const { target, environment, signal } = request;
  const client = new RegistryClient(environment, target, "pull,push");
  const layers: Descriptor[] = [];
  for (const file of request.files) {
    const layer = await describe(file, signal);
    await pushBlob(client, layer, fileBody(file.path, layer), request, file.title);
    layers.push(layer);
  }
  const config = { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY), size: EMPTY.length };
  await pushBlob(client, config, EMPTY, request);
  const manifest = new TextEncoder().encode(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPES.image,
      artifactType: ARTIFACT_TYPE,
      config: { ...config, data: Buffer.from(EMPTY).toString("base64") },
      layers,
      ...(request.annotations === undefined ? {} : { annotations: request.annotations }),
    }),
  );
  for (const tag of [target.reference, ...(request.alsoTags ?? [])]) {
    const response = await client.request({
      method: "PUT",
      path: `manifests/${tag}`,
      headers: { "content-type": MANIFEST_TYPES.image },
      body: manifest,
      wanted: [201],
      signal,
    });
    response.discard();
  }
  return {
    digest: digestOf(manifest),
    reference: ociReference(target),
    files: request.files.map(({ title }, i) => ({
      title,
      sha256: layers[i]?.digest.replace("sha256:", "") ?? "",
      size: layers[i]?.size ?? 0,
    })),
  };
}

function checkRequest({ files, target, alsoTags = [] }: PushRequest): void {
  const titles = files.map(({ title }) => title);
  const twice = titles.find((title, i) => titles.indexOf(title) !== i);
  if (files.length === 0) throw new AgentError("E_USAGE", "there is no file to push");
  if (twice !== undefined) throw new AgentError("E_USAGE", `two files have the title "${twice}"`);
  // OCI distribution-spec 1.1, "Pulling manifests".
  const bad = [target.reference, ...alsoTags].find((tag) => !/^\w[\w.-]{0,127}$/.test(tag));
  if (bad !== undefined) {
    throw new AgentError("E_USAGE", `an artifact is put under a tag, and "${bad}" is none`);
  }
}

async function describe(file: PushFile, signal: AbortSignal): Promise<Descriptor> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    if (!(await stat(file.path)).isFile()) {
      throw new AgentError("E_ASSET_READ", `${file.path} is not a regular file`);
    }
    for await (const piece of createReadStream(file.path, { signal })) {
      hash.update(piece as Uint8Array);
      size += piece.length;
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AgentError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const code = missing ? "E_ASSET_MISSING" : "E_ASSET_READ";
    const why = missing ? "is not there" : `cannot be read: ${(cause as Error).message}`;
    throw new AgentError(code, `${file.path} ${why}`, {
      cause,
      cure: "Check the name, and that you may read the file.",
    });
  }
  return {
    mediaType: file.mediaType,
    digest: `sha256:${hash.digest("hex")}`,
    size,
    annotations: { [ANNOTATION.title]: file.title },
  };
}

function fileBody(path: string, { size }: Descriptor): Exclude<HttpBody, Uint8Array> {
  return {
    length: size,
    async *octets() {
      let sent = 0;
      for await (const piece of createReadStream(path)) {
        sent += piece.length;
        if (sent > size) break;
        yield piece as Uint8Array;
      }
      if (sent !== size)
        throw new AgentError("E_ASSET_CHANGED", `${path} changed while it was sent`);
    },
  };
}

/** Sends a blob in one piece (distribution-spec 1.1, "POST then PUT"). Without a title nobody is told of it. */
async function pushBlob(
  client: RegistryClient,
  blob: Descriptor,
  body: HttpBody,
  { signal, progress }: PushRequest,
  title?: string,
): Promise<void> {
  const tell = (sent: number, present = false): void => {
    if (title !== undefined) progress?.({ title, sent, size: blob.size, present });
  };
  const head = await client.request({
    method: "HEAD",
    path: `blobs/${blob.digest}`,
    wanted: [200, 404],
    signal,
  });
  head.discard();
  if (head.status === 200) {
    tell(blob.size, true);
    return;
  }
  const begun = await client.request({
    method: "POST",
    path: "blobs/uploads/",
    body: new Uint8Array(0),
    wanted: [202],
    signal,
  });
  begun.discard();
  const { location } = begun.headers;
  const put = await client.request({
    method: "PUT",
    path: uploadUrl(location, begun.url, blob.digest).href,
    headers: { "content-type": FILE_TYPE },
    body: body instanceof Uint8Array ? body : counted(body, tell),
    wanted: [201],
    signal,
  });
  put.discard();
}

function counted(
  body: Exclude<HttpBody, Uint8Array>,
  tell: (sent: number) => void,
): Exclude<HttpBody, Uint8Array> {
  return {
    length: body.length,
    async *octets() {
      let sent = 0;
      tell(sent);
      for await (const piece of body.octets()) {
        yield piece;
        sent += piece.length;
        tell(sent);
      }
    },
  };
}

function uploadUrl(location: string | undefined, base: URL, digest: string): URL {
  if (location === undefined || !URL.canParse(location, base.href)) {
    throw new AgentError("E_STORE_BROKEN", `${base.host} does not say where to upload to`);
  }
  const url = new URL(location, base);
  if (base.protocol === "https:" && url.protocol !== "https:") {
    throw new AgentError("E_STORE_BROKEN", `${base.host} wants an upload without TLS`, {
      cure: "Tell the registry its own address: behind a proxy it needs `http.host`, or `relativeurls: true`.",
    });
  }
  url.searchParams.set("digest", digest);
  return url;
}
