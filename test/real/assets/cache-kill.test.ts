import path from "node:path";
import { describe, expect, it } from "vitest";
import { type DiskCache, openDiskCache } from "../../../agent/assets/cache/disk-cache.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { expectIndexResolves, expectWhole } from "../../support/whole-cache.ts";
import { type Kill, killedWorker } from "../support/killed-worker.ts";

const KILLS = 500;
/** Caches that are worked on at the same time. */
const LANES = 3;
const LIMIT = 7_000_000;
const WORKER = path.resolve("test/real/assets/cache-worker.mjs");
/** After it opened the cache; some while they do. */
const KILL: Kill = { lifeMs: 250, early: 8, earlyMs: 150 };

/** What a worker was told is durable. */
interface Promised {
  /** By asset: digest of the version that it made the current one. */
  readonly current: Map<string, string>;
  /** The change that was under way. */
  readonly pending?: { readonly name: string; readonly digest: string };
}

describe("a cache whose process is killed", () => {
  it(`is whole after each of ${KILLS} kills`, { timeout: 600_000 }, async () => {
    const lanes = Array.from({ length: LANES }, (_, lane) => {
      const kills = Math.ceil((KILLS - lane) / LANES);
      return killing(tempDir(), kills);
    });
    const seen = await Promise.all(lanes);
    const sum = (f: (s: Seen) => number): number => seen.reduce((n, s) => n + f(s), 0);
    expect(sum((s) => s.kills)).toBe(KILLS);
    // Otherwise the workers were killed before they did anything.
    expect(sum((s) => s.updates)).toBeGreaterThan(KILLS);
    expect(sum((s) => s.resumable)).toBeGreaterThan(0);
  });
});

interface Seen {
  kills: number;
  updates: number;
  resumable: number;
}

async function killing(stateDir: string, kills: number): Promise<Seen> {
  const seen: Seen = { kills: 0, updates: 0, resumable: 0 };
  let current = new Map<string, string>();
  for (; seen.kills < kills; seen.kills++) {
    const said = await killedWorker([WORKER, stateDir, String(LIMIT)], KILL);
    const promised = readPromises(said, current);
    seen.updates += said.filter((line) => line.startsWith("updated ")).length;
    expectIndexResolves(path.join(stateDir, "cache"));
    const cache = await openDiskCache({ stateDir, limit: LIMIT });
    try {
      await expectWhole(cache);
      current = keepsPromises(cache, promised);
      seen.resumable += (await cache.usage()).partial > 0 ? 1 : 0;
    } finally {
      await cache.close();
    }
    expectIndexResolves(path.join(stateDir, "cache"));
  }
  return seen;
}

function readPromises(lines: readonly string[], before: ReadonlyMap<string, string>): Promised {
  const current = new Map(before);
  let pending: { name: string; digest: string } | undefined;
  for (const line of lines) {
    const [what, name = "", digest = ""] = line.split(" ");
    if (what === "updating") pending = { name, digest };
    if (what !== "updated") continue;
    current.set(name, digest);
    pending = undefined;
  }
  return { current, ...(pending ? { pending } : {}) };
}

/** Returns what is the current version of each asset now. */
function keepsPromises(cache: DiskCache, { current, pending }: Promised): Map<string, string> {
  const now = new Map<string, string>();
  for (const asset of cache.assets()) if (asset.current) now.set(asset.name, asset.current);
  for (const [name, digest] of current) {
    const allowed = pending?.name === name ? [digest, pending.digest] : [digest];
    expect(allowed).toContain(now.get(name));
  }
  return now;
}
