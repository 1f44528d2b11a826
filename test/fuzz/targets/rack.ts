import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { AddressBook } from "../../../agent/addresses/address-book.ts";
import { ChunkCache } from "../../../agent/assets/chunk-cache.ts";
import { loadRange } from "../../../agent/assets/content.ts";
import { isWait } from "../../../agent/assets/slot.ts";
import { AssetStore } from "../../../agent/assets/store.ts";
import { AgentError } from "../../../agent/errors.ts";
import type { Clock } from "../../../agent/link/clock.ts";
import {
  type Datagram,
  TxPool,
  type TxSlab,
  type UdpPort,
  type UdpPorts,
} from "../../../agent/link/datagram.ts";
import { Journal } from "../../../agent/log/journal.ts";
import { Needs } from "../../../agent/plan/needs.ts";
import { Planner } from "../../../agent/plan/planner.ts";
import { Renderer } from "../../../agent/plan/render.ts";
import { Sightings } from "../../../agent/plan/sightings.ts";
import { type ServiceContext, StatusCounters } from "../../../agent/services/context.ts";
import { FileHandles } from "../../../agent/services/nfs/handle.ts";
import { parseSite } from "../../../agent/site/load.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";

/** A rack that has one machine of each kind. The captures' addresses, so that their packets are from machines of it. */
export const RACK_SITE = `site: fuzz
network: { address: 192.168.77.1/24, router: 192.168.77.1, dns: [192.168.77.1], relays: [10.1.0.1] }
assets:
  ofwboot: { file: ofwboot }
  netbsd: { file: netbsd }
  gone: { file: gone }
profiles:
  sun: { bsd: { loader: ofwboot, root: { netbsd: netbsd, etc/rc: ofwboot }, bootparams: { swap: ":none" } } }
  linux:
    linux: { kernel: netbsd, initrd: ofwboot, cmdline: "ip={{ machine.ip }}", root: tree }
    files: { config: { template: config.liquid }, broken: gone }
defaults: { chain: { pxe-bios: ofwboot, uefi-x64: netbsd, uefi-http-x64: netbsd } }
machines:
  sun: { mac: "52:54:00:aa:00:01", ip: 192.168.77.10, profile: sun }
  pc: { mac: "52:54:00:aa:00:02", ip: 192.168.77.11, profile: linux }
  bare: { mac: "52:54:00:aa:00:04", ip: 192.168.77.12 }
`;

const FILES: Readonly<Record<string, number | string>> = {
  ofwboot: 1_021,
  netbsd: 5_000,
  "config.liquid": "name={{ machine.hostname }}\n",
  "tree/etc/fstab": "none\n",
  "tree/kernel": 3_000,
};
const CHUNK_LEN = 1_024;
const CACHE_LEN = 1024 * 1024;
const JOURNAL_ENTRIES = 16;
const MTIME_MS = 1_700_000_000_000;

/** Who may speak: the three machines, and one that the site does not know. */
export const PEERS: readonly Ipv4[] = [
  "192.168.77.10",
  "192.168.77.11",
  "192.168.77.12",
  "192.168.77.99",
].map((text) => parseIpv4(text) ?? 0);

/** What the services of an agent stand on, without a network. */
export interface Rack {
  readonly context: ServiceContext;
  readonly clock: HandClock;
  /** What went wrong behind an input's back: the journal's failures, and invariants that broke after a wait. */
  readonly late: string[];
}

