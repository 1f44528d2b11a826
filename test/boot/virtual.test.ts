import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ContentSink, Firmware } from "../../firmware-sim/firmware.ts";
import { openFirmware } from "../../firmware-sim/openfirmware/openfirmware.ts";
import { pxe } from "../../firmware-sim/pxe/pxe.ts";
import { parseMac } from "../../protocols/wire/mac-address.ts";
import { recordForFailure } from "../support/pcap-recorder.ts";
import { startVirtualAgent, type VirtualAgent } from "../support/virtual-agent.ts";
import { loaded, verdictOf } from "../support/virtual-boot.ts";
import { seededRandom } from "../support/virtual-clock.ts";
import { VirtualWire, type WireConditions } from "../support/virtual-wire.ts";

// The agent's own services and simulated firmware on a virtual wire: no socket, no kernel, no waiting. Every octet that a
// machine loaded is compared with the file that the site names. What the wire of a failed test carried is left in test-output/.

const AGENT_MAC = mac("52:54:00:77:00:01");
const V100 = mac("00:03:ba:5b:ae:b3");
const MINIPC = mac("00:11:22:33:44:55");
const LIMIT_MS = 1_200_000;

const SITE = `
site: rack7
network: { interface: eth0, address: 172.24.42.150/24, router: 172.24.42.150 }
assets:
  ofwboot: { file: ofwboot }
  netbsd: { file: netbsd }
  ipxe-bios: { file: ipxe-bios }
  kernel: { file: kernel }
  initrd: { file: initrd }
profiles:
  netbsd-sparc64:
    bsd: { loader: ofwboot, root: { netbsd: netbsd, bsd: netbsd } }
  pc:
    linux: { kernel: kernel, initrd: [initrd], cmdline: "console=ttyS0 host={{ machine.name }}" }
defaults:
  chain: { pxe-bios: ipxe-bios }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: netbsd-sparc64 }
  minipc: { mac: "00:11:22:33:44:55", ip: 172.24.42.60, profile: pc }
`;

/** Sizes that end within a block, at a block's end and at a chunk's end. */
const SIZES = {
  ofwboot: 100_352,
  netbsd: 300_001,
  "ipxe-bios": 70_001,
  kernel: 262_144,
  initrd: 131_071,
};

let dir = "";
let agent: VirtualAgent;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "pilotlight-boot-"));
  writeFileSync(join(dir, "site.yaml"), SITE);
  for (const [name, size] of Object.entries(SIZES))
    writeFileSync(join(dir, name), content(name, size));
});

afterAll(() => rmSync(dir, { recursive: true }));

describe("a Sun", () => {
  for (const order of ["bootparams", "bootp", "dhcp"] as const) {
    it(`boots: PROM, then a loader that asks by ${order}`, async () => {
      const run = await boot((sink) =>
        openFirmware({ mac: V100, random: seededRandom(7), order, sink }),
      );
      expect(run.verdict).toBe(`booted ${SIZES.ofwboot + SIZES.netbsd}`);
      expect(run.files.get("AC182A33")).toBe(digest("ofwboot"));
      expect(run.files.get(order === "dhcp" ? "netbsd" : "bsd")).toBe(digest("netbsd"));
    });
  }

  it("boots as OpenBSD does: RARP, then BOOTP to that address", async () => {
    const run = await boot((sink) =>
      openFirmware({
        mac: V100,
        random: seededRandom(7),
        order: "bootp",
        bootpAfterRarp: true,
        sink,
      }),
    );
    expect(run.verdict).toMatch(/^booted/);
  });

  for (const platform of ["sun4", "sun4c", "sun4m"] as const) {
    it(`boots as a ${platform}, whose PROM asks with a suffix`, async () => {
      const run = await boot((sink) =>
        openFirmware({ mac: V100, random: seededRandom(7), platform, sink }),
      );
      expect(run.verdict).toMatch(/^booted/);
    });
  }

  it("tells its timeline: what came, why, what went", async () => {
    const run = await boot((sink) => openFirmware({ mac: V100, random: seededRandom(7), sink }));
    const steps = run.journal.map((e) => `${e.protocol} ${e.event} ${e.outcome}`);
    expect(steps).toEqual([
      "rarp who is 00:03:ba:5b:ae:b3? answered",
      'tftp read "AC182A33" done',
      "rarp who is 00:03:ba:5b:ae:b3? answered",
      "bootparams who is 172.24.42.51? answered",
      'bootparams where is "root" of v100? answered',
      "portmap where is mount version 1 over UDP? answered",
      "mount mount /netbsd-sparc64 over UDP answered",
      "portmap where is nfs version 2 over UDP? answered",
      "nfs read netbsd done",
    ]);
    expect(run.journal.every((e) => e.machine === "v100")).toBe(true);
  });

  it("is told what is missing when its root lacks the kernel", async () => {
    const run = await boot((sink) =>
      openFirmware({ mac: V100, random: seededRandom(7), kernel: "netbsd.old", sink }),
    );
    expect(run.verdict).toMatch(/^failed nfs/);
    expect(run.journal.at(-1)).toMatchObject({
      protocol: "nfs",
      event: "look for netbsd.old",
      outcome: "refused",
    });
  });
});

