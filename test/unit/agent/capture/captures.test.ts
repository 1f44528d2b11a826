import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { CaptureReader } from "../../../../agent/capture/capture-reader.ts";
import { Captures } from "../../../../agent/capture/captures.ts";
import { PcapFileWriter } from "../../../../agent/capture/pcap-file-writer.ts";
import { AgentError } from "../../../../agent/errors.ts";
import type { FrameLane } from "../../../../agent/link/frame-lane.ts";
import { Journal } from "../../../../agent/log/journal.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { pattern } from "../../../support/test-site.ts";

/** 2026-01-02 03:04:05.000000007 UTC. */
const START_NS = 1_767_323_045_000_000_007n;
const KIB = 1024;

/** A lane that a test puts frames on. */
class FakeLane implements FrameLane {
  readonly rx: Octets = Octets.alloc(65_535);
  readonly tx: Octets = Octets.alloc(60);
  closed = false;
  private handler: (len: number) => void = () => {};
  readonly filter: string;

  constructor(filter: string) {
    this.filter = filter;
  }

  onFrame(handler: (len: number) => void): void {
    this.handler = handler;
  }

  frame(octets: Uint8Array): void {
    if (this.closed) return;
    this.rx.u8.set(octets);
    this.handler(octets.length);
    this.rx.u8.fill(0xa5);
  }

  send(): void {}

  close(): void {
    this.closed = true;
  }
}

async function setUp(files: Readonly<Record<string, string>> = {}) {
  const stateDir = tempDir(files);
  const clock = new FakeClock();
  const journal = new Journal(100, () => 0);
  const lanes: FakeLane[] = [];
  const captures = await Captures.create({
    stateDir,
    openLane: async (_, filter) => {
      if (filter.includes("wrong")) throw new AgentError("E_USAGE", "syntax error");
      const lane = new FakeLane(filter);
      lanes.push(lane);
      return lane;
    },
    clock,
    wallNs: () => START_NS,
    journal,
  });
  const start = (more: object = {}) =>
    captures.start({ interfaceName: "eth1", filter: "", by: "eva", ...more });
  const octets = async (id: string): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of captures.read(id, new AbortController().signal)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  return { stateDir, clock, journal, lanes, captures, start, octets };
}

/** The frames of a pcap file as "time length". Throws when it is not whole. */
function framesOf(file: Uint8Array): string[] {
  const reader = new CaptureReader();
  const frames: string[] = [];
  reader.feed(file);
  reader.end();
  for (let f = reader.next(); f; f = reader.next()) frames.push(`${f.timeText()} ${f.len}`);
  return frames;
}

