import { createHash, randomBytes } from "node:crypto";
import { access, open, rename, unlink } from "node:fs/promises";
import path from "node:path";
import { errorCode, keepOwner, makeFolder, syncFolder } from "../../state/folder.ts";

/** OCI image specification 1.0, image layout. */
const LAYOUT = '{"imageLayoutVersion":"1.0.0"}';
/** The index of a layout that has nothing in it. */
const EMPTY_INDEX = '{"schemaVersion":2,"manifests":[]}';

/** What has no configuration: OCI image specification 1.1, "Guidance for an empty descriptor". */
export const EMPTY = "{}";
export const EMPTY_DIGEST: string = createHash("sha256").update(EMPTY).digest("hex");

/** The paths of a cache. */
export class Layout {
  readonly dir: string;
  readonly blobs: string;
  readonly ingest: string;
  readonly quarantine: string;
  readonly index: string;

  constructor(dir: string) {
    this.dir = dir;
    this.blobs = path.join(dir, "blobs", "sha256");
    this.ingest = path.join(dir, "ingest");
    this.quarantine = path.join(dir, "quarantine");
    this.index = path.join(dir, "index.json");
  }

  /** The file of a blob. `digest`: 64 hex digits, never from outside without a check. */
  blob(digest: string): string {
    return path.join(this.blobs, digest);
  }

  /** Makes what is not there yet. Throws E_CACHE when that cannot be. */
  async make(): Promise<void> {
    for (const dir of [this.blobs, this.ingest, this.quarantine]) makeFolder(dir, "E_CACHE");
    const made = await Promise.all([
      this.putIfMissing(path.join(this.dir, "oci-layout"), LAYOUT),
      this.putIfMissing(this.index, EMPTY_INDEX),
      this.putIfMissing(this.blob(EMPTY_DIGEST), EMPTY),
    ]);
    if (made.includes(true)) await syncFolder(this.dir);
  }

  private async putIfMissing(file: string, text: string): Promise<boolean> {
    if (await exists(file)) return false;
    await this.replace(file, text);
    return true;
  }

  /** Writes a whole file so that either the old or the new one is there, at any time. The folder is not synced yet. */
  async replace(file: string, octets: string | Uint8Array): Promise<void> {
    const draft = path.join(this.ingest, `draft-${process.pid}-${randomBytes(6).toString("hex")}`);
    try {
      const handle = await open(draft, "wx", 0o644);
      try {
        keepOwner(draft);
        await handle.writeFile(octets);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    } catch (error) {
      await unlink(draft).catch(() => undefined);
      throw error;
    }
  }
}

/** Whether there is such a file. */
export async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
