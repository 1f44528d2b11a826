import { readdirSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { sha256Of } from "../../../../../agent/assets/cache/manifest.ts";
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
});