describe("Captures", () => {
  it("writes frames as they came, with nanoseconds, and gives the file while it grows", async () => {
    const { clock, lanes, captures, start, octets } = await setUp();
    const { id } = await start({ filter: "udp" });
    expect(lanes[0]?.filter).toBe("udp");
    lanes[0]?.frame(pattern(60));
    clock.advance(1.5);
    lanes[0]?.frame(pattern(9_000));
    expect(framesOf(await octets(id))).toEqual([
      "2026-01-02T03:04:05.000000007Z 60",
      "2026-01-02T03:04:05.001500007Z 9000",
    ]);
    lanes[0]?.frame(pattern(100));
    expect(await captures.stop(id)).toEqual({
      id,
      interface: "eth1",
      filter: "udp",
      startedAt: "2026-01-02T03:04:05.000Z",
      running: false,
      packets: 3,
      octets: 24 + 3 * 16 + 9_160,
      full: false,
    });
    expect(lanes[0]?.closed).toBe(true);
    expect((await octets(id)).length).toBe(24 + 3 * 16 + 9_160);
    expect([...(await octets(id))].slice(40, 100)).toEqual([...pattern(60)]);
    expect(clock.pending).toBe(0);
  });

  it("ends at its size with a whole file", async () => {
    const { lanes, captures, start, octets, journal } = await setUp();
    const { id } = await start({ maxOctets: 64 * KIB });
    for (let i = 0; i < 100; i++) lanes[0]?.frame(pattern(1_000));
    const [status] = captures.list();
    expect(status).toMatchObject({ running: false, full: true, packets: 64 });
    expect(framesOf(await octets(id))).toHaveLength(64);
    expect(journal.entries().map((e) => e.decision)).toEqual([
      "asked for by eva",
      "it reached its size: 64 packets",
    ]);
  });

  it("ends when its time is over", async () => {
    const { clock, lanes, captures, start } = await setUp();
    await start({ maxS: 10 });
    clock.advance(9_900);
    expect(lanes[0]?.closed).toBe(false);
    clock.advance(100);
    expect(lanes[0]?.closed).toBe(true);
    expect(captures.list()).toMatchObject([{ running: false, full: true }]);
    expect(clock.pending).toBe(0);
  });

  it("runs two at a time, and keeps eight", async () => {
    const { captures, start, stateDir } = await setUp();
    const ids: string[] = [];
    for (let i = 0; i < 10; i++) {
      const { id } = await start();
      ids.push(id);
      if (i > 0) await captures.stop(id);
      if (i > 0) continue;
      const second = await start();
      await expect(start()).rejects.toMatchObject({ code: "E_BUSY" });
      await captures.stop(second.id);
      ids.push(second.id);
    }
    const kept = captures.list().map(({ id }) => id);
    expect(kept).toEqual([ids[0], ...ids.slice(-7)]);
    expect(readdirSync(path.join(stateDir, "captures")).sort()).toEqual(
      kept.map((id) => `${id}.pcap`).sort(),
    );
    await expect(captures.stop(ids[1] ?? "")).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    await captures.close();
    expect(readdirSync(path.join(stateDir, "captures"))).toEqual([]);
  });

  it("counts a start that is under way", async () => {
    const { start } = await setUp();
    const tries = await Promise.allSettled([start(), start(), start()]);
    expect(tries.map((t) => t.status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });

  it("refuses bounds and filters that cannot be, and leaves nothing behind", async () => {
    const { start, stateDir, captures } = await setUp();
    await expect(start({ maxOctets: 1 })).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(start({ maxOctets: 1e12 })).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(start({ maxS: Number.NaN })).rejects.toMatchObject({ code: "E_USAGE" });
    await expect(start({ filter: "wrong" })).rejects.toThrow("syntax error");
    expect(captures.list()).toEqual([]);
    expect(readdirSync(path.join(stateDir, "captures"))).toEqual([]);
  });

  it("removes what an agent before it left", async () => {
    const { stateDir } = await setUp({ "captures/0a1b2c3d.pcap": "x" });
    expect(readdirSync(path.join(stateDir, "captures"))).toEqual([]);
  });

  it("stops reading when nobody listens any more", async () => {
    const { captures, start, lanes } = await setUp();
    const { id } = await start();
    for (let i = 0; i < 4; i++) lanes[0]?.frame(pattern(60_000));
    const hungUp = new AbortController();
    let pieces = 0;
    for await (const _ of captures.read(id, hungUp.signal)) {
      pieces += 1;
      hungUp.abort();
    }
    expect(pieces).toBe(1);
  });
});

describe("PcapFileWriter", () => {
  it("leaves frames out rather than wait for the disk, and counts them", async () => {
    const file = path.join(tempDir(), "x.pcap");
    const writer = await PcapFileWriter.create(file, 64 * KIB * KIB);
    // All in one turn: nothing can be written meanwhile.
    for (let i = 0; i < 100; i++) writer.add(pattern(60_000), 60_000, 0n);
    expect(writer.packets).toBe(16);
    expect(writer.leftOut).toBe(84);
    await writer.flush();
    writer.add(pattern(60_000), 60_000, 0n);
    await writer.end();
    expect(framesOf(readFileSync(file))).toHaveLength(17);
  });

  it("says that it cannot be made", async () => {
    const dir = tempDir({ "there.pcap": "x" });
    await expect(PcapFileWriter.create(path.join(dir, "there.pcap"), KIB)).rejects.toMatchObject({
      code: "E_STATE",
    });
  });
});
