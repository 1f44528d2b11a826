import { lstat, mkdir, open, opendir, rename, statfs, unlink } from "node:fs/promises";
import path from "node:path";
import { errorCode, keepOwner, syncFolder } from "../../../state/folder.ts";
import type { ContentFile } from "./content-file.ts";
import { LAYER_CHUNK } from "./content-file.ts";
import type { FilePool } from "./file-pool.ts";
import type { LayerSource } from "./layer-content.ts";
import { hex8 } from "./records.ts";

/** The end of the name of a file that is not whole yet. */
const DRAFT = ".new";
const STAT_BLOCK = 512;

/** The content files of one layer: named by number, never by what a client calls them. */
export class LayerFiles implements LayerSource {
  readonly dir: string;
  private readonly pool: FilePool;
  private readonly grown: (octets: number) => void;
  private made: Promise<void> | undefined;

  /** `grown`: told by how many octets on the disk they grew together, or shrank. */
  constructor(dir: string, pool: FilePool, grown: (octets: number) => void) {
    this.dir = dir;
    this.pool = pool;
    this.grown = grown;
  }

  /** Rejects with what the system says. */
  use<T>(id: number, work: (file: ContentFile) => T | Promise<T>): Promise<T> {
    return this.pool.use(this.pathOf(id), this.grown, work);
  }

  /** The file if it is open. */
  peek(id: number): ContentFile | undefined {
    return this.pool.peek(this.pathOf(id));
  }

  version(id: number, chunk: number): string | undefined {
    const file = this.peek(id);
    return file && `${this.dir}/${id.toString(36)} ${file.version(chunk)}`;
  }

  read(id: number, chunk: number): Promise<Uint8Array> {
    return this.use(id, (file) => file.read(chunk * LAYER_CHUNK, LAYER_CHUNK));
  }

  /** A new file, which has its name when `fill` is done with it and it is durable. What fails leaves nothing behind. */
  async make(id: number, fill: (file: ContentFile) => Promise<void>): Promise<void> {
    await this.makeFolder();
    const draft = `${this.pathOf(id)}${DRAFT}`;
    const handle = await open(draft, "w", 0o600);
    try {
      await handle.close();
      await this.pool.use(draft, this.grown, async (file) => {
        await fill(file);
        await file.sync();
      });
      this.pool.forget(draft);
      await rename(draft, this.pathOf(id));
      await syncFolder(this.dir);
    } catch (error) {
      this.grown(-(this.pool.peek(draft)?.allocated ?? 0));
      this.pool.forget(draft);
      await unlink(draft).catch(() => undefined);
      throw error;
    }
  }

  /** Removes a file that no record tells of any more. What fails here is an orphan, which the next start removes. */
  async remove(id: number): Promise<void> {
    const file = this.pathOf(id);
    try {
      const { blocks } = await lstat(file);
      await unlink(file);
      const octets = this.pool.peek(file)?.allocated ?? blocks * STAT_BLOCK;
      this.pool.forget(file);
      this.grown(-octets);
    } catch {
      // see above
    }
  }

  /** Counts what is there, and removes files that no record tells of: a power cut leaves them behind. */
  async scan(isKnown: (id: number) => boolean): Promise<void> {
    const folder = await opendir(this.dir).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (!folder) return;
    for await (const { name } of folder) {
      const file = path.join(this.dir, name);
      const id = /^[0-9a-f]{8}$/.test(name) ? Number.parseInt(name, 16) : -1;
      if (id >= 0 && isKnown(id)) this.grown((await lstat(file)).blocks * STAT_BLOCK);
      else await unlink(file).catch(() => undefined);
    }
  }

  /** Octets that are free where the files lie. */
  async hostFree(): Promise<number> {
    await this.makeFolder();
    const { bavail, bsize } = await statfs(this.dir);
    return bavail * bsize;
  }

  close(): Promise<void> {
    return this.pool.close(`${this.dir}/`);
  }

  private makeFolder(): Promise<void> {
    this.made ??= makeDurable(this.dir).catch((error: unknown) => {
      this.made = undefined;
      throw error;
    });
    return this.made;
  }

  private pathOf(id: number): string {
    return `${this.dir}/${hex8(id)}`;
  }
}

/** Makes a folder and those above it, each durable within the one above. */
async function makeDurable(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === "EEXIST") return;
    if (errorCode(error) !== "ENOENT") throw error;
    await makeDurable(path.dirname(dir));
    return makeDurable(dir);
  }
  keepOwner(dir);
  await syncFolder(path.dirname(dir));
}
