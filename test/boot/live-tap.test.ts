import { beforeAll, expect, it } from "vitest";
import { AgentProcess } from "../support/agent-process.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import { LiveTap } from "../support/live-tap.ts";
import { Namespace } from "../support/netns.ts";
import { readWithNodePcap } from "../support/node-pcap.ts";
import { recordForFailure } from "../support/pcap-recorder.ts";
import { decodeToText } from "../support/pcap-text.ts";
import { PcapWriter } from "../support/pcap-writer.ts";
import { BROADCAST_MAC, mac, RawWires } from "../support/raw-wire.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

// Two listen to the interface while a machine boots: the frame lane as the agent has it, and a session of `pcap` as its authors use it.
// What they heard is one and the same, and decodes.

/** IEEE 802 local experimental EtherType 1: nothing of a boot has it, so it marks the end of one. */
const MARK_TYPE = 0x88b5;
const MARK = Buffer.from("the end of the boot");

let inside: Namespace;
let outside: Namespace;
let site: BootSite;

beforeAll(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create(inside);
  inside.connect(NET.rack, outside, "rack");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  site = new BootSite();
  return async () => {
    site.remove();
    await outside.close();
    await inside.close();
  };
});

it("node-pcap hears on a live wire what the frame lane hears", async () => {
  const recorder = recordForFailure();
  const wires = await RawWires.open(outside, "rack");
  const lane = await LiveTap.open(inside, "lane", NET.rack);
  const pcap = await LiveTap.open(inside, "pcap", NET.rack);
  const agent = await AgentProcess.serve(inside, site.path, NET.rack);
  const machine = ["--interface", "rack", "--mac", NET.v100.mac, "--kernel", NET.file];
  const sun = AgentProcess.start(outside, ["sim", "openfirmware", "--json", ...machine]);
  try {
    expect([await sun.exit(), sun.stderr]).toEqual([0, expect.any(String)]);
    wires.wire(0).send(mac(NET.stranger.mac), BROADCAST_MAC, MARK_TYPE, (o, at) => {
      o.u8.set(MARK, at);
      return MARK.length;
    });
    for (const tap of [lane, pcap]) {
      await until("the mark", () => tap.frames.some((frame) => frame.includes(MARK)));
    }
    for (const [i, frame] of pcap.frames.entries()) recorder.tap(frame, i);
    // Two frames that cross each other may be heard in either order.
    expect(sorted(pcap.frames)).toEqual(sorted(lane.frames));
    await expectBoot(pcap.frames);
  } finally {
    await agent.close();
    await sun.close();
    await lane.close();
    await pcap.close();
    wires.close();
  }
});

/** The frames are those of a whole boot, and a file of them reads back as it was written. */
async function expectBoot(frames: readonly Buffer[]): Promise<void> {
  const writer = new PcapWriter();
  for (const [i, frame] of frames.entries()) writer.add(frame, i);
  const file = `${tempDir()}/live.pcap`;
  writer.save(file);
  expect((await readWithNodePcap(file)).map((f) => f.frame)).toEqual(frames);
  const { messages } = await decodeToText(file);
  expect(messages.filter((m) => m.status !== "ok")).toEqual([]);
  const protocols = messages.map((m) => m.protocol);
  for (const protocol of ["rarp", "tftp", "portmap", "mount", "nfs"]) {
    expect(protocols).toContain(protocol);
  }
}

function sorted(frames: readonly Buffer[]): readonly string[] {
  return frames.map((frame) => frame.toString("hex")).sort();
}
