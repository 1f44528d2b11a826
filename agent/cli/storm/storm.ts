import type { BootMachine } from "../../../firmware-sim/boot-machine.ts";
import type { FirmwareEvent } from "../../../firmware-sim/firmware.ts";
import { copyOctets } from "../../../firmware-sim/stack/copy-octets.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import type { Clock } from "../../link/clock.ts";
import type { FrameLane } from "../../link/frame-lane.ts";
import { BadLink, type LinkFaults } from "./faults.ts";
import type { StormContent } from "./files.ts";
import { firmwareOf, type StormMachine } from "./fleet.ts";
import { fraction, seededRandom } from "./random.ts";
import { Recipients } from "./recipients.ts";

/** Timers of all machines are looked at so often, ms: finer than any firmware's own tick. */
const TICK_MS = 10;
/** A machine that failed has gone through its boot order and comes back to the network, ms. */
const RESTART_MS = 5_000;

/** What a storm is made of. */
export interface StormSpec {
  readonly machines: readonly StormMachine[];
  readonly content: StormContent;
  readonly clock: Clock;
  /** All are powered on within this. */
  readonly withinMs: number;
  readonly timeoutMs: number;
  readonly faults: LinkFaults;
  readonly seed: number;
  /** Told when a machine has booted or failed. */
  readonly progress?: (machine: MachineBoot) => void;
}

/** One machine's boot. Times are the clock's. */
export interface MachineBoot extends StormMachine {
  startMs: number;
  endMs: number;
  booted: boolean;
  /** Why it failed, last. */
  reason: string;
  octets: number;
  /** What it said once more, all its tries together. */
  repeats: number;
  /** Why it began again, each time. */
  readonly retries: string[];
}

interface Run extends MachineBoot {
  firmware: BootMachine | undefined;
  over: boolean;
  /** What its firmware said last. */
  said: FirmwareEvent | undefined;
}

interface LateFrame {
  readonly frame: Uint8Array;
  /** Undefined: it goes out. */
  readonly to: Run | undefined;
}

/** Powers on machines behind one card, and drives each until it has booted. */
export class Storm {
  private readonly spec: StormSpec;
  private readonly lane: FrameLane;
  private readonly runs: readonly Run[];
  private readonly recipients: Recipients<Run>;
  private readonly link: BadLink<LateFrame>;
  private readonly random: () => number;
  private left: number;
  private ended = false;
  private cancelTick: () => void = () => {};
  private settle: () => void = () => {};
  private readonly settled: Promise<void>;

