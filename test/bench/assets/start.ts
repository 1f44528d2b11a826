import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDiskCache } from "../../../agent/assets/cache/disk-cache.ts";
import { PIECE_LEN } from "../../../agent/assets/cache/pieces.ts";
import { CacheTables } from "../../../agent/assets/cache/tables.ts";
import { openDatabase } from "../../../agent/state/database.ts";
import { below, median, type Outcome } from "../outcome.ts";
import { NET, type Rig } from "./rig.ts";

const ASSETS = 10_000;
const ROUNDS = 5;
const LIMIT = 1.5;

/**
 * From the start of the process to its line that it is ready: with 10 000 assets in the cache and with none, in turns. Once
 * with a site that names one of them, once with one that names all; there the store of the empty cache is gone, so that it has
 * as little to do as it can.
 */
export async function start(rig: Rig): Promise<Outcome> {
  const full = rig.fresh("state");
  const digests = await fill(full);
  const asset = (i: number): string => `{ url: "${NET.store}/a${i}", sha256: ${digests[i]} }`;
  const few = rig.site({ a0: asset(0) });
  const all = rig.site(Object.fromEntries(digests.map((_, i) => [`a${i}`, asset(i)])));
  const ready = async (site: string, state: string): Promise<number> => {
    const agent = rig.agent(site, state);
    await agent.ready();
    const ms = agent.readyMs - agent.startedMs;
    await agent.stop();
    return ms;
  };
  const compare = async (site: string): Promise<{ full: number; empty: number; ratio: number }> => {
    const ratios: number[] = [];
    const fulls: number[] = [];
    const empties: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const none = rig.fresh("state");
      const empty = await ready(site, none);
      rmSync(none, { recursive: true });
      const held = await ready(site, full);
      ratios.push(held / empty);
      fulls.push(held);
      empties.push(empty);
    }
    return { full: median(fulls), empty: median(empties), ratio: median(ratios) };
  };
  // The first start writes what is new to the cache, `index.json` above all; no later one does.
  await ready(few, full);
  const one = await compare(few);
  const named = await compare(all);
  rmSync(full, { recursive: true });
  return {
    name: "start",
    figures: {
      fullMs: one.full,
      emptyMs: one.empty,
      allNamedFullMs: named.full,
      allNamedEmptyMs: named.empty,
    },
    targets: [
      below("start with 10 000 assets cached, of a start with none", one.ratio, LIMIT),
      below("the same, with a site that names all of them", named.ratio, LIMIT),
    ],
  };
}

/** Makes a cache of small assets. Their digests. */
async function fill(stateDir: string): Promise<string[]> {
  await (await openDiskCache({ stateDir, limit: 1e12 })).close();
  const database = openDatabase({ dir: join(stateDir, "db") });
  const tables = new CacheTables(database, Date.now);
  const digests: string[] = [];
  await database.transaction(() => {
    for (let i = 0; i < ASSETS; i++) {
      const octets = Buffer.from(`asset ${i}\n`);
      const sha = createHash("sha256").update(octets).digest();
      const digest = sha.toString("hex");
      digests.push(digest);
      writeFileSync(join(stateDir, "cache/blobs/sha256", digest), octets);
      const size = octets.length;
      tables.putBlob({ digest, size, pieceLen: PIECE_LEN, pieces: sha }, "bench");
      const sourceId = `http ${NET.store}/a${i}`;
      const version = {
        ...{ digest, size, sourceDigest: digest, sourceId, treatment: "" },
        ...{ object: { size, etag: `"${i}"` }, fileName: `a${i}`, mtimeMs: 0 },
        fetchedMs: Date.now(),
      };
      const name = `a${i}`;
      void tables.assets.put(name, {
        ...{ name, versions: [version], current: digest, firstSourceDigest: digest },
        checkedMs: Date.now(),
      });
      tables.addRef(digest, name);
    }
    tables.outdateIndex();
  });
  await database.close();
  // What the cache makes of it by itself is written before anything is measured.
  const cache = await openDiskCache({ stateDir, limit: 1e12 });
  await cache.flush();
  await cache.close();
  return digests;
}
