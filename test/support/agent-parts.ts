import { onTestFinished } from "vitest";
import type { OpenedBundle } from "../../agent/bundle/bundle.ts";
import { Captures } from "../../agent/capture/captures.ts";
import type { BundleSource, ConfigKeeper } from "../../agent/config/config.ts";
import { assetControl } from "../../agent/control/asset-control.ts";
import type { AgentParts, RunningSite, Situation } from "../../agent/control/handlers/parts.ts";
import type { BundleRecord } from "../../agent/control/messages.ts";
import { AgentNews } from "../../agent/control/news.ts";
import type { Asked } from "../../agent/control/verbs.ts";
import { AgentError } from "../../agent/errors.ts";
import type { PublicKey } from "../../agent/identity/keys.ts";
import type { Operator, Trust, TrustOrigin } from "../../agent/identity/trust.ts";
import { BootActivity } from "../../agent/log/boot-activity.ts";
import { CurrentPlans } from "../../agent/plan/current-plans.ts";
import type { Machine } from "../../agent/site/site.ts";
import { MemoryOverrides } from "./memory-overrides.ts";
import { tempDir } from "./temp-dir.ts";
import { type TestRack, testRack } from "./test-site.ts";

/** 2026-06-01. */
export const WALL_MS = 1_780_272_000_000;

/** A key that is told by its number. */
export function testKey(n: number): PublicKey {
  const octets = new Uint8Array(32).fill(n);
  return { octets, fingerprint: `key${n}`.padEnd(52, "a") };
}

/** Operators in memory. */
export class MemoryTrust implements Trust {
  readonly operators: Operator[] = [];

  list(): readonly Operator[] {
    return this.operators;
  }

  find(fingerprint: string): Operator | undefined {
    return this.operators.find((o) => o.key.fingerprint === fingerprint && !o.revoked);
  }

  get unclaimed(): boolean {
    return this.operators.length === 0;
  }

  async add(name: string, key: PublicKey, origin: TrustOrigin): Promise<Operator> {
    const operator = { name, key, origin, since: "2026-06-01T00:00:00.000Z" };
    this.operators.push(operator);
    return operator;
  }

  async revoke(fingerprint: string): Promise<Operator> {
    const i = this.operators.findIndex((o) => o.key.fingerprint === fingerprint);
    const operator = this.operators[i];
    if (!operator) throw new AgentError("E_TRUST", "nobody has this key");
    const revoked = { ...operator, revoked: "2026-06-02T00:00:00.000Z" };
    this.operators[i] = revoked;
    return revoked;
  }
}

/** What was asked of the configuration, and what is answered. Octets of a bundle are its serial number. */
export class MemoryConfig implements ConfigKeeper {
  readonly asked: unknown[] = [];
  records: BundleRecord[] = [];
  probation = undefined;

  get current(): BundleRecord | undefined {
    return this.records[0];
  }

  async apply(
    octets: Uint8Array,
    source: BundleSource,
    probationMs?: number,
  ): Promise<BundleRecord> {
    this.asked.push(["apply", source, probationMs]);
    const record = bundleRecord(octets[0] ?? 0);
    this.records.unshift(record);
    return record;
  }

  async validate(octets: Uint8Array): Promise<OpenedBundle> {
    if (octets.length === 0) throw new AgentError("E_BUNDLE", "it is empty");
    return openedBundle(octets);
  }

  async confirm(serial: number): Promise<void> {
    this.asked.push(["confirm", serial]);
  }

  async rollback(serial: number | undefined): Promise<BundleRecord> {
    this.asked.push(["rollback", serial]);
    return bundleRecord(serial ?? 1);
  }

  history(): readonly BundleRecord[] {
    return this.records;
  }

  octetsOf(serial?: number): Uint8Array | undefined {
    const record = this.records.find((r) => r.serial === (serial ?? this.current?.serial));
    return record && Uint8Array.of(record.serial);
  }
}

export function bundleRecord(serial: number): BundleRecord {
  return {
    serial,
    site: "rack7",
    digest: "00".repeat(32),
    signer: "key1",
    operator: "eva",
    source: "push by eva",
    appliedAt: "2026-06-01T00:00:00.000Z",
    state: "running",
    changes: [],
  };
}

function openedBundle(octets: Uint8Array): OpenedBundle {
  const serial = octets[0] ?? 0;
  const files = new Map([["site.yaml", Uint8Array.of(serial)]]);
  return {
    bundle: {
      version: 1,
      site: "rack7",
      serial,
      targets: { any: true },
      made: 1,
      main: "site.yaml",
      files,
    },
    signer: "key1",
    octets,
    digest: "00".repeat(32),
  };
}

