import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { AssetStatus } from "../../../agent/assets/fetch/status.ts";
import type { AgentAssets } from "../../../agent/control/asset-status.ts";
import { cacheCommand, launchAgent, stopAgent } from "../support/agent.ts";
import type { Child } from "../support/child.ts";
import { type Console, runGuest } from "../support/guest.ts";
import { initramfsThatSays } from "../support/initramfs.ts";
import type { Lab } from "../support/lab.ts";
import { crc32Text, seededOctets } from "../support/octets.ts";
import { KERNEL_X86_64, UBOOT_DEBIAN } from "../support/products.ts";
import { ipxePc, uBootArm64 } from "../support/qemu.ts";
import { realTest } from "../support/real-test.ts";
import { type Store, Uplink } from "../support/uplink.ts";

const BOARD = "52:54:00:aa:00:21";
const PC = "52:54:00:aa:00:22";

const FIRMWARE = seededOctets(0xf1, 1_000_000);
const KERNEL = readFileSync(KERNEL_X86_64);
const NEW_FIRMWARE = seededOctets(0xf2, 1_100_000);
/** Of another length than "one": within a second nginx tells files apart by nothing else. */
const NEW = "the one after";

/** What takes the place of the good files. The initrd boots, and says what it is; the kernel does not. */
const POISON = {
  "firmware.bin": seededOctets(0xbad, FIRMWARE.length),
  vmlinuz: seededOctets(0xbad, KERNEL.length),
  "initrd.img": initramfsThatSays("poisoned"),
};

/** 60 kB a second: all three files take 70 s. iPXE asks 20 s after power on; U-Boot waits 45 s for its file. */
const NARROW_KBIT = 480;
const FETCH_MS = 60_000;
/** A machine counts as booting for half a minute, and no file changes under it; a refresh is put off for as long. */
const SWITCH_MS = 90_000;

/** `pin`: of what the site does not pin by a digest. */
function site({ origin }: Store, pin: "first" | "always-newest"): string {
  return `
site: lab
network: { interface: srv0, address: 192.168.77.1/24, dhcp: authoritative }
cache: { refresh: 2s }
assets:
  firmware: { url: "${origin}/firmware.bin", pin: ${pin} }
  kernel: { url: "${origin}/vmlinuz", sha256: ${sha256(KERNEL)} }
  initrd: { url: "${origin}/initrd.img", pin: ${pin} }
profiles:
  board: { files: { firmware.bin: firmware }, boot: firmware.bin }
  pc: { linux: { kernel: kernel, initrd: [initrd], cmdline: "console=ttyS0 panic=1 quiet lab.mark=store" } }
machines:
  uboot1: { mac: "${BOARD}", ip: 192.168.77.21, profile: board }
  pc1: { mac: "${PC}", ip: 192.168.77.22, profile: pc }
`;
}