/** A rack whose contents are all in memory already. */
export async function rack(): Promise<Rack> {
  const dir = mkdtempSync(path.join(tmpdir(), "pilotlight-fuzz-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(FILES)) {
    const file = path.join(dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : new Uint8Array(content).fill(0x5a));
  }
  const { site, problems } = parseSite(RACK_SITE, path.join(dir, "site.yaml"));
  if (!site) throw new Error(problems.map(({ message }) => message).join("; "));
  const store = await AssetStore.open(site.assets.values(), new ChunkCache(CHUNK_LEN, CACHE_LEN));
  const planner = await Planner.create({
    site,
    assets: store,
    renderer: new Renderer(),
    siteMtimeMs: MTIME_MS,
    problem: () => {},
  });
  for (const { ip } of site.machines) {
    const files = planner.byIp(ip)?.files;
    for (const name of files?.names ?? []) {
      const content = files?.get(name)?.current();
      if (content && !isWait(content) && !(content instanceof AgentError))
        await loadRange(content, 0, content.size);
    }
  }
  const clock = new HandClock();
  const late: string[] = [];
  const journal = new Journal(JOURNAL_ENTRIES, () => MTIME_MS + clock.now());
  journal.follow((step) => {
    const { outcome, protocol, decision } = step.entry();
    if (outcome === "failed" && protocol !== "tftp") late.push(`${protocol}: ${decision}`);
  });
  const sightings = new Sightings(() => clock.now());
  const needs = new Needs(() => clock.now());
  const addresses = AddressBook.forgetful(site, () => clock.now());
  const counters = new StatusCounters();
  const handles = new FileHandles(new Uint8Array(16), counters);
  const context = { planner, addresses, sightings, needs, journal, counters, handles, clock };
  return { context, clock, late };
}

/** A clock that goes where it is told. */
export class HandClock implements Clock {
  private ms = 0;
  private readonly timers = new Map<number, { readonly dueMs: number; readonly fn: () => void }>();
  private next = 0;

  now(): number {
    return this.ms;
  }

  after(ms: number, fn: () => void): () => void {
    const id = this.next++;
    this.timers.set(id, { dueMs: this.ms + ms, fn });
    return () => this.timers.delete(id);
  }

  /** Goes to the next timer and runs it; false when there is none. */
  fire(): boolean {
    const [first] = [...this.timers].sort(([, a], [, b]) => a.dueMs - b.dueMs);
    if (!first) return false;
    const [id, { dueMs, fn }] = first;
    this.timers.delete(id);
    this.ms = Math.max(this.ms, dueMs);
    fn();
    return true;
  }
}

/** Told of every datagram that is sent. */
export type OnSend = (slab: TxSlab, len: number, dst: Ipv4, payload: readonly Uint8Array[]) => void;

/** A port without a network. */
export class HandPort implements UdpPort {
  readonly port: number;
  closed = false;
  /** Slabs borrowed and not given back. */
  out = 0;
  private handler: (d: Datagram) => void = () => {};
  private readonly pool: TxPool;
  private readonly onSend: OnSend;

  constructor(port: number, pool: TxPool, onSend: OnSend) {
    this.port = port;
    this.pool = pool;
    this.onSend = onSend;
  }
  onDatagram(handler: (d: Datagram) => void): void {
    this.handler = handler;
  }
  deliver(d: Datagram): void {
    if (!this.closed) this.handler(d);
  }
  borrow(): TxSlab | undefined {
    const slab = this.pool.borrow();
    if (slab) this.out += 1;
    return slab;
  }
  release(slab: TxSlab): void {
    this.out -= 1;
    this.pool.release(slab);
  }
  send(
    slab: TxSlab,
    len: number,
    dst: Ipv4,
    _dstPort: number,
    payload: readonly Uint8Array[] = [],
    sent?: () => void,
  ): void {
    this.release(slab);
    if (!this.closed) this.onSend(slab, len, dst, payload);
    sent?.();
  }
  close(): void {
    this.closed = true;
  }
}

/** Ports without a network; those of transfers are there at once, not a turn later. */
export class HandPorts implements UdpPorts {
  readonly opened: HandPort[] = [];
  readonly transfers: HandPort[] = [];
  private readonly pool = new TxPool(4);
  private readonly onSend: OnSend;

  constructor(onSend: OnSend) {
    this.onSend = onSend;
  }
  async open(port: number): Promise<UdpPort> {
    const opened = new HandPort(port, this.pool, this.onSend);
    this.opened.push(opened);
    return opened;
  }
  openTransfer(): Promise<UdpPort> {
    const port = new HandPort(20_000 + this.transfers.length, this.pool, this.onSend);
    this.transfers.push(port);
    return atOnce<UdpPort>(port);
  }
}

/** A promise that calls back at once, so that an execution is over when it returns. */
export function atOnce<T>(value: T): Promise<T> {
  const promise = Promise.resolve(value);
  // `catch` calls `then` without a first callback.
  const then = (use?: (value: T) => unknown): Promise<unknown> =>
    use ? atOnce(use(value)) : promise;
  // biome-ignore lint/suspicious/noThenProperty: it is a promise, which calls back sooner than others
  return Object.defineProperty(promise, "then", { value: then });
}
