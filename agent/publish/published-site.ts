import { createHash } from "node:crypto";
import path from "node:path";
import type { Bundle, Targets } from "../bundle/bundle.ts";
import type { PackedSite } from "../bundle/pack-site.ts";
import type { SigningKey } from "../identity/keys.ts";
import type { PublishedSerials } from "./published-serials.ts";

/** What publishing takes of the rest. */
export interface SitePublishing {
  readonly key: SigningKey;
  readonly serials: PublishedSerials;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly packSite: (file: string) => Promise<PackedSite>;
  readonly sealBundle: (bundle: Bundle, key: SigningKey) => Uint8Array;
}

/** A bundle as it is given away. */
export interface PublishedBundle {
  readonly site: string;
  readonly serial: number;
  readonly octets: Uint8Array;
  /** SHA-256 of the octets, hex. */
  readonly digest: string;
  readonly files: number;
}

/** A site file, and the bundle that it is now. */
export class PublishedSite {
  readonly file: string;
  private readonly targets: Targets;
  private readonly parts: SitePublishing;
  private content = "";
  private bundle: PublishedBundle | undefined;
  private dirs: readonly string[] = [];

  constructor(file: string, targets: Targets, parts: SitePublishing) {
    this.file = path.resolve(file);
    this.targets = targets;
    this.parts = parts;
  }

  /** Undefined before the first `refresh`. */
  get current(): PublishedBundle | undefined {
    return this.bundle;
  }

  /** Folders that its files are in. */
  get folders(): readonly string[] {
    return this.dirs;
  }

  /**
   * Reads all files again; whether that gave another bundle. Rejects as `packSite` does; then the one before is current still.
   */
  async refresh(): Promise<boolean> {
    const { key, serials, wallMs, packSite, sealBundle } = this.parts;
    const packed = await packSite(this.file);
    const root = path.dirname(this.file);
    this.dirs = [
      ...new Set([...packed.files.keys()].map((name) => path.dirname(path.join(root, name)))),
    ];
    const content = contentOf(packed);
    if (content === this.content) return false;
    const memory = JSON.stringify([this.file, this.targets, key.publicKey.fingerprint]);
    const last = serials.last(memory);
    const nowS = Math.floor(wallMs() / 1000);
    const as =
      last?.content === content
        ? last
        : { content, made: nowS, serial: Math.max(nowS, (last?.serial ?? 0) + 1) };
    const { serial, made } = as;
    const { site, main, files } = packed;
    const bundle: Bundle = { version: 1, site, serial, targets: this.targets, made, main, files };
    const octets = sealBundle(bundle, key);
    // A number that is forgotten could be given away twice, for two contents.
    if (as !== last) await serials.remember(memory, as);
    const digest = createHash("sha256").update(octets).digest("hex");
    this.bundle = { site, serial, octets, digest, files: files.size };
    this.content = content;
    return true;
  }
}

/** A digest of everything in it, whatever the order of the files. */
function contentOf({ site, main, files }: PackedSite): string {
  const digests = [...files]
    .map(([name, octets]) => [name, createHash("sha256").update(octets).digest("hex")])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([site, main, digests]))
    .digest("hex");
}
