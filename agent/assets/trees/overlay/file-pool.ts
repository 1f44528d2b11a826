import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ContentFile } from "./content-file.ts";

/** Files that stay open for the next request. */
const MAX_OPEN = 128;

interface Open {
  readonly file: Promise<ContentFile>;
  users: number;
  /** Once it is open. */
  ready: ContentFile | undefined;
}

/** The files of all layers that are open, one descriptor each. Those that were used last stay open. */
export class FilePool {
  private readonly files = new Map<string, Open>();
  private readonly limit: number;

  constructor(limit: number = MAX_OPEN) {
    this.limit = limit;
  }

  /** Opens the file where it is not, and keeps it open as long as `work` needs it. Rejects with what the system says. */
  async use<T>(
    path: string,
    grown: (octets: number) => void,
    work: (file: ContentFile) => T | Promise<T>,
  ): Promise<T> {
    const entry = this.files.get(path) ?? this.open(path, grown);
    this.files.delete(path);
    this.files.set(path, entry);
    entry.users += 1;
    try {
      return await work(await entry.file);
    } finally {
      entry.users -= 1;
      if (entry.users === 0 && this.files.get(path) !== entry) close(entry);
      this.trim();
    }
  }

  /** The file if it is open. */
  peek(path: string): ContentFile | undefined {
    return this.files.get(path)?.ready;
  }

  /** The file is no more, or another one: closes it when nobody uses it. */
  forget(path: string): void {
    const entry = this.files.get(path);
    this.files.delete(path);
    entry?.ready?.retire();
    if (entry?.users === 0) close(entry);
  }

  /** Closes what lies in a folder, or everything. */
  async close(folder = ""): Promise<void> {
    for (const [path, entry] of [...this.files]) {
      if (!path.startsWith(folder)) continue;
      this.files.delete(path);
      if (entry.users === 0) await entry.file.then((file) => file.close()).catch(() => undefined);
    }
  }

  private open(path: string, grown: (octets: number) => void): Open {
    const entry: Open = { file: openFile(path, grown), users: 0, ready: undefined };
    entry.file.then(
      (file) => {
        entry.ready = file;
      },
      () => {
        if (this.files.get(path) === entry) this.files.delete(path);
      },
    );
    return entry;
  }

  private trim(): void {
    for (const [path, entry] of this.files) {
      if (this.files.size <= this.limit) return;
      if (entry.users > 0) continue;
      this.files.delete(path);
      close(entry);
    }
  }
}

async function openFile(path: string, grown: (octets: number) => void): Promise<ContentFile> {
  const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    return new ContentFile(handle, await handle.stat(), grown);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function close(entry: Open): void {
  entry.file.then((file) => file.close()).catch(() => undefined);
}
