import { type FSWatcher, type WatchListener, watch } from "node:fs";
import { stat } from "node:fs/promises";
import type { LocalSource } from "./local-source.ts";

/** How long a file must be left alone before a change counts, and how long changes are gathered at most, milliseconds. */
const QUIET_MS = 500;
const MAX_GATHER_MS = 30_000;
const POLL_MS = 30_000;

/** The part of `fs.watch` that is used. Throws where a folder cannot be watched. */
export type WatchFolder = (
  folder: string,
  options: { readonly persistent: false },
  listener: WatchListener<string>,
) => FSWatcher;

export interface WatchOptions {
  readonly quietMs?: number;
  readonly pollMs?: number;
  readonly watch?: WatchFolder;
}

/** Watching that goes on until `close`; it does not keep the process alive. */
export interface Watching {
  /** Resolves when the state to compare with is known and every folder that can be is watched. */
  readonly ready: Promise<void>;
  close(): void;
}

/**
 * Calls `changed` with the id of a source whose file may be another one now.
 *
 * The kernel tells of changes in the folder. Each half minute it is looked whether that folder is still the same one (a disk
 * may have been mounted over it), and files are compared that the kernel says nothing of: those of network file systems, of
 * folders that cannot be watched, and behind links.
 */
export function watchSources(
  sources: readonly LocalSource[],
  changed: (id: string) => void,
  options: WatchOptions = {},
): Watching {
  const gather = new Gather(options.quietMs ?? QUIET_MS);
  const folders = new Map<string, Folder>();
  for (const source of sources) {
    const known = folders.get(source.directory);
    if (known !== undefined) known.sources.push(source);
    else {
      folders.set(
        source.directory,
        new Folder(source, { gather, changed, watchFolder: options.watch ?? watchHere }),
      );
    }
  }
  const all = [...folders.values()];
  const poll = async (): Promise<void> => {
    for (const folder of all) await folder.poll();
  };
  let busy = true;
  const ready = poll().finally(() => {
    busy = false;
  });
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void poll().finally(() => {
      busy = false;
    });
  }, options.pollMs ?? POLL_MS).unref();
  return {
    ready,
    close() {
      clearInterval(timer);
      gather.close();
      for (const folder of all) folder.close();
    },
  };
}

const watchHere: WatchFolder = (folder, options, listener) => watch(folder, options, listener);

interface FolderMeans {
  readonly gather: Gather;
  readonly changed: (id: string) => void;
  readonly watchFolder: WatchFolder;
}

/** One folder, with the sources in it. */
class Folder {
  readonly sources: LocalSource[];
  private readonly path: string;
  private readonly gather: Gather;
  private readonly watchFolder: WatchFolder;
  private watcher: FSWatcher | undefined;
  private readonly changed: (id: string) => void;
  /** Device and inode of what is watched. */
  private identity: string | undefined;
  /** What the files were like when they were last compared, by source. */
  private readonly seen = new Map<string, string>();
  private closed = false;

  constructor(source: LocalSource, means: FolderMeans) {
    this.sources = [source];
    this.path = source.directory;
    this.gather = means.gather;
    this.changed = means.changed;
    this.watchFolder = means.watchFolder;
  }

  async poll(): Promise<void> {
    const stats = await stat(this.path).catch(() => undefined);
    const identity = stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
    if (this.closed) return;
    if (identity !== this.identity || this.watcher === undefined) this.rewatch(identity);
    // Compared even where the kernel is to tell: of links and of other hosts' writes it does not.
    for (const source of this.sources) await this.compare(source);
  }

  close(): void {
    this.closed = true;
    this.watcher?.close();
    this.watcher = undefined;
  }

  private rewatch(identity: string | undefined): void {
    this.watcher?.close();
    this.watcher = undefined;
    this.identity = identity;
    if (identity === undefined) return;
    try {
      const watcher = this.watchFolder(this.path, { persistent: false }, (_, name) => {
        for (const source of this.sources) {
          if (name === null || source.concerns(name)) this.tell(source);
        }
      });
      watcher.on("error", () => {
        watcher.close();
        if (this.watcher === watcher) this.watcher = undefined;
      });
      this.watcher = watcher;
    } catch {
      // no inotify, or no watches left: the comparison must do
    }
  }

  private async compare(source: LocalSource): Promise<void> {
    const now = await fingerprint(source);
    if (this.closed) return;
    const before = this.seen.get(source.id);
    this.seen.set(source.id, now);
    if (before !== undefined && before !== now) this.tell(source);
  }

  private tell(source: LocalSource): void {
    this.gather.add(source.id, async () => {
      // What is told of now is not found again by the next comparison.
      this.seen.set(source.id, await fingerprint(source));
      if (!this.closed) this.changed(source.id);
    });
  }
}

async function fingerprint(source: LocalSource): Promise<string> {
  try {
    const probe = await source.probe(undefined, NEVER);
    return probe.changed ? (probe.version.etag ?? "") : "";
  } catch {
    return "none";
  }
}

const NEVER: AbortSignal = new AbortController().signal;

/** Makes one call of many changes that come together. */
class Gather {
  private readonly quietMs: number;
  private readonly pending = new Map<string, { timer: NodeJS.Timeout; sinceMs: number }>();

  constructor(quietMs: number) {
    this.quietMs = quietMs;
  }

  /** `settled`: what is called once all is quiet; it does not reject. */
  add(id: string, settled: () => Promise<void>): void {
    const before = this.pending.get(id);
    const sinceMs = before?.sinceMs ?? performance.now();
    // A file that never rests is told of all the same.
    if (before !== undefined && performance.now() - sinceMs > MAX_GATHER_MS) return;
    clearTimeout(before?.timer);
    const timer = setTimeout(() => {
      this.pending.delete(id);
      void settled();
    }, this.quietMs).unref();
    this.pending.set(id, { timer, sinceMs });
  }

  close(): void {
    for (const { timer } of this.pending.values()) clearTimeout(timer);
    this.pending.clear();
  }
}
