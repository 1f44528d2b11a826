import path from "node:path";
import { readDocument } from "./document.ts";
import { invalidSite, readSiteText } from "./load.ts";
import { resolveStores, type Stores } from "./resolve-stores.ts";
import { checkShape } from "./shape.ts";

/**
 * The stores that a site file declares, for what is put into them: the rest of the file only has to have the right form.
 *
 * Rejects with E_SITE_READ; E_SITE_INVALID, as `loadSite` does.
 */
export async function loadStores(file: string): Promise<Stores> {
  const { data, problems } = readDocument(await readSiteText(file), file);
  if (data !== undefined) {
    const raw = checkShape(data, problems);
    const stores = resolveStores(raw.stores ?? {}, {
      dir: path.dirname(path.resolve(file)),
      problems,
    });
    if (problems.count === 0) return stores;
  }
  throw invalidSite(file, problems.list());
}
