import path from "node:path";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { fileOf } from "../../assets/asset.ts";
import type { JournalEntry } from "../../log/journal.ts";
import type { Site } from "../../site/site.ts";
import { Child } from "./child.ts";
import { parseJournalEntry, parseSimEvent } from "./events.ts";
import { MachineRun } from "./machine-run.ts";
import { LAB_MACHINES, type LabMachine } from "./machines.ts";
import type { LabOutput } from "./output.ts";

/** What a rehearsal is made of. */
export interface RehearsalSpec {
  readonly site: Site;
  readonly output: LabOutput;
  readonly env: NodeJS.ProcessEnv;
  /** Node and main.js. */
  readonly program: readonly [string, string];
  /** The command line that runs another one in the agent's namespace. */
  readonly inside: (command: string, args: readonly string[]) => readonly string[];
  /** What stands before the command line of each program. */
  readonly prefix: readonly string[];
  /** The rack's interface there. */
  readonly interfaceName: string;
  readonly timeoutMs: number;
  readonly now: () => number;
}

const READY_MS = 15_000;
const STOP_MS = 3_000;
const TAIL_LINES = 12;
const MAX_JOURNAL_LINES = 10_000;

/** One agent and its machines, from power on until all have booted or failed. */
export class Rehearsal {
  readonly runs: readonly MachineRun[];
  /** The agent's journal so far, JSON lines. */
  readonly journal: string[] = [];
  private readonly spec: RehearsalSpec;
  private readonly children: Child[] = [];
  private readonly agentTail: string[] = [];
  private agent: Child | undefined;
  private aborted = false;
  private machinesOn = 0;
  private settle: () => void = () => {};
  private readonly settled: Promise<void>;

