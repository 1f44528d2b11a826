import { readFileSync } from "node:fs";
import type { OpenedBundle } from "../bundle/bundle.ts";
import type { Caller } from "../control/caller.ts";
import type { BundleRecord, ProbationState } from "../control/messages.ts";
import { AgentError } from "../errors.ts";
import type { Site } from "../site/site.ts";
import { errorCode } from "../state/folder.ts";
import { BundleStore, type ConfigHead, type StoredBundle } from "./bundle-store.ts";
import { callerName, sourceText } from "./caller-text.ts";
import type { BundleSource, ConfigKeeper } from "./config.ts";
import {
  type ConfigInput,
  MAX_PROBATION_MS,
  MAX_TRIES,
  MIN_PROBATION_MS,
  PROBATION_MS,
} from "./config-input.ts";
import { Probation } from "./probation.ts";

/**
 * The bundles of an agent: which one runs, which ran before, and what happens when one turns out to be wrong.
 *
 * One thing is done at a time. A bundle is served first and written down then; when either fails the one before is served. So a
 * power cut finds either the old head or the new one.
 */
export class KeptConfig implements ConfigKeeper {
  private readonly o: ConfigInput;
  private readonly store: BundleStore;
  private site: Site | undefined;
  private trial: Probation | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(input: ConfigInput) {
    this.o = input;
    this.store = new BundleStore(input.dir, input.database);
  }

  get current(): BundleRecord | undefined {
    const { current } = this.store.head;
    return current === 0 ? undefined : plain(this.store.get(current));
  }

  get probation(): ProbationState | undefined {
    const { trial } = this;
    const { current, previous } = this.store.head;
    return trial && { serial: current, previous, endsInMs: trial.endsInMs };
  }

  /** The highest serial number that was ever accepted. */
  get highestSerial(): number {
    return this.store.head.highest;
  }

  /**
   * Serves what was served last. A pushed bundle that nobody had confirmed is gone back from.
   *
   * Rejects with AgentError when it cannot be served now; it may be tried again. Resolves without a site when there is none.
   */
  start(): Promise<void> {
    return this.alone(async () => {
      await this.store.sweep();
      const { head } = this.store;
      const { probation } = head;
      if (probation && (probation.kind === "push" || probation.tries >= MAX_TRIES)) {
        await this.goBack("the agent was started again before it was confirmed");
        return;
      }
      const record = this.store.get(head.current);
      if (!record) return;
      const site = await this.siteOf(record);
      await this.o.serve(site);
      this.site = site;
      if (!probation) return;
      await this.store.commit({ ...head, probation: { ...probation, tries: probation.tries + 1 } });
      this.watch(probation.kind, probation.lengthMs);
    });
  }

  apply(octets: Uint8Array, source: BundleSource, probationMs?: number): Promise<BundleRecord> {
    return this.alone(async () => {
      const { bundles } = this.o;
      const opened = bundles.open(octets);
      const running = this.current;
      // Asked again for what runs: a publisher's answer after a restart, or a push whose answer was lost.
      if (running?.digest === opened.digest) return running;
      bundles.judge(opened, this.store.head.highest);
      const file = await this.unpack(opened);
      try {
        const site = await this.o.loadSite(file);
        const record = this.recordOf(opened, file, sourceText(source), site);
        return await this.begin(
          record,
          site,
          source.kind === "push" ? "push" : "fetched",
          probationMs,
        );
      } catch (error) {
        await this.store.discard(opened);
        throw error;
      }
    });
  }

  async validate(octets: Uint8Array): Promise<OpenedBundle> {
    return (await this.preview(octets)).opened;
  }

  /** The same with what would change. */
  preview(
    octets: Uint8Array,
  ): Promise<{ readonly opened: OpenedBundle; readonly changes: readonly string[] }> {
    return this.alone(async () => {
      const { bundles, loadSite, siteChanges } = this.o;
      const opened = bundles.open(octets);
      if (this.current?.digest === opened.digest) return { opened, changes: [] };
      bundles.judge(opened, this.store.head.highest);
      try {
        const site = await loadSite(await this.unpack(opened));
        return { opened, changes: siteChanges(this.site, site) };
      } finally {
        await this.store.discard(opened);
      }
    });
  }

  /** What changed from one bundle of the history to another. Rejects with E_NOT_FOUND. */
  async compare(from: number, to: number): Promise<readonly string[]> {
    const before = await this.siteOf(this.known(from));
    return this.o.siteChanges(before, await this.siteOf(this.known(to)));
  }