describe("a PC", () => {
  it("boots: PXE ROM, iPXE by TFTP, script, kernel and initrd by HTTP", async () => {
    const run = await boot((sink) => pxe({ mac: MINIPC, random: seededRandom(9), sink }));
    expect(run.verdict).toMatch(/^booted/);
    expect(run.files.get("ipxe-bios")).toBe(digest("ipxe-bios"));
    expect(run.files.get("http://172.24.42.150/kernel")).toBe(digest("kernel"));
    expect(run.files.get("http://172.24.42.150/initrd")).toBe(digest("initrd"));
  });

  it("boots without the chain when its ROM is iPXE", async () => {
    const run = await boot((sink) =>
      pxe({ mac: MINIPC, random: seededRandom(9), ipxeRom: true, sink }),
    );
    expect(run.verdict).toMatch(/^booted/);
    expect(run.files.has("ipxe-bios")).toBe(false);
  });
});

describe("both at once on a bad wire", () => {
  for (const seed of [1, 2, 3]) {
    it(`boot through 5 % loss and 2 % duplication, seed ${seed}`, async () => {
      const runs = await bootAll(
        [
          (sink) => openFirmware({ mac: V100, random: seededRandom(seed), sink }),
          (sink) => pxe({ mac: MINIPC, random: seededRandom(seed + 100), sink }),
        ],
        { loss: 0.05, duplication: 0.02, seed },
      );
      for (const run of runs) expect(run.verdict).toMatch(/^booted/);
      expect(runs[0]?.files.get("bsd")).toBe(digest("netbsd"));
      expect(runs[1]?.files.get("http://172.24.42.150/initrd")).toBe(digest("initrd"));
    });
  }
});

describe("a machine that the site does not name", () => {
  it("gets nothing, and the journal says so", async () => {
    const stranger = mac("02:00:00:00:00:99");
    const frames: Uint8Array[] = [];
    const runs = await bootAll(
      [() => openFirmware({ mac: stranger, random: seededRandom(1) })],
      {
        tap: (frame) => frames.push(frame),
      },
      60_000,
    );
    expect(runs[0]?.verdict).not.toMatch(/^booted/);
    expect(frames.length).toBeGreaterThan(0);
    expect(frames.filter((f) => Buffer.from(f).subarray(6, 12).equals(AGENT_MAC))).toEqual([]);
    expect(runs[0]?.journal[0]).toMatchObject({
      machine: null,
      mac: "02:00:00:00:00:99",
      protocol: "rarp",
      outcome: "silent",
      decision: "not a machine of this site, so it gets no answer",
    });
  });
});

interface Run {
  readonly verdict: string;
  /** SHA-256 by name of what was loaded. */
  readonly files: ReadonlyMap<string, string>;
  readonly journal: VirtualAgent["journal"];
}

type Maker = (sink: ContentSink) => Firmware;

async function boot(make: Maker): Promise<Run> {
  const [run] = await bootAll([make], {});
  if (!run) throw new Error("no run");
  return run;
}

async function bootAll(
  makers: readonly Maker[],
  conditions: WireConditions,
  limitMs = LIMIT_MS,
): Promise<readonly Run[]> {
  agent = await startVirtualAgent(join(dir, "site.yaml"), AGENT_MAC);
  try {
    expect(agent.problems).toEqual([]);
    const machines = makers.map((make) => {
      const { sink, digests } = loaded();
      return { firmware: make(sink), digests };
    });
    const recorder = recordForFailure();
    const tap = (frame: Uint8Array, nowMs: number): void => {
      recorder.tap(frame, nowMs);
      conditions.tap?.(frame, nowMs);
    };
    const wire = new VirtualWire({ ...conditions, tap }).join(
      ...machines.map((m) => m.firmware),
      agent.host,
    );
    for (const { firmware } of machines) firmware.powerOn(0);
    await wire.runAsync(limitMs, agent.isBusy);
    return machines.map(({ firmware, digests }) => ({
      verdict: verdictOf(firmware),
      files: digests(),
      journal: [...agent.journal],
    }));
  } finally {
    await agent.stop();
  }
}

function content(name: string, size: number): Buffer {
  const random = seededRandom(name.length * 7_919);
  return Buffer.from(Uint8Array.from({ length: size }, () => random() >>> 24));
}

function digest(name: keyof typeof SIZES): string {
  return createHash("sha256").update(content(name, SIZES[name])).digest("hex");
}

function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  if (!octets) throw new Error(`not an Ethernet address: ${text}`);
  return octets;
}
