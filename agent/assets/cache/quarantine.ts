import { open, readdir, rename, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { errorCode, syncFolder } from "../../state/folder.ts";

/** Files kept for inspection at once. */
const MOST_FILES = 8;
const DIGITS = 16;

/** A file that was put aside. */
export interface PutAside {
  readonly file: string;
  readonly size: number;
  readonly sinceMs: number;
}

/**
 * Octets that were refused or found damaged, kept for whoever wants to look at them: a few files, within a bound; the
 * oldest gives way. Beside each lies `NAME.why`, one line.
 */
export class Quarantine {
  private readonly dir: string;
  /** Most octets of all files together. */
  limit: number;

  constructor(dir: string, limit: number) {
    this.dir = dir;
    this.limit = limit;
  }

  /** Takes over a file. Returns its name there; undefined when it is larger than all that there is room for: then it stays where it is. */
  async take(
    file: string,
    digest: string,
    why: string,
    nowMs: number,
  ): Promise<string | undefined> {
    const { size } = await stat(file);
    if (size > this.limit) return undefined;
    const name = digest.slice(0, DIGITS);
    await this.shrink(this.limit - size, MOST_FILES - 1);
    await this.explain(name, `${new Date(nowMs).toISOString()} ${digest} ${oneLine(why)}\n`);
    await rename(file, path.join(this.dir, name));
    await syncFolder(this.dir);
    return name;
  }

  /** Oldest first. */
  async files(): Promise<PutAside[]> {
    const found: PutAside[] = [];
    for (const file of await readdir(this.dir)) {
      if (file.endsWith(".why")) continue;
      const info = await stat(path.join(this.dir, file)).catch(() => undefined);
      if (info?.isFile()) found.push({ file, size: info.size, sinceMs: info.ctimeMs });
    }
    return found.sort((a, b) => a.sinceMs - b.sinceMs);
  }

  async octets(): Promise<number> {
    return (await this.files()).reduce((sum, { size }) => sum + size, 0);
  }

  /** Removes the oldest until no more than so many octets and files are left. Octets freed. */
  async shrink(octets: number, files: number = MOST_FILES): Promise<number> {
    const all = await this.files();
    let left = all.reduce((sum, { size }) => sum + size, 0);
    let count = all.length;
    let freed = 0;
    for (const { file, size } of all) {
      if (left <= octets && count <= files) break;
      await this.remove(file);
      left -= size;
      freed += size;
      count--;
    }
    return freed;
  }

  async remove(name: string): Promise<void> {
    for (const file of [name, `${name}.why`]) {
      await unlink(path.join(this.dir, file)).catch((error: unknown) => {
        if (errorCode(error) !== "ENOENT") throw error;
      });
    }
  }

  private async explain(name: string, text: string): Promise<void> {
    try {
      const handle = await open(path.join(this.dir, `${name}.why`), "w");
      await handle.writeFile(text).finally(() => handle.close());
    } catch {
      // On a full disk the octets alone are kept.
    }
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 400);
}