/** An agent made of what tests can look into. */
export interface TestAgent extends TestRack {
  readonly parts: AgentParts;
  readonly running: RunningSite;
  readonly plans: CurrentPlans;
  readonly trust: MemoryTrust;
  readonly config: MemoryConfig;
  readonly news: AgentNews;
  readonly woken: string[];
  readonly restarts: number[];
  situation: Situation;
}

/** A running agent with the test rack. `over`: parts to have otherwise. */
export async function testAgent(
  over: Partial<AgentParts> = {},
  site: Partial<RunningSite> = {},
): Promise<TestAgent> {
  const rack = await testRack();
  const { clock, journal } = rack;
  const wallMs = (): number => WALL_MS + clock.now();
  const bug = (error: unknown): never => {
    throw error;
  };
  const plans = await CurrentPlans.create({
    planner: rack.planner,
    records: new MemoryOverrides(),
    journal,
    now: () => clock.now(),
    wallMs,
    problem: bug,
    crash: bug,
  });
  const activity = new BootActivity(journal, () => clock.now());
  const captures = await Captures.create({
    stateDir: tempDir(),
    openLane: () => Promise.reject(new AgentError("E_USAGE", "no lane in this test")),
    clock,
    wallNs: () => BigInt(wallMs()) * 1_000_000n,
    journal,
  });
  onTestFinished(() => {
    plans.stop();
    activity.stop();
    return captures.close();
  });
  const usage = {
    limit: 1_000,
    used: 10,
    evictable: 0,
    diskFree: 1,
    blobs: 1,
    quarantined: 0,
    partial: 0,
  };
  const keeper = {
    status: async () => ({
      assets: [
        { name: "ofwboot", state: "served" as const, digest: "aa", versions: 1 },
        { name: "netbsd", state: "waiting" as const, versions: 0 },
        { name: "gone", state: "failed" as const, versions: 0 },
      ],
      cache: usage,
      clock: { nowMs: wallMs(), plausible: true },
    }),
  };
  const woken: string[] = [];
  const running: RunningSite = {
    planner: plans,
    keeper,
    cache: {
      asset: () => undefined,
      assets: () => [],
      blob: () => undefined,
      update: async () => undefined,
    },
    assets: assetControl({
      site: rack.site,
      keeper: keeper as never,
      cache: undefined as never,
      booting: () => [],
      pid: 1,
      version: "1.2.3",
    }),
    activity,
    sightings: rack.context.sightings,
    counters: rack.context.counters,
    wake: { wake: (machine: Machine, by: string) => woken.push(`${machine.name} by ${by}`) },
    interfaceName: "eth1",
    ...site,
  };
  const trust = new MemoryTrust();
  const config = new MemoryConfig();
  const news = new AgentNews(wallMs);
  const restarts: number[] = [];
  let name = "pilot";
  const agent = { situation: { state: "serving", reasons: [] } as Situation };
  const parts: AgentParts = {
    identity: {
      key: { publicKey: testKey(9), sign: () => new Uint8Array(64) },
      certificate: "",
      privateKey: "",
    },
    name: {
      current: () => name,
      rename: async (to) => {
        name = to;
      },
    },
    version: "1.2.3",
    board: "generic-x64",
    trust,
    publicKey: (octets) => testKey(octets[0] ?? 0),
    config,
    bundles: {
      open: openedBundle,
      changes: (from, to) => [`${from?.bundle.serial ?? "none"} to ${to.bundle.serial}`],
    },
    siteFile: undefined,
    running: () => running,
    situation: () => agent.situation,
    search: () => undefined,
    interfaces: () => [{ name: "eth1", role: "rack", up: true, addresses: ["172.24.42.150/24"] }],
    journal,
    log: { level: "info" },
    captures,
    news,
    clock,
    wallMs,
    startedMs: WALL_MS,
    restart: () => restarts.push(clock.now()),
    ...over,
  };
  return Object.assign(agent, rack, {
    parts,
    running,
    plans,
    trust,
    config,
    news,
    woken,
    restarts,
  });
}

/** By an operator, who goes on listening. */
export function byEva(signal: AbortSignal = new AbortController().signal): Asked {
  const operator: Operator = {
    name: "eva@laptop",
    key: testKey(1),
    since: "2026-06-01T00:00:00.000Z",
    origin: { by: "claim" },
  };
  return { caller: { kind: "operator", operator }, signal };
}

/** By somebody on the agent's host. */
export const LOCALLY: Asked = {
  caller: { kind: "local" },
  signal: new AbortController().signal,
};
