import { createReadStream } from "node:fs";
import { describe, expect, it } from "vitest";
import { captureFrames } from "../../agent/capture/capture-reader.ts";
import { type ReadFrame, readWithNodePcap } from "../support/node-pcap.ts";
import { PcapWriter } from "../support/pcap-writer.ts";
import { tempDir } from "../support/temp-dir.ts";
import { captureNames, capturePath } from "./captures.ts";

// libpcap reads the same files by way of the `pcap` package, and must see what our own reader sees.

describe("node-pcap reads the same frames", () => {
  it.each(captureNames())("%s", async (name) => {
    expectSame(await ourFrames(capturePath(name)), await readWithNodePcap(capturePath(name)));
  });

  it("of what our writer wrote", async () => {
    const frames = [60, 61, 1_514, 65_535].map((len) => new Uint8Array(len).fill(len & 0xff));
    const writer = new PcapWriter();
    for (const [i, frame] of frames.entries()) {
      writer.add(frame, 1_767_323_045_000 + i * 0.5);
      frame.reverse(); // no window onto it was kept: its octets are all the same
    }
    const file = `${tempDir()}/written.pcap`;
    writer.save(file);
    const read = await readWithNodePcap(file);
    expectSame(await ourFrames(file), read);
    expect(read.map((f) => f.micros)).toEqual([0, 500, 1_000, 1_500]);
    expect(read.map((f) => f.seconds)).toEqual(Array(4).fill(1_767_323_045));
    expect(read.map((f) => f.frame)).toEqual(frames.map((f) => Buffer.from(f)));
  });
});

async function ourFrames(file: string): Promise<readonly ReadFrame[]> {
  const frames: ReadFrame[] = [];
  for await (const f of captureFrames(createReadStream(file))) {
    frames.push({
      seconds: f.seconds,
      micros: f.nanoseconds / 1_000,
      originalLen: f.originalLen,
      frame: Buffer.from(f.octets.u8.slice(f.at, f.at + f.len)),
    });
  }
  return frames;
}

function expectSame(ours: readonly ReadFrame[], theirs: readonly ReadFrame[]): void {
  expect(ours.length).toBe(theirs.length);
  expect(ours.length).toBeGreaterThan(0);
  for (const [i, frame] of ours.entries()) expect(frame, `frame ${i + 1}`).toEqual(theirs[i]);
}
