import type { CacheTables } from "./tables.ts";

/** Uses are written at most this often, ms: each write wears the card, and a crash costs only their order. */
const EVERY_MS = 60_000;

/** Remembers which blobs were read, and writes it now and then; nothing while nothing is read. */
export class UseLog {
  private readonly tables: CacheTables;
  /** When each was used last, as a tick. One a blob of the cache at most. */
  private readonly used = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(tables: CacheTables) {
    this.tables = tables;
  }

  touch(digest: string): void {
    this.used.set(digest, this.tables.tick());
    if (this.timer) return;
    // What cannot be written now is written with the next ones, or when the cache is closed.
    this.timer = setTimeout(() => void this.flush().catch(() => undefined), EVERY_MS);
    this.timer.unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.used.size === 0) return;
    const { tables } = this;
    const batch = [...this.used];
    this.used.clear();
    await tables.database.transaction(() => {
      for (const [digest, usedAt] of batch) {
        const use = tables.uses.get(digest);
        if (use && use.usedAt < usedAt) void tables.uses.put(digest, { ...use, usedAt });
      }
      tables.change({});
    });
  }

  async close(): Promise<void> {
    await this.flush();
  }
}
