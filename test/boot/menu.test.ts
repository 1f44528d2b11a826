import { createHash } from "node:crypto";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { pxe } from "../../firmware-sim/pxe/pxe.ts";
import { parseMac } from "../../protocols/wire/mac-address.ts";
import { recordForFailure } from "../support/pcap-recorder.ts";
import { tempDir } from "../support/temp-dir.ts";
import { pattern } from "../support/test-site.ts";
import { startVirtualAgent, type VirtualAgent } from "../support/virtual-agent.ts";
import { loaded, verdictOf } from "../support/virtual-boot.ts";
import { seededRandom } from "../support/virtual-clock.ts";
import { VirtualWire } from "../support/virtual-wire.ts";

// A simulated PXE ROM that is shown a menu, on a virtual wire, and chooses from it.

const LIMIT_MS = 600_000;
const FILES = {
  "site.yaml": `
site: rack7
network: { interface: eth0, address: 172.24.42.150/24 }
assets:
  ipxe-bios: { file: ipxe-bios }
  kernel: { file: kernel }
  memtest: { file: memtest }
profiles:
  pc:
    linux: { kernel: kernel }
    files: { memtest.0: memtest }
    menu: { timeout: never, items: [{ name: Debian }, { name: Memory test, boot: memtest.0 }] }
defaults: { chain: { pxe-bios: ipxe-bios } }
machines:
  minipc: { mac: "00:11:22:33:44:55", ip: 172.24.42.60, profile: pc }
`,
  "ipxe-bios": pattern(70_001, 5),
  kernel: pattern(90_000, 6),
  memtest: pattern(80_000, 7),
} as const;

let agent: VirtualAgent | undefined;
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});

/** What a PC loads that chooses this item, and what the journal says of its question to port 4011. */
async function boot(menuItem: number) {
  const dir = tempDir(FILES);
  agent = await startVirtualAgent(path.join(dir, "site.yaml"), mac("52:54:00:77:00:01"));
  const recorder = recordForFailure();
  const wire = new VirtualWire({ tap: (f, ms) => recorder.tap(f, ms) });
  wire.join(agent.host);
  const { sink, digests } = loaded();
  const random = seededRandom(1);
  const firmware = pxe({ mac: mac("00:11:22:33:44:55"), random, sink, menuItem });
  wire.join(firmware);
  firmware.powerOn(wire.clock.nowMs);
  await wire.runAsync(LIMIT_MS, agent.isBusy);
  expect(verdictOf(firmware)).toMatch(/^booted/);
  const names = ["ipxe-bios", "kernel", "memtest"] as const;
  const got = new Set(digests().values());
  const asked = agent.journal.filter((e) => e.event.includes("port 4011"));
  return {
    files: names.filter((name) => got.has(createHash("sha256").update(FILES[name]).digest("hex"))),
    decisions: asked.map((e) => e.decision),
  };
}

describe("a PXE ROM that is shown a menu", () => {
  it("boots as without one when it takes the first item, and iPXE then shows none", async () => {
    const { files, decisions } = await boot(1);
    expect(files).toEqual(["ipxe-bios", "kernel"]);
    expect(decisions).toHaveLength(1);
    expect(decisions[0]).toContain('chose "Debian" of the menu: first boot program of pxe-bios');
  });

  it("gets the file of the second item when that is chosen", async () => {
    const { files, decisions } = await boot(2);
    expect(files).toContain("memtest");
    expect(files).not.toContain("ipxe-bios");
    expect(decisions[0]).toContain('chose "Memory test" of the menu: it boots memtest.0');
  });
});

function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  if (!octets) throw new Error(`not a MAC address: ${text}`);
  return octets;
}