  confirm(serial: number, caller: Caller): Promise<void> {
    return this.alone(async () => {
      const { head } = this.store;
      if (head.current !== serial || serial === 0) {
        throw new AgentError("E_CONFIG", `serial ${serial} does not run: ${runs(head)}`);
      }
      if (!head.probation) return;
      await this.settle(`confirmed by ${callerName(caller)}`);
    });
  }

  rollback(serial: number | undefined, caller: Caller): Promise<BundleRecord> {
    return this.alone(async () => {
      const target = serial === undefined ? this.before() : this.known(serial);
      if (target.serial === this.store.head.current) {
        throw new AgentError("E_CONFIG", `serial ${target.serial} runs already`);
      }
      const octets = await this.store.octets(target);
      if (!octets) throw new AgentError("E_CONFIG", `the disk has lost serial ${target.serial}`);
      // Whoever was trusted when it was pushed may not be any more; that it is older is what is wanted.
      const opened = this.o.bundles.open(octets);
      this.o.bundles.judge(opened, target.serial - 1);
      const site = await this.siteOf(target);
      const source = `rollback by ${callerName(caller)}`;
      const record = this.recordOf(opened, target.file, source, site);
      return await this.begin(record, site, "push", undefined);
    });
  }

  history(): readonly BundleRecord[] {
    return this.store.list().flatMap((record) => plain(record) ?? []);
  }

  octetsOf(serial: number = this.store.head.current): Uint8Array | undefined {
    const record = this.store.get(serial);
    if (!record) return undefined;
    try {
      return new Uint8Array(readFileSync(this.store.octetsFile(serial, record.digest)));
    } catch (error) {
      if (errorCode(error) !== undefined) return undefined;
      throw error;
    }
  }

  /** Ends what it watches; what was written down holds at the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.trial?.end();
    this.trial = undefined;
    await this.turn;
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(() => {
      if (this.stopped) throw new AgentError("E_BUSY", "the agent is stopping");
      return work();
    });
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async unpack(opened: OpenedBundle): Promise<string> {
    // What is there under this name is of an attempt that failed, or has the same octets.
    await this.store.discard(opened);
    await this.store.keepOctets(opened);
    return await this.o.bundles.unpack(opened, this.store.folderOf(opened));
  }

  private recordOf(opened: OpenedBundle, file: string, source: string, site: Site): StoredBundle {
    const { bundle, signer, digest } = opened;
    return {
      serial: bundle.serial,
      site: bundle.site,
      digest,
      signer,
      operator: this.o.bundles.signerName(signer),
      source,
      appliedAt: new Date(this.o.wallMs()).toISOString(),
      state: "probation",
      changes: this.o.siteChanges(this.site, site),
      turn: this.store.head.turn + 1,
      file,
      ...(bundle.notBefore === undefined ? {} : { notBefore: isoOf(bundle.notBefore) }),
      ...(bundle.expires === undefined ? {} : { expires: isoOf(bundle.expires) }),
    };
  }

  /** Serves a bundle and begins its probation. */
  private async begin(
    record: StoredBundle,
    site: Site,
    kind: "push" | "fetched",
    probationMs: number = PROBATION_MS,
  ): Promise<BundleRecord> {
    const lengthMs = Math.min(MAX_PROBATION_MS, Math.max(MIN_PROBATION_MS, probationMs));
    const { head } = this.store;
    await this.serve(site, record.serial);
    const { serial, turn } = record;
    const probation = { serial, kind, lengthMs, tries: 1 };
    const highest = Math.max(head.highest, serial);
    // One that was pushed and nobody had confirmed is no place to go back to; one that was found needs nobody.
    const previous = head.probation?.kind === "push" ? head.previous : head.current;
    const records = this.leaving(head, previous, `serial ${serial} took its place`);
    try {
      const next = { current: serial, previous, highest, turn, probation };
      await this.store.commit(next, ...records, record);
    } catch (error) {
      await this.o.serve(this.site);
      throw error;
    }
    this.site = site;
    this.watch(kind, lengthMs);
    this.o.told(`serves ${record.site}, serial ${serial}, ${record.source}`, false);
    return this.tell(record);
  }

  /** The records of what is served no longer: one that was on probation was never confirmed. */
  private leaving(head: ConfigHead, previous: number, why: string): readonly StoredBundle[] {
    const left = this.store.get(head.current);
    if (!left) return [];
    if (left.serial === previous) return [{ ...left, state: "kept" }];
    return [{ ...left, state: "returned", reason: `${why} before it was confirmed` }];
  }

