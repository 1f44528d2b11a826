import { createHash } from "node:crypto";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CurrentPlans } from "../../agent/plan/current-plans.ts";
import type { ContentSink, Firmware } from "../../firmware-sim/firmware.ts";
import { openFirmware } from "../../firmware-sim/openfirmware/openfirmware.ts";
import { pxe } from "../../firmware-sim/pxe/pxe.ts";
import { parseMac } from "../../protocols/wire/mac-address.ts";
import { MemoryOverrides } from "../support/memory-overrides.ts";
import { recordForFailure } from "../support/pcap-recorder.ts";
import { tempDir } from "../support/temp-dir.ts";
import { pattern } from "../support/test-site.ts";
import { startVirtualAgent, type VirtualAgent } from "../support/virtual-agent.ts";
import { loaded, verdictOf } from "../support/virtual-boot.ts";
import { seededRandom } from "../support/virtual-clock.ts";
import { VirtualWire, type WireConditions } from "../support/virtual-wire.ts";

// Machines that are switched on again and again, on a virtual wire: one boot has the profile of its override in every protocol,
// the one before it and the one after it have the site's.

const AGENT_MAC = mac("52:54:00:77:00:01");
const V100 = mac("00:03:ba:5b:ae:b3");
const MINIPC = mac("00:11:22:33:44:55");
const LIMIT_MS = 1_200_000;

const FILES = {
  "site.yaml": `
site: rack7
network: { interface: eth0, address: 172.24.42.150/24, router: 172.24.42.150 }
assets:
  ofwboot: { file: ofwboot }
  ofwboot-new: { file: ofwboot-new }
  netbsd: { file: netbsd }
  netbsd-new: { file: netbsd-new }
  ipxe-bios: { file: ipxe-bios }
  kernel: { file: kernel }
  rescue: { file: rescue }
profiles:
  sun: { bsd: { loader: ofwboot, root: { netbsd: netbsd, bsd: netbsd } } }
  sun-new: { bsd: { loader: ofwboot-new, root: { netbsd: netbsd-new, bsd: netbsd-new } } }
  pc: { linux: { kernel: kernel } }
  pc-rescue: { linux: { kernel: rescue } }
defaults:
  chain: { pxe-bios: ipxe-bios }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: sun }
  minipc: { mac: "00:11:22:33:44:55", ip: 172.24.42.60, profile: pc }
`,
  ofwboot: pattern(70_000, 1),
  "ofwboot-new": pattern(60_000, 2),
  netbsd: pattern(200_001, 3),
  "netbsd-new": pattern(150_001, 4),
  "ipxe-bios": pattern(70_001, 5),
  kernel: pattern(90_000, 6),
  rescue: pattern(80_000, 7),
} as const;

type Name = Exclude<keyof typeof FILES, "site.yaml">;

let rack: Rack | undefined;

afterEach(async () => {
  await rack?.agent.stop();
  rack?.plans.stop();
  rack = undefined;
});

interface Rack {
  readonly agent: VirtualAgent;
  readonly plans: CurrentPlans;
  readonly wire: VirtualWire;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  /** Switches a machine on and waits until it has booted: which of our files it loaded. */
  boot(make: (sink: ContentSink, seed: number) => Firmware): Promise<ReadonlySet<string>>;
}

async function setUp(conditions: WireConditions = {}): Promise<Rack> {
  const dir = tempDir(FILES);
  let plans: CurrentPlans | undefined;
  const agent = await startVirtualAgent(
    path.join(dir, "site.yaml"),
    AGENT_MAC,
    (store) => store,
    async (planner, journal, clock) => {
      plans = await CurrentPlans.create({
        planner,
        records: new MemoryOverrides(),
        journal,
        now: () => clock.now(),
        wallMs: () => Date.UTC(2026, 0, 2) + clock.now(),
        problem: (error) => expect.unreachable(error.message),
        crash: (bug) => expect.unreachable(String(bug)),
      });
      return plans;
    },
  );
  if (!plans) throw new Error("no plans");
  const recorder = recordForFailure();
  const wire = new VirtualWire({ ...conditions, tap: (f, ms) => recorder.tap(f, ms) });
  wire.join(agent.host);
  let seed = 1;
  const pass = async (ms: number): Promise<void> => {
    await wire.runAsync(ms, agent.isBusy);
  };
  const boot: Rack["boot"] = async (make) => {
    const { sink, digests } = loaded();
    const firmware = make(sink, seed++);
    wire.join(firmware);
    firmware.powerOn(wire.clock.nowMs);
    await wire.runAsync(LIMIT_MS, agent.isBusy);
    wire.leave(firmware);
    expect(verdictOf(firmware)).toMatch(/^booted/);
    const names = new Map(
      Object.keys(FILES).map((name) => [digest(FILES[name as Name]), name] as const),
    );
    const files = [...digests().values()].map((digest) => names.get(digest));
    return new Set(files.filter((name) => name !== undefined));
  };
  rack = { agent, plans, wire, pass, boot };
  return rack;
}

