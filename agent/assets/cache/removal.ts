import { randomBytes } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { unlink } from "node:fs/promises";
import path from "node:path";
import { errorCode, syncFolder } from "../../state/folder.ts";
import type { Layout } from "./layout.ts";
import type { CacheTables } from "./tables.ts";

/** Files moved away in one transaction: other processes wait meanwhile. */
const AT_ONCE = 32;
/** Times that the index is written in a row when changes come meanwhile, before files are left for later. */
const SWEEPS = 5;

/**
 * Removes the files of `doomed` digests, once `index.json` does not list them: `writeIndex` brings it up to date.
 *
 * Each is moved out of the layout within a transaction that finds it still doomed: another process that brings the same
 * blob in at this moment takes the mark away first, and then its file is left alone. The mark stays until the move is
 * durable: a power cut would else give the name back to a file that nothing speaks of.
 *
 * Resolves to false when changes kept coming: some files stay for the next time.
 */
export async function removeDoomed(
  layout: Layout,
  tables: CacheTables,
  writeIndex: () => Promise<void>,
): Promise<boolean> {
  for (let n = 0; n < SWEEPS; n++) {
    await writeIndex();
    if (await removeUnlisted(layout, tables)) return true;
  }
  return false;
}

/** False: a change came after `index.json` was written, so that it may list some of them. */
async function removeUnlisted(layout: Layout, tables: CacheTables): Promise<boolean> {
  for (;;) {
    const some = [...tables.doomed.getKeys({ limit: AT_ONCE })];
    if (some.length === 0) return true;
    const moved = await tables.database.transaction(() => {
      const { wanted, written } = tables.totals();
      if (wanted !== written) return undefined;
      const away: string[] = [];
      for (const digest of some) {
        if (!tables.doomed.doesExist(digest)) continue;
        if (tables.blobs.doesExist(digest)) void tables.doomed.remove(digest);
        else away.push(...moveAway(layout, digest));
      }
      return away;
    });
    if (!moved) return false;
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