  constructor(spec: RehearsalSpec) {
    this.spec = spec;
    this.runs = LAB_MACHINES.map(
      (m) => new MachineRun(m.name, m.title, m.firmware, machineOf(spec.site, m).mac),
    );
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /**
   * Runs it. Resolves when every machine has booted or failed, or after `abort`; then all processes have ended. The result
   * is what there is to complain of about the agent's own end, if anything.
   */
  async run(): Promise<string | undefined> {
    if (this.aborted) return undefined;
    const { site, output, now, timeoutMs } = this.spec;
    const address = formatIpv4(site.network.address);
    output.start(`pilotlight lab: site ${site.name}, agent at ${address}`, this.runs, now());
    const why = await this.startAgent();
    if (why !== undefined) {
      if (!this.aborted) this.failAll(`the agent did not start: ${why}`);
      return this.stop();
    }
    const timer = setTimeout(
      () => this.failAll(`not booted after ${timeoutMs / 1000} s`),
      timeoutMs,
    );
    if (!this.aborted) {
      LAB_MACHINES.forEach((machine, i) => {
        const run = this.runs[i];
        if (run) this.powerOn(machine, run);
      });
      await this.settled;
    }
    clearTimeout(timer);
    return this.stop();
  }

  /** Ends everything at once. */
  abort(): void {
    this.aborted = true;
    for (const child of this.children) child.kill("SIGKILL");
    this.settle();
  }

  /** Resolves when the agent is ready, or with what it said when it did not get there. */
  private startAgent(): Promise<string | undefined> {
    const { site, program, inside, interfaceName } = this.spec;
    const [node, main] = program;
    const state = path.join(site.dir, "state");
    const where = ["--interface", interfaceName, "--state", state];
    const serve = [main, "serve", "--site", site.path, ...where, "--json"];
    return new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(
        () => resolve(`not ready after ${READY_MS / 1000} s: ${this.agentSaid()}`),
        READY_MS,
      );
      this.agent = this.start(inside(node, serve), {
        onOutput: (line) => this.takeJournal(line),
        onComplaint: (line) => {
          this.agentTail.push(line);
          if (this.agentTail.length > TAIL_LINES) this.agentTail.shift();
          if (!/\bready\b/.test(line)) return;
          clearTimeout(timer);
          resolve(undefined);
        },
      });
      this.agent.ended.then(() => {
        clearTimeout(timer);
        resolve(this.agentSaid());
        if (!this.aborted) this.failAll(`the agent stopped: ${this.agentSaid()}`);
      });
    });
  }

  private powerOn(machine: LabMachine, run: MachineRun): void {
    const { site, program, timeoutMs, output, now } = this.spec;
    const [node, main] = program;
    const { ip, mac } = machineOf(site, machine);
    const expects = machine
      .expects(ip)
      .flatMap(({ asked, asset }) => ["--expect", `${asked}=${expectedFile(site, asset)}`]);
    const args = [main, "sim", machine.firmware, "--interface", machine.name, "--mac", mac];
    const limits = ["--json", "--timeout", String(Math.ceil(timeoutMs / 1000))];
    let said = "";
    this.machinesOn += 1;
    const sim = this.start([node, ...args, ...machine.args, ...limits, ...expects], {
      onOutput: (line) => {
        const event = parseSimEvent(line);
        if (!event) return;
        output.event(run, event, run.takeEvent(event));
      },
      onComplaint: (line) => {
        said = line;
      },
    });
    sim.ended.then((status) => {
      if (!this.aborted && (status !== 0 || !run.finished)) {
        const reason = `its firmware ended with status ${status}${said && `: ${said}`}`;
        output.note(run, run.fail(reason, now()));
      }
      this.machinesOn -= 1;
      if (this.machinesOn === 0) this.settle();
    });
  }

  private takeJournal(line: string): void {
    const entry = parseJournalEntry(line);
    if (!entry) return;
    if (entry.outcome !== "progress" && this.journal.length < MAX_JOURNAL_LINES) {
      this.journal.push(line);
    }
    const run = this.runs.find((r) => isOf(r, entry));
    this.spec.output.journal(run, entry, run?.takeJournal(entry));
  }

  private failAll(reason: string): void {
    for (const run of this.runs) {
      if (!run.finished) this.spec.output.note(run, run.fail(reason, this.spec.now()));
    }
    this.settle();
  }

  /** The machines are off at once; the agent is asked to stop, as systemd would. */
  private async stop(): Promise<string | undefined> {
    const { agent } = this;
    for (const child of this.children) if (child !== agent) child.kill("SIGKILL");
    agent?.kill("SIGTERM");
    const timer = setTimeout(() => agent?.kill("SIGKILL"), STOP_MS);
    const status = await agent?.ended;
    clearTimeout(timer);
    await Promise.all(this.children.map((child) => child.ended));
    if (this.aborted || status === 0) return undefined;
    return `the agent did not end cleanly (status ${status}): ${this.agentSaid()}`;
  }

  private start(
    line: readonly string[],
    readers: { onOutput: (line: string) => void; onComplaint: (line: string) => void },
  ): Child {
    const [command = "", ...args] = [...this.spec.prefix, ...line];
    const child = new Child({ command, args, env: this.spec.env, ...readers });
    this.children.push(child);
    return child;
  }

  private agentSaid(): string {
    return this.agentTail.map((line) => line.trim()).join(" ") || "it said nothing";
  }
}

function isOf(run: MachineRun, entry: JournalEntry): boolean {
  return entry.machine === run.name || entry.mac === run.mac;
}

function machineOf(site: Site, machine: LabMachine): Site["machines"][number] {
  const found = site.machines.find((m) => m.name === machine.name);
  if (!found) throw new Error(`${site.path} has no machine ${machine.name}`);
  return found;
}

/** Where the lab's own example keeps an asset. */
function expectedFile(site: Site, asset: string): string {
  const spec = site.assets.get(asset);
  if (!spec) throw new Error(`the example has no asset "${asset}"`);
  return fileOf(spec);
}
