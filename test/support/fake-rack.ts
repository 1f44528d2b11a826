import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Bundle } from "../../agent/bundle/bundle.ts";
import { openBundle } from "../../agent/bundle/open-bundle.ts";
import { packSite } from "../../agent/bundle/pack-site.ts";
import { sealBundle } from "../../agent/bundle/seal-bundle.ts";
import type { CommandHost } from "../../agent/cli/host.ts";
import type { Steering } from "../../agent/cli/steer/steering.ts";
import type {
  AgentStatus,
  BundleRecord,
  SiteDocument,
  VerbName,
  Verbs,
} from "../../agent/control/messages.ts";
import { AgentError } from "../../agent/errors.ts";
import { generateKey, type PrivateKey } from "../../agent/identity/ed25519.ts";
import { fingerprintOf } from "../../agent/identity/fingerprint.ts";
import type { AgentConnection } from "../../agent/operator/connection.ts";
import { loadSite } from "../../agent/site/load.ts";
import { siteChanges } from "../../agent/site/site-changes.ts";
import { collect } from "./command-run.ts";
import { FakeClock } from "./fake-clock.ts";
import { tempDir } from "./temp-dir.ts";

/** The wall clock of tests: 2026-11-21. */
export const NOW_MS = 1_795_000_000_000;

interface Kept {
  record: BundleRecord;
  readonly bundle: Bundle;
  readonly siteFile: string;
}

/** What an agent that is asked by a fake connection does with bundles: applies, waits for a confirmation, goes back. */
export class FakeAgent {
  readonly name: string;
  readonly fingerprint: string;
  readonly asked: string[] = [];
  /** Reasons that it gives in its status while a bundle with this site's name runs. */
  degraded: Readonly<Record<string, readonly string[]>> = {};
  /** Thrown by the next call of a verb. */
  readonly failures = new Map<VerbName, AgentError>();
  /** From now on nobody reaches it. */
  unplugged = false;
  /** It loses its connection when it applies, and is not reached again until it went back. */
  breaksOnApply = false;
  /** Whether reading takes a signed request. */
  readSigned = false;
  localFile: string | undefined;
  probationS: number | undefined;
  extraFiles: Readonly<Record<string, Uint8Array>> = {};
  private readonly clock: FakeClock;
  private readonly kept: Kept[] = [];
  private current: Kept | undefined;
  private trial: { previous: Kept | undefined; endMs: number; cancel: () => void } | undefined;

  constructor(name: string, clock: FakeClock) {
    this.name = name;
    this.fingerprint = fingerprintOf(Buffer.from(name));
    this.clock = clock;
  }

  get runs(): string | undefined {
    return this.current?.record.site;
  }

  get onProbation(): boolean {
    return this.trial !== undefined;
  }

  get history(): readonly BundleRecord[] {
    return this.kept.map(({ record }) => record);
  }

  connection(): AgentConnection {
    let open = true;
    const answer = async (verb: VerbName, args: unknown, signed: boolean): Promise<unknown> => {
      await setImmediate();
      if (!open) throw new Error("this connection was closed");
      if (this.unplugged) throw new AgentError("E_UNREACHABLE", `${this.name} does not answer`);
      if (!signed && this.readSigned)
        throw new AgentError("E_FORBIDDEN", "only operators read here");
      this.asked.push(verb);
      const failure = this.failures.get(verb);
      this.failures.delete(verb);
      if (failure) throw failure;
      return this.answer(verb, args);
    };
    return {
      name: this.name,
      fingerprint: this.fingerprint,
      get: (verb, args) => answer(verb, args, false) as never,
      call: (verb, args) => answer(verb, args, true) as never,
      stream: () => {
        throw new Error("nothing streams here");
      },
      close: () => {
        open = false;
      },
    };
  }

  /** As if it had taken this bundle long ago. */
  async start(octets: Uint8Array): Promise<void> {
    await this.apply(octets, 5);
    this.confirm();
  }

