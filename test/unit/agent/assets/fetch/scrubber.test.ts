import { describe, expect, it, onTestFinished } from "vitest";
import { Scrubber, type ScrubState } from "../../../../../agent/assets/fetch/scrubber.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { MemoryCache } from "../../../../support/memory-cache.ts";
import { randomOctets } from "../../../../support/prng.ts";

const DAY_MS = 86_400_000;

class Rig {
  readonly clock = new FakeClock();
  readonly cache = new MemoryCache();
  readonly digests: string[] = [];
  readonly read: string[] = [];
  readonly damaged: string[] = [];
  readonly bugs: unknown[] = [];
  writes = 0;
  state: ScrubState | undefined;
  booting = false;
  wallMs = 1_780_272_000_000;
  scrubber: Scrubber;

  constructor(blobs: number) {
    for (let i = 0; i < blobs; i++) this.digests.push(this.cache.put(randomOctets(i, 10)));
    this.digests.sort();
    const { cache } = this;
    const versions = this.digests.map((digest) => ({
      digest,
      size: 10,
      sourceDigest: digest,
      sourceId: "s",
      treatment: "",
      object: {},
      mtimeMs: 0,
      fetchedMs: 0,
    }));
    void cache.update("x", () => ({ name: "x", versions }));
    const check = cache.check.bind(cache);
    cache.check = (digest, pace) => {
      this.read.push(digest);
      return check(digest, pace);
    };
    this.scrubber = this.open();
    onTestFinished(() => this.scrubber.stop());
  }

  open(): Scrubber {
    const scrubber = new Scrubber({
      cache: this.cache,
      memory: {
        read: () => this.state,
        write: async (state) => {
          this.writes += 1;
          this.state = state;
        },
      },
      clock: this.clock,
      wallMs: () => this.wallMs + this.clock.now(),
      bootsRunning: () => this.booting,
      damaged: (digest) => this.damaged.push(digest),
      everyMs: 7 * DAY_MS,
      restMs: 20,
      crash: (bug) => this.bugs.push(bug),
    });
    scrubber.start();
    return scrubber;
  }

  async pass(ms: number, steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      await settle();
      this.clock.advance(ms / steps);
    }
    await settle();
    expect(this.bugs).toEqual([]);
  }
}

describe("Scrubber", () => {
  it("reads every blob once a round, and finds what is damaged", async () => {
    const rig = new Rig(5);
    rig.cache.rot(rig.digests[2] ?? "");
    await rig.pass(DAY_MS, 200);
    expect(rig.read).toEqual(rig.digests);
    expect(rig.damaged).toEqual([rig.digests[2]]);
    await rig.pass(5 * DAY_MS, 800);
    expect(rig.read).toHaveLength(5);
    await rig.pass(2 * DAY_MS, 400);
    expect(rig.read).toHaveLength(10);
  });

  it("goes on after a restart where it was, and writes its place seldom", async () => {
    const rig = new Rig(5);
    rig.state = { beganMs: rig.wallMs, at: rig.digests[1] ?? "" };
    await rig.pass(600_000, 1);
    await rig.pass(1_000, 100);
    expect(rig.read).toEqual(rig.digests.slice(2));
    expect(rig.writes).toBe(1);
    expect(rig.state?.at).toBeUndefined();
    await rig.scrubber.stop();
    rig.scrubber = rig.open();
    await rig.pass(DAY_MS, 200);
    expect(rig.read).toHaveLength(3);
  });

  it("writes its place every ten minutes", async () => {
    const rig = new Rig(5);
    await rig.pass(DAY_MS, 200);
    // A blob takes 432 seconds here, so every second one is written down, and the end.
    expect(rig.writes).toBe(3);
  });

  it("leaves the disk to machines that boot", async () => {
    const rig = new Rig(2);
    rig.booting = true;
    await rig.pass(DAY_MS, 200);
    expect(rig.read).toEqual([]);
    rig.booting = false;
    await rig.pass(60_000, 20);
    expect(rig.read).toHaveLength(2);
  });

  it("passes over what was evicted", async () => {
    const rig = new Rig(3);
    rig.cache.blobs.delete(rig.digests[1] ?? "");
    await rig.pass(DAY_MS, 200);
    expect(rig.read).toEqual([rig.digests[0], rig.digests[2]]);
  });

  it("begins anew when the clock went back before the last round", async () => {
    const rig = new Rig(1);
    rig.state = { beganMs: rig.wallMs + 100 * DAY_MS };
    await rig.pass(DAY_MS, 200);
    expect(rig.read).toHaveLength(1);
  });

  it("stops in the middle of a blob, and leaves no timer behind", async () => {
    const rig = new Rig(1);
    await rig.pass(600_000, 1);
    expect(rig.read).toHaveLength(1);
    await rig.scrubber.stop();
    expect(rig.clock.pending).toBe(0);
    expect(rig.bugs).toEqual([]);
  });

  it("lets bugs surface", async () => {
    const rig = new Rig(1);
    const bug = new TypeError("a bug");
    rig.cache.check = () => Promise.reject(bug);
    await settle();
    rig.clock.advance(600_000);
    await settle();
    expect(rig.bugs).toEqual([bug]);
  });
});
