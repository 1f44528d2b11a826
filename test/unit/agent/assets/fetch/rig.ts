import { onTestFinished } from "vitest";
import { ChunkCache } from "../../../../../agent/assets/chunk-cache.ts";
import type { Content } from "../../../../../agent/assets/content.ts";
import { AssetKeeper } from "../../../../../agent/assets/fetch/asset-keeper.ts";
import {
  FETCH_LIMITS,
  type KeeperOptions,
} from "../../../../../agent/assets/fetch/keeper-options.ts";
import { isWait, type Slot } from "../../../../../agent/assets/slot.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import type { JournalNote } from "../../../../../agent/log/journal.ts";
import type { AssetSpec } from "../../../../../agent/site/site.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import { MemoryCache } from "../../../../support/memory-cache.ts";
import { ScriptedSource } from "../../../../support/scripted-source.ts";
import { octetsOf } from "../contents.ts";

/** 2026-06-01. */
const WALL_MS = 1_780_272_000_000;

/** A keeper over scripted stores, in virtual time. */
export class Rig {
  readonly clock: FakeClock = new FakeClock();
  readonly cache: MemoryCache;
  readonly notes: JournalNote[] = [];
  readonly bugs: unknown[] = [];
  readonly sources: Map<string, ScriptedSource> = new Map();
  /** What the published list says. */
  published: string | AgentError = "";
  booting = false;
  random = 0;
  wallOffsetMs: number = WALL_MS;
  treated = 0;
  keeper: AssetKeeper;
  /** Set by a test that wants a bug. */
  forgiven = false;
  private readonly over: Partial<KeeperOptions>;

  constructor(over: Partial<KeeperOptions> = {}, cache: MemoryCache = new MemoryCache()) {
    this.cache = cache;
    this.over = over;
    this.keeper = this.open();
    onTestFinished(async () => {
      if (this.forgiven) return;
      await this.keeper.stop();
      await this.cache.close();
    });
  }

  /** The keeper of an agent that was started again. */
  async restart(): Promise<void> {
    await this.keeper.stop();
    this.keeper = this.open();
  }

  source(id: string, octets: Uint8Array): ScriptedSource {
    const source = new ScriptedSource(id, octets);
    this.sources.set(id, source);
    return source;
  }

  /** An asset with mirrors by their ids. */
  spec(name: string, ids: readonly string[], over: Partial<AssetSpec> = {}): AssetSpec {
    return {
      name,
      sources: ids.map((url) => ({ kind: "http", url, access: {} })),
      pin: "first",
      treatment: {},
      refreshMs: 0,
      ...over,
    };
  }

  slot(name: string, ids: readonly string[], over: Partial<AssetSpec> = {}): Slot {
    return this.keeper.slot(this.spec(name, ids, over));
  }

  /** The asset's octets, as soon as they are served. */
  async served(slot: Slot): Promise<Uint8Array> {
    await eventually(() => {
      const state = slot.current();
      if (this.bugs.length > 0) throw this.bugs[0];
      return !isWait(state) && !(state instanceof AgentError);
    }, `${slot.name} is served`);
    return octetsOf(slot.current() as Content);
  }

  /** The asset's error, as soon as there is one. */
  async failed(slot: Slot): Promise<AgentError> {
    await eventually(() => slot.current() instanceof AgentError, `${slot.name} fails`);
    return slot.current() as AgentError;
  }

  /** Lets time pass in steps, and what follows from it happen. */
  async pass(ms: number, steps = 1): Promise<void> {
    for (let i = 0; i < steps; i++) {
      await settle();
      this.clock.advance(ms / steps);
      await settle();
    }
  }

  events(outcome: JournalNote["outcome"]): string[] {
    return this.notes.filter((n) => n.outcome === outcome).map((n) => `${n.event}: ${n.decision}`);
  }

  private open(): AssetKeeper {
    return new AssetKeeper({
      cache: this.cache,
      chunks: new ChunkCache(1_024, 64 * 1_024),
      openSource: (spec) => {
        const source = spec.kind === "http" ? this.sources.get(spec.url) : undefined;
        if (!source) throw new AgentError("E_USAGE", "no such source");
        return source;
      },
      mirrors: { order: (s) => s, succeeded: () => {}, failed: () => {} },
      treat: (input) => this.treat(input.file, input.treatment.extract ?? ""),
      publishedDigest: async () => {
        if (typeof this.published !== "string") throw this.published;
        return this.published;
      },
      journal: { note: (n) => this.notes.push(n) },
      clock: this.clock,
      wallMs: () => this.wallOffsetMs + this.clock.now(),
      random: () => this.random,
      bootsRunning: () => this.booting,
      versions: 3,
      limits: FETCH_LIMITS,
      crash: (bug) => this.bugs.push(bug),
      ...this.over,
    });
  }

  /** An archive here is octets; `extract` is "FROM-TO" in it. */
  private async *treat(file: string, extract: string): AsyncGenerator<Uint8Array> {
    this.treated += 1;
    const octets = this.cache.read(file);
    const [from = 0, to = 0] = extract.split("-").map(Number);
    if (!(to <= octets.length)) {
      throw new AgentError("E_TREATMENT", `there is no ${extract} in it`);
    }
    yield octets.slice(from, to);
  }
}