  private async answer(verb: VerbName, args: unknown): Promise<unknown> {
    switch (verb) {
      case "status.get":
        return this.status();
      case "site.history":
        return { bundles: this.history };
      case "site.get":
        return this.document((args as Verbs["site.get"]["args"]).serial);
      case "site.validate": {
        const { bundle } = args as Verbs["site.validate"]["args"];
        const kept = this.open(bundle);
        return {
          site: kept.bundle.site,
          serial: kept.bundle.serial,
          changes: await this.changes(this.current, kept),
        };
      }
      case "site.put": {
        const { bundle, probationS = 30 } = args as Verbs["site.put"]["args"];
        this.probationS = probationS;
        const record = await this.apply(bundle, probationS);
        if (this.unplugged) throw new AgentError("E_UNREACHABLE", "the connection broke");
        return record;
      }
      case "site.diff": {
        const { from, to } = args as Verbs["site.diff"]["args"];
        return { changes: await this.changes(this.bySerial(from), this.bySerial(to)) };
      }
      case "site.rollback": {
        const to = this.bySerial((args as { serial: number }).serial);
        if (this.breaksOnApply) this.unplugged = true;
        const record = this.serve(to, 30);
        if (this.unplugged) throw new AgentError("E_UNREACHABLE", "the connection broke");
        return record;
      }
      case "site.confirm":
        if (!this.trial) throw new AgentError("E_CONFIG", "nothing is on probation");
        this.confirm();
        return {};
      default:
        throw new Error(`the fake agent cannot do ${verb}`);
    }
  }

  private status(): AgentStatus {
    const { current, trial } = this;
    const reasons = (current && this.degraded[current.record.site]) ?? this.degraded["*"] ?? [];
    const identity = { name: this.name, fingerprint: this.fingerprint };
    const bundle = current?.record;
    const probation = trial &&
      bundle && {
        serial: bundle.serial,
        previous: trial.previous?.record.serial ?? 0,
        endsInMs: trial.endMs - this.clock.now(),
      };
    const site =
      this.localFile !== undefined
        ? { name: "local", source: "file", file: this.localFile }
        : bundle && {
            name: bundle.site,
            source: "bundle",
            bundle,
            ...(probation ? { probation } : {}),
          };
    const state = !site ? "unconfigured" : reasons.length > 0 ? "degraded" : "serving";
    return { identity, state, reasons, ...(site ? { site } : {}) } as unknown as AgentStatus;
  }

  private document(serial: number | undefined): SiteDocument {
    const kept = serial === undefined ? this.current : this.bySerial(serial);
    if (!kept) throw new AgentError("E_NOT_FOUND", "this agent is unconfigured");
    const { site, main, files } = kept.bundle;
    return {
      site,
      main,
      serial: kept.record.serial,
      files: { ...Object.fromEntries(files), ...this.extraFiles },
    };
  }

  private async apply(octets: Uint8Array, probationS: number): Promise<BundleRecord> {
    const kept = this.open(octets);
    this.kept.unshift(kept);
    kept.record = { ...kept.record, changes: await this.changes(this.current, kept) };
    if (this.breaksOnApply) this.unplugged = true;
    return this.serve(kept, probationS);
  }

  private serve(kept: Kept, probationS: number): BundleRecord {
    const previous = this.current;
    this.mark(previous, { state: "kept" });
    this.mark(kept, { state: "probation" });
    this.current = kept;
    const ms = probationS * 1000;
    const cancel = this.clock.after(ms, () => {
      this.mark(kept, { state: "returned", reason: "nobody confirmed it in time" });
      this.mark(previous, { state: "running" });
      this.current = previous;
      this.trial = undefined;
      if (this.breaksOnApply) this.unplugged = false;
    });
    this.trial = { previous, endMs: this.clock.now() + ms, cancel };
    return kept.record;
  }

  private confirm(): void {
    this.trial?.cancel();
    this.trial = undefined;
    this.mark(this.current, { state: "running" });
  }

  private mark(kept: Kept | undefined, change: Partial<BundleRecord>): void {
    if (kept) kept.record = { ...kept.record, ...change };
  }

  private open(octets: Uint8Array): Kept {
    const { bundle, signer, digest } = openBundle(octets);
    const { files } = bundle;
    if (!bundle.targets.any && !bundle.targets.agents?.includes(this.fingerprint)) {
      throw new AgentError("E_BUNDLE_REFUSED", "it is for other agents");
    }
    const highest = Math.max(0, ...this.history.map(({ serial }) => serial));
    if (bundle.serial <= highest) {
      throw new AgentError(
        "E_BUNDLE_REFUSED",
        `its serial number ${bundle.serial} is not above ${highest}`,
      );
    }
    const dir = tempDir();
    for (const [name, content] of files) {
      mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
      writeFileSync(path.join(dir, name), content);
    }
    const record: BundleRecord = {
      serial: bundle.serial,
      site: bundle.site,
      digest,
      signer,
      operator: "eva@laptop",
      source: "push by eva@laptop",
      appliedAt: new Date(NOW_MS).toISOString(),
      state: "probation",
      changes: [],
    };
    return { record, bundle, siteFile: path.join(dir, bundle.main) };
  }

