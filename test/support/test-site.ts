import path from "node:path";
import { AddressBook } from "../../agent/addresses/address-book.ts";
import { ChunkCache } from "../../agent/assets/chunk-cache.ts";
import { AssetStore } from "../../agent/assets/store.ts";
import type { AgentError } from "../../agent/errors.ts";
import { Journal, type JournalEntry } from "../../agent/log/journal.ts";
import type { BootPlan } from "../../agent/plan/boot-plan.ts";
import { Needs } from "../../agent/plan/needs.ts";
import { Planner } from "../../agent/plan/planner.ts";
import { Renderer } from "../../agent/plan/render.ts";
import { Sightings } from "../../agent/plan/sightings.ts";
import { type ServiceContext, StatusCounters } from "../../agent/services/context.ts";
import { FileHandles } from "../../agent/services/nfs/handle.ts";
import { parseSite } from "../../agent/site/load.ts";
import type { Site } from "../../agent/site/site.ts";
import { type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeAssets } from "./fake-slots.ts";
import { tempDir } from "./temp-dir.ts";

/** Content with a pattern of its own, so that misplaced octets show. */
export function pattern(len: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: len }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 0xff);
}

export const LOADER: Uint8Array = pattern(1_021, 3);
export const KERNEL: Uint8Array = pattern(5_000, 5);
export const INITRD: Uint8Array = pattern(3_000, 7);

/** Handles in tests are under this key. */
export const HANDLE_KEY: Uint8Array = pattern(16, 13);

/** Small chunks, so that short files have several. */
export const CHUNK_LEN = 1_024;

/** A rack with one machine of each kind; what the tests of the services work on. */
export const RACK = `
site: rack7
network:
  address: 172.24.42.150/24
  router: 172.24.42.1
  dns: [172.24.42.150]
  domain: rack7.example
  relays: [10.1.0.1]
assets:
  ofwboot: { file: ofwboot.net }
  netbsd: { file: netbsd }
  initrd: { file: initrd.img }
  ipxe-bios: { file: undionly.kpxe }
  ipxe-x64: { file: ipxe.efi }
  gone: { file: not-there }
profiles:
  sun: { bsd: { loader: ofwboot, root: { netbsd: netbsd, etc/rc: initrd }, bootparams: { swap: ":none" } } }
  debian:
    linux: { kernel: netbsd, initrd: initrd, cmdline: "console={{ vars.tty }} ip={{ machine.ip }}", root: tree }
    files: { config.txt: { template: config.liquid }, broken: gone, boot/kernel: netbsd }
  plain: { files: { grub.efi: ipxe-x64 }, boot: grub.efi }
defaults:
  chain: { pxe-bios: ipxe-bios, uefi-x64: ipxe-x64, uefi-http-x64: ipxe-x64 }
machines:
  v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: sun }
  minipc: { mac: "52:54:00:aa:00:02", ip: 172.24.42.60, profile: debian, vars: { tty: ttyS0 } }
  plain: { mac: "52:54:00:aa:00:03", ip: 172.24.42.61, profile: plain }
  bare: { mac: "52:54:00:aa:00:01", ip: 172.24.42.62 }
`;

export const RACK_FILES: Readonly<Record<string, string | Uint8Array>> = {
  "ofwboot.net": LOADER,
  netbsd: KERNEL,
  "initrd.img": INITRD,
  "undionly.kpxe": pattern(600, 9),
  "ipxe.efi": pattern(700, 11),
  "config.liquid": "name={{ machine.hostname }} url={{ url['config.txt'] }}\n",
  "tree/etc/fstab": "none\n",
  "tree/kernel": KERNEL,
};

/** An address from its text. */
export function ip(text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

/** A rack whose services can be run by hand. */
export interface TestRack {
  readonly dir: string;
  readonly site: Site;
  readonly cache: ChunkCache;
  readonly store: AssetStore;
  /** The slots of the plans, whose states a test may change. */
  readonly assets: FakeAssets;
  /** The site's own plans, which `context` has. */
  readonly planner: Planner;
  readonly context: ServiceContext;
  readonly clock: FakeClock;
  readonly journal: Journal;
  readonly problems: readonly AgentError[];
  plan(machine: string): BootPlan;
  /** The journal's last entry. */
  last(): JournalEntry;
}

/** Writes the files into a folder of their own and makes a context from the site text. */
export async function testRack(
  text: string = RACK,
  files: Readonly<Record<string, string | Uint8Array>> = RACK_FILES,
  budget = 64 * CHUNK_LEN,
): Promise<TestRack> {
  const dir = tempDir(files);
  const { site, problems: mistakes } = parseSite(text, path.join(dir, "site.yaml"));
  if (!site) throw new Error(JSON.stringify(mistakes, null, 2));
  const cache = new ChunkCache(CHUNK_LEN, budget);
  const store = await AssetStore.open(site.assets.values(), cache);
  const assets = new FakeAssets(store);
  const problems: AgentError[] = [];
  const planner = await Planner.create({
    site,
    assets,
    renderer: new Renderer(),
    siteMtimeMs: 1_700_000_000_000,
    problem: (error) => problems.push(error),
  });
  const clock = new FakeClock();
  const journal = new Journal(200, () => 1_700_000_000_000 + clock.now());
  const sightings = new Sightings(() => clock.now());
  const needs = new Needs(() => clock.now());
  const addresses = AddressBook.forgetful(site, () => clock.now());
  const counters = new StatusCounters();
  const handles = new FileHandles(HANDLE_KEY, counters);
  const context = { planner, addresses, sightings, needs, journal, counters, handles, clock };
  const plan = (name: string): BootPlan => {
    const machine = site.machines.find((m) => m.name === name);
    const found = machine && planner.byIp(machine.ip);
    if (!found) throw new Error(`no machine ${name}`);
    return found;
  };
  const last = (): JournalEntry => {
    const entry = journal.entries().at(-1);
    if (!entry) throw new Error("the journal is empty");
    return entry;
  };
  return {
    dir,
    site,
    cache,
    store,
    assets,
    planner,
    context,
    clock,
    journal,
    problems,
    plan,
    last,
  };
}
