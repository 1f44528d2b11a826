import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { sha256Of } from "../../../../../agent/assets/cache/manifest.ts";
import { eventually } from "../../../../support/eventually.ts";
import { newCache, noise, put } from "../../../../support/filled-cache.ts";

/** Turns of the event loop between the beginning of a write and the change, one after the other. */
const TURNS = 12;

describe("index.json", () => {
  it("leaves no manifest of a version that goes while it is written", async () => {
    const cache = await newCache();
    for (let turns = 0; turns < TURNS; turns++) {
      await put(cache, "a", noise(1_000 + turns));
      const written = cache.flush();
      for (let n = 0; n < turns; n++) await setImmediate();
      await cache.update("a", () => undefined);
      await written;
      await cache.collect();
      expect(readdirSync(path.join(cache.dir, "blobs", "sha256"))).toEqual([sha256Of("{}")]);
    }
  });

  it("never lists what was removed, whatever changes while files are removed", async () => {
    const cache = await newCache();
    const index = path.join(cache.dir, "index.json");
    for (let n = 0; n < TURNS; n++) {
      await put(cache, "a", noise(1_000, n));
      await cache.flush();
      await put(cache, "b", noise(2_000, n));
      const before = readFileSync(index, "utf8");
      let ended = false;
      const collected = cache.collect().finally(() => {
        ended = true;
      });
      await eventually(() => readFileSync(index, "utf8") !== before);
      // What was written just now lists the version that goes now.
      const changed = cache.update("a", () => undefined);
      while (!ended) {
        expectListed(cache.dir);
        await setImmediate();
      }
      await Promise.all([collected, changed]);
      expectListed(cache.dir);
    }
  });
});

/** Fails when `index.json` lists a manifest that is not there, unless it was written anew meanwhile. */
function expectListed(dir: string): void {
  const file = path.join(dir, "index.json");
  const text = readFileSync(file, "utf8");
  const missing = JSON.parse(text).manifests.filter(
    ({ digest }: { digest: string }) =>
      !existsSync(path.join(dir, "blobs", "sha256", digest.replace("sha256:", ""))),
  );
  if (readFileSync(file, "utf8") === text) expect(missing).toEqual([]);
}