  private async changes(from: Kept | undefined, to: Kept | undefined): Promise<readonly string[]> {
    if (!to) throw new AgentError("E_NOT_FOUND", "there is no such bundle");
    return siteChanges(from && (await loadSite(from.siteFile)), await loadSite(to.siteFile));
  }

  private bySerial(serial: number): Kept {
    const kept = this.kept.find(({ record }) => record.serial === serial);
    if (!kept) throw new AgentError("E_NOT_FOUND", `there is no bundle ${serial}`);
    return kept;
  }
}

/** What a command printed, and how it ended. */
export interface SteerRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  readonly error?: AgentError;
}

/** Some fake agents, an operator who has met all of them, and a clock that runs while a command does. */
export class FakeRack {
  readonly clock: FakeClock = new FakeClock();
  readonly agents: Map<string, FakeAgent>;
  /** Questions that were asked on the terminal. */
  readonly questions: string[] = [];
  /** What the operator says; undefined: there is no terminal. */
  says: boolean | undefined = true;
  wallMs: number = NOW_MS;
  readonly key: PrivateKey = generateKey();
  private stop: () => void = () => {};

  constructor(...names: readonly string[]) {
    this.agents = new Map(names.map((name) => [name, new FakeAgent(name, this.clock)]));
  }

  agent(name: string): FakeAgent {
    const agent = this.agents.get(name);
    if (!agent) throw new Error(`no agent ${name}`);
    return agent;
  }

  /** As Ctrl-C. */
  interrupt(): void {
    this.stop();
  }

  /** A bundle for everybody, of one file. */
  seal(text: string, serial: number): Uint8Array {
    const site = /^site: (\S+)$/m.exec(text)?.[1] ?? "";
    const files = new Map([["site.yaml", Buffer.from(text)]]);
    return this.sealBundle({
      version: 1,
      site,
      serial,
      targets: { any: true },
      made: 0,
      main: "site.yaml",
      files,
    });
  }

  /** Runs a command to its end, with time passing as fast as it can; `each` is called before each second. */
  async run(
    command: (steering: Steering) => Promise<void>,
    each: (second: number) => void = () => {},
  ): Promise<SteerRun> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const texts = [collect(stdout), collect(stderr)];
    let status = 0;
    let error: AgentError | undefined;
    let over = false;
    const host: CommandHost = {
      ...{ env: {}, entry: "", pid: 0, isRoot: false },
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      onStopSignal: (fn) => {
        this.stop = fn;
      },
      onReloadSignal: () => {},
      exit: () => {
        throw new Error("a command ended the process");
      },
      setExitStatus: (n) => {
        status = n;
      },
    };
    const done = command(this.steering(host))
      .catch((thrown: unknown) => {
        if (!(thrown instanceof AgentError)) throw thrown;
        error = thrown;
        status = thrown.code === "E_USAGE" ? 2 : 1;
      })
      .finally(() => {
        over = true;
      });
    for (let step = 0; !over; step++) {
      // Files are read and agents asked in real time: only a command that waits for its clock lets it run on.
      await setImmediate();
      if (this.clock.pending === 0 || step % 40 !== 0) continue;
      each(step / 40);
      this.clock.advance(1_000);
    }
    await done;
    stdout.end();
    stderr.end();
    const [out = "", err = ""] = await Promise.all(texts);
    return { stdout: out, stderr: err, status, ...(error ? { error } : {}) };
  }

  private steering(host: CommandHost): Steering {
    return {
      host,
      clock: this.clock,
      wallMs: () => this.wallMs,
      key: () => Promise.resolve(this.key),
      met: () => [...this.agents.values()].map(({ name, fingerprint }) => ({ name, fingerprint })),
      connect: async (asked) => {
        await setImmediate();
        const all = [...this.agents.values()];
        const agent = all.find(
          (a) => asked === undefined || a.name === asked || a.fingerprint.startsWith(asked),
        );
        if (!agent || agent.unplugged) {
          throw new AgentError("E_UNREACHABLE", `${asked} does not answer`);
        }
        return agent.connection();
      },
      packSite,
      sealBundle: (bundle) => this.sealBundle(bundle),
      ask: (question) => {
        this.questions.push(question);
        return Promise.resolve(this.says);
      },
    };
  }

  private sealBundle(bundle: Bundle): Uint8Array {
    return sealBundle(bundle, this.key);
  }
}
