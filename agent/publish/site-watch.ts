import { type FSWatcher, statSync, watch } from "node:fs";
import type { Clock } from "../link/clock.ts";

/** Editors write, rename and remove within this time, ms. */
const CALM_MS = 200;

interface Watched {
  readonly watcher: FSWatcher;
  readonly inode: number | undefined;
}

/** Watches folders, and tells once it is calm again that something in them changed. */
export class SiteWatch {
  private readonly clock: Clock;
  private readonly changed: () => void;
  private readonly watched = new Map<string, Watched>();
  private cancel: () => void = () => {};

  constructor(clock: Clock, changed: () => void) {
    this.clock = clock;
    this.changed = changed;
  }

  /** Watches these folders and no others. One that cannot be watched is left out: it is tried again the next time. */
  follow(folders: readonly string[]): void {
    for (const [folder, { inode }] of this.watched) {
      // A folder that was made anew has the name of the one that is watched, and nothing else of it.
      if (!folders.includes(folder) || inodeOf(folder) !== inode) this.drop(folder);
    }
    for (const folder of folders) {
      if (this.watched.has(folder)) continue;
      try {
        const inode = inodeOf(folder);
        const watcher = watch(folder, () => this.later());
        watcher.on("error", () => this.drop(folder));
        this.watched.set(folder, { watcher, inode });
      } catch {
        // It is gone just now: the folder above it tells when it is back.
      }
    }
  }

  close(): void {
    this.cancel();
    for (const folder of [...this.watched.keys()]) this.drop(folder);
  }

  private later(): void {
    this.cancel();
    this.cancel = this.clock.after(CALM_MS, this.changed);
  }

  private drop(folder: string): void {
    this.watched.get(folder)?.watcher.close();
    this.watched.delete(folder);
  }
}

function inodeOf(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.ino;
}
