import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import {
  ANNOTATION,
  type Descriptor,
  digestOf,
  MANIFEST_TYPES,
  type Platform,
} from "../../agent/assets/stores/oci-manifest.ts";
import { exactly, type OciBlob, type OciRepository } from "../../agent/assets/stores/oci-store.ts";
import { AgentError } from "../../agent/errors.ts";

/** One entry of a tar archive: a file's octets or text, "-> target", "=> hard link", or null for a folder. */
export type TarEntry = readonly [name: string, content: string | Uint8Array | null];

/** A tar archive as a layer has it. */
export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of entries) {
    if (content === null) archive.entry({ name, type: "directory" });
    else if (typeof content === "string") archive.entry(...textEntry(name, content));
    else archive.entry({ name }, Buffer.from(content));
  }
  archive.finalize();
  const pieces: Uint8Array[] = [];
  for await (const piece of archive) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}

function textEntry(name: string, text: string): [Partial<Header> & { name: string }, string] {
  if (text.startsWith("-> ")) return [{ name, type: "symlink", linkname: text.slice(3) }, ""];
  if (text.startsWith("=> ")) return [{ name, type: "link", linkname: text.slice(3) }, ""];
  return [{ name }, text];
}

export async function tarGzOf(entries: readonly TarEntry[]): Promise<Buffer> {
  return gzipSync(await tarOf(entries));
}

/** Blobs and manifests in the making, by digest. */
export class BlobBox {
  readonly blobs = new Map<string, Uint8Array>();

  add(octets: Uint8Array, mediaType: string, title?: string): Descriptor {
    const digest = digestOf(octets);
    this.blobs.set(digest, octets);
    return {
      mediaType,
      digest,
      size: octets.length,
      ...(title === undefined ? {} : { annotations: { [ANNOTATION.title]: title } }),
    };
  }

  /** A layer that is an archive, as images have them. */
  async layer(entries: readonly TarEntry[]): Promise<Descriptor> {
    const octets = await tarGzOf(entries);
    return this.add(octets, "application/vnd.oci.image.layer.v1.tar+gzip");
  }

  image(layers: readonly Descriptor[], platform?: Platform, docker = false): Descriptor {
    const config = this.add(
      Buffer.from(JSON.stringify({ ...platform, rootfs: { type: "layers", diff_ids: [] } })),
      docker
        ? "application/vnd.docker.container.image.v1+json"
        : "application/vnd.oci.image.config.v1+json",
    );
    const mediaType = docker ? MANIFEST_TYPES.dockerImage : MANIFEST_TYPES.image;
    const made = this.json({ schemaVersion: 2, mediaType, config, layers }, mediaType);
    return platform === undefined ? made : { ...made, platform };
  }

  index(manifests: readonly Descriptor[], docker = false): Descriptor {
    const mediaType = docker ? MANIFEST_TYPES.dockerList : MANIFEST_TYPES.index;
    return this.json({ schemaVersion: 2, mediaType, manifests }, mediaType);
  }

  json(value: unknown, mediaType: string): Descriptor {
    return this.add(Buffer.from(JSON.stringify(value)), mediaType);
  }
}

/** A repository in memory. Counts what is read of it. */
export class MemoryRepository implements OciRepository {
  readonly label = "registry.example.com/image:tag";
  readonly local = false;
  readonly tags = new Map<string, string>();
  /** Digests of blobs that were opened, in order. */
  readonly opened: string[] = [];
  /** Digests of blobs whose octets were let go of or read to the end. */
  readonly closed: string[] = [];
  manifests = 0;
  pieceLen = 1_000;
  private readonly box: BlobBox;

  constructor(box: BlobBox) {
    this.box = box;
  }

  async manifest(reference: string): Promise<Uint8Array> {
    this.manifests++;
    return this.take(this.tags.get(reference) ?? reference);
  }

  async hint(reference: string): Promise<string | undefined> {
    return this.tags.get(reference);
  }

  async blob(blob: Descriptor, from: number): Promise<OciBlob> {
    const octets = this.take(blob.digest);
    this.opened.push(blob.digest);
    return { from, octets: exactly(this.pieces(octets, from, blob), blob, from, this.label) };
  }

  private async *pieces(
    octets: Uint8Array,
    from: number,
    { digest }: Descriptor,
  ): AsyncGenerator<Uint8Array> {
    try {
      for (let at = from; at < octets.length; at += this.pieceLen) {
        yield octets.subarray(at, Math.min(at + this.pieceLen, octets.length));
      }
    } finally {
      this.closed.push(digest);
    }
  }

  private take(digest: string): Uint8Array {
    const octets = this.box.blobs.get(digest);
    if (octets === undefined) throw new AgentError("E_STORE_MISSING", `there is no ${digest}`);
    return octets;
  }
}

/** All octets of a stream. */
export async function collected(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of octets) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}
