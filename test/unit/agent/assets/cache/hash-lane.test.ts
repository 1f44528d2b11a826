import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openDiskCache } from "../../../../../agent/assets/cache/disk-cache.ts";
import { type HashLane, openHashLane } from "../../../../../agent/assets/cache/hash-lane.ts";
import { hashFile, PIECE_LEN } from "../../../../../agent/assets/cache/pieces.ts";
import type { BlobRecord } from "../../../../../agent/assets/cache/records.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const LARGE = 64 * 1024 * 1024;
const OCTETS = randomBytes(20 * PIECE_LEN + 1_234);

const WRITTEN = Promise.resolve();

const lanes: HashLane[] = [];

afterEach(() => {
  for (const lane of lanes.splice(0)) lane.close();
});

function lane(size: number, thread: boolean): HashLane {
  const made = openHashLane(size, thread);
  lanes.push(made);
  return made;
}

async function digested(to: HashLane): Promise<BlobRecord> {
  let slot = 0;
  for (let at = 0; at < OCTETS.length; at += PIECE_LEN) {
    const octets = OCTETS.subarray(at, at + PIECE_LEN);
    const next = to.slots[slot++ % to.slots.length];
    if (!next) throw new Error("no slot");
    await next.busy;
    next.octets.set(octets);
    next.busy = to.take(next, octets.length, Promise.resolve());
  }
  return await to.finish();
}

async function expected(): Promise<BlobRecord> {
  const handle = await open(path.join(tempDir({ blob: OCTETS }), "blob"));
  try {
    return await hashFile(handle);
  } finally {
    await handle.close();
  }
}

describe("hash lane", () => {
  it("gives the same digests in a thread as here", async () => {
    const apart = lane(LARGE, true);
    const here = lane(LARGE, false);
    expect([apart.apart, here.apart]).toEqual([true, false]);
    const want = await expected();
    expect(await digested(apart)).toEqual(want);
    expect(await digested(here)).toEqual(want);
  });

  it.each([true, false])(
    "leaves a slot alone until it was written (thread: %s)",
    async (thread) => {
      const to = lane(LARGE, thread);
      const slot = to.slots[0];
      if (!slot) throw new Error("no slot");
      const octets = slot.octets.fill(7);
      let write: () => void = () => undefined;
      const written = new Promise<void>((resolve) => {
        write = resolve;
      });
      const taken = to.take(slot, octets.length, written);
      expect([to.size, octets.length, octets.at(-1)]).toEqual([PIECE_LEN, PIECE_LEN, 7]);
      write();
      await taken;
      expect(slot.octets.length).toBe(PIECE_LEN);
      const failed = to.take(slot, 1, Promise.reject(new Error("disk")));
      await expect(failed).rejects.toThrow("disk");
    },
  );

  it("starts no thread for a small blob", () => {
    expect(lane(PIECE_LEN, true).apart).toBe(false);
  });

  it("rejects what its thread did not get to, with a code", async () => {
    const apart = lane(LARGE, true);
    const slot = apart.slots[0];
    if (!slot) throw new Error("no slot");
    await apart.take(slot, slot.octets.length, WRITTEN);
    apart.close();
    await expect(apart.take(slot, 1, WRITTEN)).rejects.toMatchObject({ code: "E_CACHE" });
    await expect(apart.finish()).rejects.toMatchObject({ code: "E_CACHE" });
  });
});

describe("a blob that comes in through a thread", () => {
  it("is suspended, gone on with and kept as the one that was sent", async () => {
    const stateDir = tempDir();
    const cache = await openDiskCache({ stateDir, limit: 1e9, hashThread: true });
    const version = { size: LARGE, etag: '"1"' };
    const half = Math.floor(OCTETS.length / 2);
    const first = await cache.ingest("it");
    await first.restart(version);
    await first.write(OCTETS.subarray(0, half));
    await first.suspend();
    const second = await cache.ingest("it");
    expect(second.at).toBe(half);
    await second.write(OCTETS.subarray(half));
    const blob = await (await second.finish()).keep();
    expect(blob).toEqual(await expected());
    expect(await cache.check(blob.digest)).toMatchObject({ sound: true, size: OCTETS.length });
    await cache.close();
  });

  it("leaves no thread behind when it is discarded", async () => {
    const cache = await openDiskCache({ stateDir: tempDir(), limit: 1e9, hashThread: true });
    const ingest = await cache.ingest("it");
    await ingest.restart({ size: LARGE });
    await ingest.write(OCTETS);
    await ingest.discard();
    expect((await cache.ingest("it")).at).toBe(0);
    await cache.close();
  });
});