  private async serve(site: Site, serial: number): Promise<void> {
    try {
      await this.o.serve(site);
    } catch (cause) {
      if (!(cause instanceof AgentError) || cause.code === "E_CONFIG") throw cause;
      const { message, cure } = cause;
      throw new AgentError("E_CONFIG", `serial ${serial} cannot be served here: ${message}`, {
        cause,
        cure,
      });
    }
  }

  private watch(kind: "push" | "fetched", lengthMs: number): void {
    this.trial?.end();
    const { clock, fault, crash } = this.o;
    const seconds = Math.round(lengthMs / 1000);
    const late = (work: () => Promise<void>): void => {
      const trial = this.trial;
      this.alone(async () => {
        // It may have been confirmed or replaced while this waited for its turn.
        if (trial && this.trial === trial) await work();
      }).catch((error: unknown) => {
        if (!(error instanceof AgentError)) crash(error);
        else if (!this.stopped) this.o.told(`${error.message}. ${error.cure}`, true);
      });
    };
    this.trial = new Probation({
      lengthMs,
      clock,
      fault,
      failed: (why) => late(() => this.goBack(why)),
      over: () =>
        late(() =>
          kind === "push"
            ? this.goBack(`nobody confirmed it within ${seconds} s`)
            : this.settle(`nothing failed for ${seconds} s`),
        ),
    });
  }

  /** The probation is over, and well. */
  private async settle(why: string): Promise<void> {
    const { probation: _, ...head } = this.store.head;
    const record = this.known(head.current);
    const running: StoredBundle = { ...record, state: "running" };
    await this.store.commit({ ...head, previous: 0 }, running);
    this.trial?.end();
    this.trial = undefined;
    this.o.told(`serial ${record.serial} stays: ${why}`, false);
    this.tell(running);
  }

  /** The probation is over, and not well. What is written down holds even when the one before cannot be served either. */
  private async goBack(reason: string): Promise<void> {
    this.trial?.end();
    this.trial = undefined;
    const { probation: _, ...head } = this.store.head;
    const failed = this.store.get(head.current);
    const target = this.store.get(head.previous);
    const records: StoredBundle[] = failed ? [{ ...failed, state: "returned", reason }] : [];
    if (target) records.push({ ...target, state: "running" });
    const to = target ? `serial ${target.serial}` : "no configuration";
    this.o.told(`goes back from serial ${failed?.serial ?? 0} to ${to}: ${reason}`, true);
    try {
      this.site = target && (await this.siteOf(target));
      await this.o.serve(this.site);
    } finally {
      await this.store.commit({ ...head, current: target?.serial ?? 0, previous: 0 }, ...records);
      for (const record of records) this.tell(record);
    }
  }

  /** The bundle before the one that runs. */
  private before(): StoredBundle {
    const { head } = this.store;
    const found = this.store
      .list()
      .find(({ serial, state }) => serial !== head.current && state !== "returned");
    if (found) return found;
    throw new AgentError("E_NOT_FOUND", "there is no bundle before the one that runs");
  }

  private known(serial: number): StoredBundle {
    const record = this.store.get(serial);
    if (record) return record;
    const serials = this.store.list().map((r) => r.serial);
    throw new AgentError(
      "E_NOT_FOUND",
      `serial ${serial} is not in the history: it has ${serials.join(", ") || "none"}`,
    );
  }

  /** The site of a bundle of the history; its files are unpacked again where they are not what they were. */
  private async siteOf(record: StoredBundle): Promise<Site> {
    try {
      return await this.o.loadSite(record.file);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const octets = await this.store.octets(record);
      if (!octets) throw error;
      const opened = this.o.bundles.open(octets);
      const folder = this.store.folderOf(opened);
      await this.store.removeFolder(folder);
      return await this.o.loadSite(await this.o.bundles.unpack(opened, folder));
    }
  }

  private tell(record: StoredBundle): BundleRecord {
    const told = outside(record);
    this.o.changed(told);
    return told;
  }
}

function plain(record: StoredBundle | undefined): BundleRecord | undefined {
  return record && outside(record);
}

/** A record without what concerns nobody else. */
function outside({ turn: _turn, file: _file, ...record }: StoredBundle): BundleRecord {
  return record;
}

function runs({ current }: ConfigHead): string {
  return current === 0 ? "none does" : `serial ${current} does`;
}

/** Years beyond 9999 are no dates any more. */
const LAST_S = 253_402_300_799;

function isoOf(seconds: number): string {
  return new Date(Math.min(seconds, LAST_S) * 1000).toISOString();
}
