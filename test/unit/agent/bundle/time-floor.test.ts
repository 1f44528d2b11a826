import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openTimeFloor, type TimeFloor } from "../../../../agent/bundle/time-floor.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const MADE = Date.UTC(2026, 10, 1);
const DAY = 86_400_000;

class Host {
  wallMs = MADE;
  doubt: string | undefined;
  readonly file: string;

  constructor(kept?: string) {
    this.file = path.join(tempDir(kept === undefined ? {} : { "time-floor": kept }), "time-floor");
  }

  start(): Promise<TimeFloor> {
    const { file } = this;
    return openTimeFloor({
      file,
      wallMs: () => this.wallMs,
      madeMs: MADE,
      doubt: () => this.doubt,
    });
  }
}

describe("TimeFloor", () => {
  it("begins when the software was made, and goes with the clock", async () => {
    const host = new Host();
    const floor = await host.start();
    expect(floor.look()).toEqual({ wallMs: MADE, plausible: true, floorMs: MADE });
    host.wallMs = MADE + DAY;
    expect(floor.look().floorMs).toBe(MADE);
    expect(await floor.observe()).toEqual({
      wallMs: host.wallMs,
      plausible: true,
      floorMs: host.wallMs,
    });
  });

  it("outlives a restart into 1970, to the day", async () => {
    const host = new Host();
    const floor = await host.start();
    for (let hours = 1; hours <= 100; hours++) {
      host.wallMs = MADE + (hours * DAY) / 24;
      await floor.observe();
    }
    host.wallMs = 0;
    const { plausible, floorMs } = (await host.start()).look();
    expect(plausible).toBe(false);
    expect(MADE + (100 * DAY) / 24 - floorMs).toBeLessThan(DAY);
    expect((await (await host.start()).observe()).floorMs).toBe(floorMs);
  });

  it("is written once a day", async () => {
    const host = new Host();
    const floor = await host.start();
    const written = new Set<number>();
    for (let hours = 0; hours <= 72; hours++) {
      host.wallMs = MADE + (hours * DAY) / 24;
      await floor.observe();
      const inode = statSync(host.file, { throwIfNoEntry: false })?.ino;
      if (inode !== undefined) written.add(inode * 1e6 + statSync(host.file).mtimeMs);
    }
    expect(written.size).toBeLessThanOrEqual(3);
    expect(written.size).toBeGreaterThan(0);
    expect(readFileSync(host.file, "utf8")).toBe(`${new Date(MADE + 3 * DAY).toISOString()}\n`);
  });

  it("does not follow a clock that cannot be right", async () => {
    const host = new Host();
    const floor = await host.start();
    for (const wallMs of [0, MADE - 1, Date.UTC(2999, 0), Number.NaN, Number.POSITIVE_INFINITY]) {
      host.wallMs = wallMs;
      expect(await floor.observe()).toMatchObject({ plausible: false, floorMs: MADE });
    }
    host.wallMs = MADE + 5 * DAY;
    host.doubt = "a server said otherwise";
    expect(await floor.observe()).toMatchObject({ plausible: false, floorMs: MADE });
    expect(statSync(host.file, { throwIfNoEntry: false })).toBeUndefined();
    host.doubt = undefined;
    expect(await floor.observe()).toMatchObject({ plausible: true, floorMs: host.wallMs });
    host.wallMs -= 1;
    expect(floor.look().plausible).toBe(false);
  });

  it.each(["", "rubbish", "\0\0\0", "2999-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"])(
    "begins anew with %j",
    async (kept) => {
      const host = new Host(kept);
      expect((await host.start()).look()).toMatchObject({ plausible: true, floorMs: MADE });
    },
  );

  it("says where it cannot be kept", async () => {
    const host = new Host();
    writeFileSync(host.file, "");
    const below = path.join(host.file, "below");
    const error = await rejection("E_STATE", openTimeFloor({ file: below, wallMs: () => MADE }));
    expect(error.message).toContain(below);
  });
});
