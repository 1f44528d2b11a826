import { rename, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { syncFolder } from "../../state/folder.ts";
import type { Layout } from "./layout.ts";
import type { CacheTables } from "./tables.ts";

/**
 * A crash came between a file's new name and its record: the file goes back to `ingest/`, to be hashed again and placed
 * for good by whoever asks for it next. `key`: its record among the ingests; `digest`: what it was to become.
 */
export async function recoverPlaced(
  layout: Layout,
  tables: CacheTables,
  key: string,
  digest: string,
): Promise<void> {
  const partial = path.join(layout.ingest, key);
  if (tables.blobs.doesExist(digest)) {
    await unlink(partial).catch(() => undefined);
    await tables.database.transaction(() => void tables.ingests.remove(key));
    return;
  }
  try {
    await stat(partial);
  } catch {
    await rename(layout.blob(digest), partial).catch(() => undefined);
    await syncFolder(layout.ingest);
  }
  await tables.database.transaction(() => {
    const record = tables.ingests.get(key);
    if (!record) return;
    const { digest: _, ...rest } = record;
    void tables.ingests.put(key, { ...rest, active: false });
  });
}
