import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JournalEntry } from "../../agent/log/journal.ts";
import type { ContentSink, Firmware, FirmwareEvent } from "../../firmware-sim/firmware.ts";
import {
  type OpenFirmwareOptions,
  openFirmware,
} from "../../firmware-sim/openfirmware/openfirmware.ts";
import { type PxeOptions, pxe } from "../../firmware-sim/pxe/pxe.ts";
import { parseMac } from "../../protocols/wire/mac-address.ts";
import { FakeAssets } from "../support/fake-slots.ts";
import { recordForFailure } from "../support/pcap-recorder.ts";
import { tempDir } from "../support/temp-dir.ts";
import { pattern } from "../support/test-site.ts";
import { startVirtualAgent } from "../support/virtual-agent.ts";
import { seededRandom } from "../support/virtual-clock.ts";
import { VirtualWire } from "../support/virtual-wire.ts";

// Machines that are switched on before what they boot has been fetched. Time is virtual: a minute of patience takes none.

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
    linux: { kernel: kernel, initrd: [initrd] }
defaults:
  chain: { pxe-bios: ipxe-bios }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: netbsd-sparc64 }
  minipc: { mac: "00:11:22:33:44:55", ip: 172.24.42.60, profile: pc }
`;
const FILES = {
  ofwboot: pattern(20_480, 3),
  netbsd: pattern(50_001, 5),
  "ipxe-bios": pattern(30_001, 7),
  kernel: pattern(70_000, 9),
  initrd: pattern(20_000, 11),
};

/** What is not there when the machine is switched on, and when it comes: name to seconds. */
type Later = Readonly<Partial<Record<keyof typeof FILES, number>>>;

interface Run {
  readonly verdict: string;
  /** Virtual seconds until it booted, or failed. */
  readonly seconds: number;
  readonly steps: readonly string[];
  readonly files: ReadonlyMap<string, string>;
  readonly journal: readonly JournalEntry[];
}

describe("a Sun", () => {
  it("boots as soon as its loader and its kernel are there, however long that takes", async () => {
    for (const [loader, kernel] of [
      [3, 5],
      [700, 500],
    ] as const) {
      const run = await bootSun({ ofwboot: loader, netbsd: kernel });
      expect(run.verdict).toBe("booted");
      expect(run.files.get("bsd")).toBe(digest("netbsd"));
      const there = Math.max(loader, kernel);
      expect(run.seconds).toBeGreaterThanOrEqual(there);
      expect(run.seconds).toBeLessThan(there + 1);
    }
  });

  it("tells what it waits for, once, and for how long it was held", async () => {
    const { journal } = await bootSun({ ofwboot: 12, netbsd: 9 });
    expect(journal.slice(0, 3)).toMatchObject([
      {
        machine: "v100",
        protocol: "rarp",
        outcome: "silent",
        decision: "held: fetching ofwboot (3.1 of 6.0 MB)",
      },
      {
        protocol: "rarp",
        outcome: "answered",
        decision: "its address in the site; asks by RARP; held for 12.0 s",
      },
      { protocol: "tftp", outcome: "done" },
    ]);
  });

  it("does not wait for the boot programs of other machines", async () => {
    const run = await bootSun({ "ipxe-bios": 1_000, kernel: 1_000 });
    expect(run.verdict).toBe("booted");
    expect(run.seconds).toBeLessThan(1);
  });

  for (const order of ["bootparams", "bootp", "dhcp"] as const) {
    it(`waits in its loader, which asks by ${order}, when the kernel is lost on the way`, async () => {
      const run = await bootSun({}, { order }, { netbsd: "loader loaded", for: 90 });
      expect(run.verdict).toBe("booted");
      expect(run.seconds).toBeGreaterThanOrEqual(90);
      expect(run.seconds).toBeLessThan(91);
      expect(run.journal.filter((e) => e.protocol === "nfs" && e.outcome === "silent")).toEqual([]);
    });
  }

  it("waits for NFS when there is nothing else left that could wait", async () => {
    const run = await bootSun({}, {}, { netbsd: "mounted", for: 50 });
    expect(run.verdict).toBe("booted");
    expect(run.seconds).toBeLessThan(51);
    const nfs = run.journal.filter((e) => e.protocol === "nfs").map((e) => e.decision);
    expect(nfs[0]).toBe("held: fetching netbsd (3.1 of 6.0 MB)");
    expect(nfs[1]).toMatch(/^was fetched; held for (50|49)\.\d s$/);
  });
});

describe("a PC", () => {
  it("is held without an offer while its boot program is fetched, and boots at once then", async () => {
    const run = await bootPc({ "ipxe-bios": 20 });
    expect(run.verdict).toBe("booted");
    // Two seconds are the ROM's own: it waits so long for ProxyDHCP offers, from its first question on.
    expect(run.seconds).toBeGreaterThanOrEqual(20);
    expect(run.seconds).toBeLessThan(21);
    expect(held(run)).toEqual(["dhcp held: fetching ipxe-bios (3.1 of 6.0 MB)"]);
    expect(run.journal[1]).toMatchObject({ protocol: "dhcp", outcome: "answered" });
    expect(run.journal[1]?.decision).toMatch(/; held for 20\.0 s$/);
  });

  it("is held at the file when its patience for an offer is at its end", async () => {
    const run = await bootPc({ "ipxe-bios": 36 });
    expect(run.verdict).toBe("booted");
    expect(run.seconds).toBeGreaterThanOrEqual(36);
    expect(run.seconds).toBeLessThan(37);
    expect(held(run)).toEqual([
      "dhcp held: fetching ipxe-bios (3.1 of 6.0 MB)",
      "tftp held: fetching ipxe-bios (3.1 of 6.0 MB)",
    ]);
    expect(run.steps.filter((text) => text.includes("starting again"))).toEqual([]);
  });

  it("is refused in time when that does not come either, and boots when it tries again", async () => {
    const run = await bootPc({ "ipxe-bios": 80 }, { restarts: 1 });
    expect(run.verdict).toBe("booted");
    expect(run.steps).toContainEqual(
      expect.stringMatching(/error 0: not available now: starting again/),
    );
    expect(run.journal.find((e) => e.outcome === "refused")).toMatchObject({
      protocol: "tftp",
      decision:
        "still fetching ipxe-bios (3.1 of 6.0 MB); held for 16.0 s, as long as its firmware waits",
    });
    expect(run.seconds).toBeGreaterThanOrEqual(80);
    expect(run.seconds).toBeLessThan(81);
  });

  it("fails when it does not try again", async () => {
    expect((await bootPc({ "ipxe-bios": 80 })).verdict).toMatch(
      /^failed tftp: .*not available now/,
    );
  });

  it("waits in iPXE for a kernel and an initrd that take minutes", async () => {
    const run = await bootPc({ kernel: 200, initrd: 280 });
    expect(run.verdict).toBe("booted");
    expect(run.seconds).toBeGreaterThanOrEqual(280);
    expect(run.seconds).toBeLessThan(281);
    expect(held(run)).toHaveLength(2);
    const done = run.journal.filter((e) => e.protocol === "http" && e.outcome === "done");
    expect(done[1]?.decision).toMatch(/^minipc has this file; held for 19\d\.\d s$/);
  });

  it("asks again after a 503, by itself", async () => {
    const run = await bootPc({ kernel: 700 });
    expect(run.verdict).toBe("booted");
    expect(run.files.get("http://172.24.42.150/kernel")).toBe(digest("kernel"));
    expect(run.journal.filter((e) => e.reply === "status 503")).toHaveLength(2);
    expect(run.seconds).toBeGreaterThanOrEqual(700);
    expect(run.seconds).toBeLessThan(706);
  });

  it("gets its first file fetched before others", async () => {
    const { wanted } = await start({ kernel: 1 }, (sink) => pc(sink, {}));
    expect(wanted("ipxe-bios")).toBeGreaterThan(0);
    expect(wanted("initrd")).toBeGreaterThan(0);
    expect(wanted("netbsd")).toBe(0);
  });
});

function held(run: Run): string[] {
  return run.journal
    .filter((e) => e.decision.startsWith("held:"))
    .map((e) => `${e.protocol} ${e.decision}`);
}

/** When the kernel is lost, and for how many seconds. */
type Loss = { readonly netbsd: "loader loaded" | "mounted"; readonly for: number };

async function bootSun(
  later: Later,
  options: Partial<OpenFirmwareOptions> = {},
  loss?: Loss,
): Promise<Run> {
  const run = await start(
    later,
    (sink) => openFirmware({ mac: V100, random: seededRandom(7), kernel: "bsd", sink, ...options }),
    loss,
  );
  return run;
}

function pc(sink: ContentSink, options: Partial<PxeOptions>): Firmware {
  return pxe({ mac: MINIPC, random: seededRandom(9), sink, ...options });
}

function bootPc(later: Later, options: Partial<PxeOptions> = {}): Promise<Run> {
  return start(later, (sink) => pc(sink, options));
}

async function start(
  later: Later,
  make: (sink: ContentSink) => Firmware,
  loss?: Loss,
): Promise<Run & { readonly wanted: (name: string) => number }> {
  const dir = tempDir({ "site.yaml": SITE, ...FILES });
  let assets: FakeAssets | undefined;
  const agent = await startVirtualAgent(join(dir, "site.yaml"), AGENT_MAC, (store) => {
    assets = new FakeAssets(store);
    return assets;
  });
  try {
    const fake = assets;
    if (!fake) throw new Error("no assets");
    const hashes = new Map<string, ReturnType<typeof createHash>>();
    let left = loss;
    const lose = (when: string): void => {
      if (left?.netbsd !== when) return;
      wire.at(left.for * 1_000, fake.withhold("netbsd"));
      left = undefined;
    };
    const firmware = make((file, at, o, from, len) => {
      if (file === "AC182A33" && at + len === FILES.ofwboot.length) lose("loader loaded");
      // A file that is loaded anew is another one.
      const hash = (at === 0 ? undefined : hashes.get(file)) ?? createHash("sha256");
      hash.update(o.u8.subarray(from, from + len));
      hashes.set(file, hash);
      return undefined;
    });
    const recorder = recordForFailure();
    const wire = new VirtualWire({
      tap: (frame, nowMs) => {
        recorder.tap(frame, nowMs);
        if (agent.journal.some((e) => e.protocol === "mount")) lose("mounted");
      },
    }).join(firmware, agent.host);
    for (const [name, seconds] of Object.entries(later)) {
      wire.at(seconds * 1_000, fake.withhold(name));
    }
    firmware.powerOn(0);
    await wire.runAsync(LIMIT_MS, agent.isBusy);
    const { verdict, steps } = outcomeOf(firmware);
    return {
      verdict,
      steps,
      seconds: wire.clock.nowMs / 1_000,
      files: new Map([...hashes].map(([name, hash]) => [name, hash.digest("hex")])),
      journal: [...agent.journal],
      wanted: (name) => fake.named(name).wants,
    };
  } finally {
    await agent.stop();
  }
}

function outcomeOf(firmware: Firmware): { verdict: string; steps: string[] } {
  const steps: string[] = [];
  let last: FirmwareEvent | undefined;
  for (let e = firmware.pollEvent(); e; e = firmware.pollEvent()) {
    last = e;
    if (e.kind === "step") steps.push(e.text);
  }
  if (last?.kind === "booted") return { verdict: "booted", steps };
  if (last?.kind === "failed") return { verdict: `failed ${last.stage}: ${last.reason}`, steps };
  return { verdict: "unfinished", steps };
}

function digest(name: keyof typeof FILES): string {
  return createHash("sha256").update(FILES[name]).digest("hex");
}

function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  if (!octets) throw new Error(`not an Ethernet address: ${text}`);
  return octets;
}
