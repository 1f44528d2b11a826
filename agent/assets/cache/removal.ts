import { randomBytes } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { unlink } from "node:fs/promises";
import path from "node:path";
import { errorCode, syncFolder } from "../../state/folder.ts";
import type { Layout } from "./layout.ts";
import type { CacheTables } from "./tables.ts";

/** Files moved away in one transaction: other processes wait meanwhile. */
const AT_ONCE = 32;

/**
 * Removes the files of `doomed` digests. `index.json` no longer lists them by now.
 *
 * Each is moved out of the layout within a transaction that finds it still doomed: another process that brings the same
 * blob in at this moment takes the mark away first, and then its file is left alone. The mark stays until the move is
 * durable: a power cut would else give the name back to a file that nothing speaks of.
 */
export async function removeDoomed(layout: Layout, tables: CacheTables): Promise<void> {
  for (;;) {
    const some = [...tables.doomed.getKeys({ limit: AT_ONCE })];
    if (some.length === 0) return;
    const moved = await tables.database.transaction(() => {
      const away: string[] = [];
      for (const digest of some) {
        if (!tables.doomed.doesExist(digest)) continue;
        if (tables.blobs.doesExist(digest)) void tables.doomed.remove(digest);
        else away.push(...moveAway(layout, digest));
      }
      return away;
    });
    if (moved.length > 0) await syncFolder(layout.blobs);
    await tables.database.transaction(() => {
      for (const digest of some) {
        if (!existsSync(layout.blob(digest))) void tables.doomed.remove(digest);
      }
    });
    for (const file of moved) await unlink(file).catch(() => undefined);
  }
}

/** Moves a file out of the layout at once; its octets are freed when the result is unlinked. */
export function moveAway(layout: Layout, digest: string): string[] {
  const away = path.join(layout.ingest, `gone-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    renameSync(layout.blob(digest), away);
    return [away];
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    // A folder, or whatever else has the name of a blob.
    rmSync(layout.blob(digest), { recursive: true, force: true });
    return [];
  }
}