const OLD = new Set(["ofwboot", "netbsd"]);
const NEW = new Set(["ofwboot-new", "netbsd-new"]);

const SUNS = [
  { name: "RARP, TFTP, RARP, BOOTPARAMS, NFS", options: { order: "bootparams" } },
  { name: "RARP, TFTP, BOOTP, NFS", options: { order: "bootp" } },
  { name: "RARP, TFTP, RARP, BOOTP, NFS", options: { order: "bootp", bootpAfterRarp: true } },
  { name: "RARP, TFTP, DHCP, NFS", options: { order: "dhcp" } },
  { name: "a sun4m", options: { order: "bootparams", platform: "sun4m" } },
] as const;

describe("a Sun's next boot", () => {
  for (const { name, options } of SUNS) {
    it.each([
      { how: "at once", pauseMs: 3_000 },
      { how: "after a minute", pauseMs: 60_000 },
      { how: "after an hour", pauseMs: 3_600_000 },
    ])(`has another profile as a whole, ${name}, switched on $how`, async ({ pauseMs }) => {
      const { plans, boot, pass } = await setUp();
      const sun = (sink: ContentSink, seed: number): Firmware =>
        openFirmware({ ...options, mac: V100, random: seededRandom(seed), sink });
      expect(await boot(sun)).toEqual(OLD);
      await plans.boot("v100", "sun-new", "eva@laptop");
      await pass(pauseMs);
      expect(await boot(sun)).toEqual(NEW);
      expect(plans.overridesOf("v100")).toMatchObject([{ profile: "sun-new", taken: true }]);
      await pass(pauseMs);
      expect(await boot(sun)).toEqual(OLD);
      expect(plans.overridesOf("v100")).toEqual([]);
    });
  }

  it.each([1, 2, 3])("is whole on a bad wire too, seed %i", async (seed) => {
    const { plans, boot, pass } = await setUp({ loss: 0.05, duplication: 0.02, seed });
    const sun = (sink: ContentSink, n: number): Firmware =>
      openFirmware({ mac: V100, random: seededRandom(n * seed), sink });
    for (let round = 0; round < 3; round++) {
      await plans.boot("v100", "sun-new", "eva@laptop");
      expect(await boot(sun)).toEqual(NEW);
      await pass(5_000);
      expect(await boot(sun)).toEqual(OLD);
      await pass(5_000);
    }
  });
});

describe("a PC's next boot", () => {
  it.each([
    { name: "ROM, iPXE", ipxeRom: false, pauseMs: 3_000 },
    { name: "ROM, iPXE, an hour later", ipxeRom: false, pauseMs: 3_600_000 },
    { name: "iPXE in its ROM", ipxeRom: true, pauseMs: 15_000 },
  ])("has another profile as a whole: $name", async ({ ipxeRom, pauseMs }) => {
    const { plans, boot, pass } = await setUp();
    const pc = (sink: ContentSink, seed: number): Firmware =>
      pxe({ mac: MINIPC, random: seededRandom(seed), ipxeRom, sink });
    const chain = ipxeRom ? [] : ["ipxe-bios"];
    expect(await boot(pc)).toEqual(new Set([...chain, "kernel"]));
    await plans.boot("minipc", "pc-rescue", "eva@laptop");
    await pass(pauseMs);
    expect(await boot(pc)).toEqual(new Set([...chain, "rescue"]));
    await pass(pauseMs);
    expect(await boot(pc)).toEqual(new Set([...chain, "kernel"]));
  });
});

describe("a machine that is held", () => {
  it("gets not one frame, and boots when it is released", async () => {
    const { plans, boot, agent, wire, pass } = await setUp();
    await plans.hold("v100", "eva@laptop");
    const first = openFirmware({ mac: V100, random: seededRandom(1) });
    wire.join(first);
    first.powerOn(wire.clock.nowMs);
    await pass(120_000);
    wire.leave(first);
    expect(first.finished).toBe(false);
    const about = agent.journal.filter((e) => e.protocol === "rarp");
    expect(about.length).toBeGreaterThan(0);
    for (const e of about) {
      expect(e).toMatchObject({ machine: "v100", outcome: "silent" });
      expect(e.decision).toMatch(/^held by eva@laptop/);
    }
    await plans.release("v100", "eva@laptop");
    const sun = (sink: ContentSink, seed: number): Firmware =>
      openFirmware({ mac: V100, random: seededRandom(seed), sink });
    expect(await boot(sun)).toEqual(OLD);
  });
});

function digest(octets: Uint8Array | string): string {
  return createHash("sha256").update(octets).digest("hex");
}

function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  if (!octets) throw new Error(`not an Ethernet address: ${text}`);
  return octets;
}