function sha256(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

/** Waits for a line of the agent's journal. */
async function told(agent: Child, line: RegExp, timeoutMs: number): Promise<void> {
  if ((await agent.until(line, timeoutMs)) === "match") return;
  throw new Error(`the agent did not say ${line} in ${timeoutMs / 1000} s:\n${agent.tail()}`);
}

/** What `pilotlight cache status` says of the assets, by name. */
function statusOf(lab: Lab): Record<string, AssetStatus> {
  const { assets } = cacheCommand(lab, "status") as AgentAssets;
  return Object.fromEntries(assets.map((asset) => [asset.name, asset]));
}

/** Powers on a board that loads its boot file and prints its size and checksum, which must be those of `octets`. */
async function bootBoard(lab: Lab, phase: string, octets: Uint8Array): Promise<Console> {
  const bootcmd = "dhcp 0x41000000; crc32 0x41000000 $filesize";
  const command = uBootArm64(lab, UBOOT_DEBIAN, BOARD, bootcmd, 0);
  const console = await runGuest(lab, { name: `uboot-${phase}`, command, timeoutMs: 120_000 });
  const to = (0x4100_0000 + octets.length - 1).toString(16);
  console.shows(`Bytes transferred = ${octets.length}`);
  console.shows(`crc32 for 41000000 ... ${to} ==> ${crc32Text(octets)}`);
  return console;
}

/** Powers on a PC; its initramfs must say that it is this version. */
async function bootPc(lab: Lab, phase: string, version: string): Promise<Console> {
  const command = ipxePc(PC, 1);
  const console = await runGuest(lab, { name: `ipxe-${phase}`, command, timeoutMs: 150_000 });
  console.shows("iPXE");
  console.shows(/LAB-CMDLINE .*lab\.mark=store/);
  console.shows(new RegExp(`^LAB-VERSION ${version}$`, "m"));
  console.shows("LAB-DONE");
  return console;
}

describe("machines boot from a store", () => {
  realTest("U-Boot and iPXE, with the store up, gone, and poisoned", async (lab) => {
    const uplink = new Uplink(lab);
    const good = {
      "firmware.bin": FIRMWARE,
      vmlinuz: KERNEL,
      "initrd.img": initramfsThatSays("good"),
    };
    const store = await uplink.serve(good);
    const yaml = site(store, "first");
    const bootBoth = (phase: string): Promise<Console[]> =>
      Promise.all([bootBoard(lab, phase, FIRMWARE), bootPc(lab, phase, "good")]);

    // Nothing is cached, and both are powered on at once.
    uplink.narrow(NARROW_KBIT);
    const cold = await launchAgent(lab, yaml, "agent-cold.log");
    const booted = bootBoth("cold");
    const held = Promise.all([
      told(cold, /uboot1 +tftp .*\(held: .*\/firmware\.bin/, FETCH_MS),
      told(cold, /pc1 +http .*\(held: .*\/vmlinuz/, FETCH_MS),
    ]);
    // A guest that gives up is the better explanation of a journal that stays silent.
    await Promise.race([held, booted.then(() => held)]);
    expect(statusOf(lab)).toMatchObject({
      kernel: { state: "waiting", progress: { phase: "fetching", total: KERNEL.length } },
      initrd: { state: "waiting" },
    });
    uplink.widen();
    await booted;
    await told(cold, /uboot1 +tftp .*firmware\.bin.*; held for \d/, 1_000);
    await told(cold, /pc1 +http .*; held for \d/, 1_000);
    await stopAgent(cold);
    const fetches = (await store.nginx.requests(3)).filter((line) => line.endsWith(" 200"));
    const each = ["GET /firmware.bin 200", "GET /initrd.img 200", "GET /vmlinuz 200"];
    expect(fetches.sort(), "one fetch each").toEqual(each);

    // The store is dead, the uplink is down, and no name can be looked up.
    await store.nginx.kill();
    uplink.cut();
    const offline = await launchAgent(lab, yaml, "agent-offline.log");
    for (const name of ["firmware", "kernel", "initrd"]) {
      await told(
        offline,
        new RegExp(`${name}: its store could not be asked .*E_STORE_UNREACHABLE`),
        20_000,
      );
    }
    const stale = {
      code: "E_STORE_UNREACHABLE",
      message: expect.stringContaining("the name service does not answer"),
    };
    const served = { state: "served", stale };
    expect(statusOf(lab)).toMatchObject({ firmware: served, kernel: served, initrd: served });
    await bootBoth("offline");
    await stopAgent(offline);

    // The store is back, with something else under the same URLs.
    for (const [name, octets] of Object.entries(POISON)) store.nginx.put(name, octets);
    uplink.mend();
    await store.nginx.start();
    const poisoned = await launchAgent(lab, yaml, "agent-poisoned.log");
    for (const [asset, octets] of [
      ["firmware", POISON["firmware.bin"]],
      ["kernel", POISON.vmlinuz],
      ["initrd", POISON["initrd.img"]],
    ] as const) {
      const aside = sha256(octets).slice(0, 16);
      const line = new RegExp(`${asset}: .*refused: .*quarantine/${aside}`);
      await told(poisoned, line, 20_000);
      const file = readFileSync(join(lab.scratch, "cache", "quarantine", aside));
      expect(file.equals(octets), `what was put aside of ${asset}`).toBe(true);
      const refused = { sourceDigest: sha256(octets), keptAs: aside };
      expect(statusOf(lab)[asset]).toMatchObject({ state: "served", refused });
    }
    await bootBoth("poisoned");
    await stopAgent(poisoned);
  });

  realTest("U-Boot and iPXE, with a newer version in the store, and rolled back", async (lab) => {
    const uplink = new Uplink(lab);
    const store = await uplink.serve({
      "firmware.bin": FIRMWARE,
      vmlinuz: KERNEL,
      "initrd.img": initramfsThatSays("one"),
    });
    const agent = await launchAgent(lab, site(store, "always-newest"));
    for (const name of ["firmware", "initrd"]) {
      await told(agent, new RegExp(`${name}: fetched `), FETCH_MS);
    }
    // Both are newer before anything boots: while a machine does, no store is asked.
    store.nginx.put("firmware.bin", NEW_FIRMWARE);
    store.nginx.put("initrd.img", initramfsThatSays(NEW));
    await told(agent, /firmware: \w+ is served now, instead of/, SWITCH_MS);
    await told(agent, /initrd: \w+ is served now, instead of/, SWITCH_MS);
    await Promise.all([bootBoard(lab, "two", NEW_FIRMWARE), bootPc(lab, "two", NEW)]);
    cacheCommand(lab, "rollback", "firmware");
    await told(agent, /firmware: \w+ is served now, .*the operator pinned it/, SWITCH_MS);
    expect(statusOf(lab)).toMatchObject({
      firmware: { state: "held", digest: sha256(FIRMWARE) },
      initrd: { state: "served", digest: sha256(initramfsThatSays(NEW)) },
    });
    await bootBoard(lab, "back", FIRMWARE);
    await stopAgent(agent);
  });
});