  constructor(spec: StormSpec, lane: FrameLane) {
    this.spec = spec;
    this.lane = lane;
    this.random = seededRandom(spec.seed);
    this.link = new BadLink(spec.faults, seededRandom(spec.seed + 1));
    const nowMs = spec.clock.now();
    this.runs = spec.machines.map((machine) => ({
      ...machine,
      startMs: nowMs + fraction(this.random) * spec.withinMs,
      endMs: 0,
      booted: false,
      reason: "",
      octets: 0,
      repeats: 0,
      retries: [],
      firmware: undefined,
      over: false,
      said: undefined,
    }));
    this.recipients = new Recipients(this.runs);
    this.left = this.runs.length;
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  get machines(): readonly MachineBoot[] {
    return this.runs;
  }

  /** Frames that the bad link lost and delayed. */
  get faults(): { readonly lost: number; readonly reordered: number } {
    return this.link;
  }

  /** Resolves when all have booted or failed for good, or the time is over. */
  run(): Promise<void> {
    const { lane, spec } = this;
    const endMs = spec.clock.now() + spec.timeoutMs;
    lane.onFrame((len) => this.receive(len));
    const tick = (): void => {
      if (this.ended) return;
      this.tick();
      if (spec.clock.now() >= endMs) this.stop(`not booted after ${spec.timeoutMs / 1_000} s`);
      else if (!this.ended) this.cancelTick = spec.clock.after(TICK_MS, tick);
    };
    tick();
    return this.settled;
  }

  /** Pulls all plugs: what has not booted fails with this reason. */
  stop(reason: string): void {
    if (this.ended) return;
    for (const run of this.runs) {
      if (run.over) continue;
      const before = run.reason === "" ? "" : `; before that: ${run.reason}`;
      this.end(run, `${reason}${saidText(run.said)}${before}`);
    }
  }

  private receive(len: number): void {
    const { rx } = this.lane;
    const run = this.recipients.of(rx, 0, len);
    if (!run?.firmware) return;
    const fate = this.link.fate();
    if (fate === "passes") this.deliver(run, rx, len);
    else if (fate === "late") this.hold({ frame: copyOctets(rx, 0, len), to: run });
  }

  private deliver(run: Run, o: Octets, len: number): void {
    run.firmware?.handleFrame(o, 0, len, this.spec.clock.now());
    this.pump(run);
  }

  private hold(late: LateFrame): void {
    this.link.hold(late, this.spec.clock.now());
  }

  private tick(): void {
    const nowMs = this.spec.clock.now();
    for (const { frame, to } of this.link.due(nowMs)) {
      if (to) this.deliver(to, new Octets(frame), frame.length);
      else {
        this.lane.tx.u8.set(frame);
        this.lane.send(frame.length);
      }
    }
    for (const run of this.runs) {
      if (run.over) continue;
      const { firmware } = run;
      if (firmware) {
        if (firmware.pollTimeout() > nowMs) continue;
        firmware.handleTimeout(nowMs);
      } else if (run.startMs <= nowMs && run.endMs <= nowMs) {
        this.powerOn(run, nowMs);
      } else continue;
      this.pump(run);
    }
  }

  private powerOn(run: Run, nowMs: number): void {
    const { content } = this.spec;
    if (run.retries.length === 0) run.startMs = nowMs;
    run.octets = 0;
    run.firmware = firmwareOf(run.family, {
      mac: run.mac,
      random: this.random,
      partialChecksums: true, // an agent on this host leaves them to a card that is not there
      sink: (file, fileAt, o, at, len) => {
        const wrong = content.check(file, fileAt, o.u8, at, len);
        if (wrong !== undefined) this.end(run, `${file}: ${wrong}`);
        return wrong;
      },
    });
    run.firmware.powerOn(nowMs);
  }

  private pump(run: Run): void {
    const { lane, spec } = this;
    const { firmware } = run;
    if (!firmware || run.over) return;
    const nowMs = spec.clock.now();
    for (;;) {
      const len = firmware.pollTransmit(lane.tx, 0, nowMs);
      if (len === 0) break;
      const fate = this.link.fate();
      if (fate === "passes") lane.send(len);
      else if (fate === "late") this.hold({ frame: copyOctets(lane.tx, 0, len), to: undefined });
    }
    for (let event = firmware.pollEvent(); event; event = firmware.pollEvent()) {
      this.take(run, event, nowMs);
    }
  }

  private take(run: Run, event: FirmwareEvent, nowMs: number): void {
    if (run.over) return;
    run.said = event;
    if (event.kind === "transfer" && event.done) {
      const size = this.spec.content.sizeOf(event.file);
      if (size !== undefined && size !== event.octets) {
        this.end(run, `${event.file}: ${event.octets} octets came, expected ${size}`);
      }
      run.octets += event.octets;
    } else if (event.kind === "booted") {
      this.end(run, "");
    } else if (event.kind === "failed") {
      run.reason = `${event.stage}: ${event.reason}`;
      // A Sun stands at its prompt then; the others go through their boot order and come back.
      if (run.family === "sun") this.end(run, run.reason);
      else this.restart(run, nowMs);
    }
  }

  private restart(run: Run, nowMs: number): void {
    run.repeats += run.firmware?.host.repeats ?? 0;
    run.retries.push(run.reason);
    run.firmware = undefined;
    run.endMs = nowMs + RESTART_MS;
  }

  /** `reason`: "" for a machine that has booted. */
  private end(run: Run, reason: string): void {
    if (run.over) return;
    run.over = true;
    run.booted = reason === "";
    run.reason = reason;
    run.endMs = this.spec.clock.now();
    run.repeats += run.firmware?.host.repeats ?? 0;
    run.firmware = undefined;
    this.left -= 1;
    this.spec.progress?.(run);
    if (this.left > 0) return;
    this.ended = true;
    this.cancelTick();
    this.settle();
  }
}

/** How far a machine came. */
function saidText(event: FirmwareEvent | undefined): string {
  if (event?.kind === "step") return `; last: ${event.stage} ${event.text}`;
  if (event?.kind === "transfer") return `; last: ${event.file}, ${event.octets} octets`;
  return "";
}
