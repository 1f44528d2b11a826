import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { socketPath } from "../../control/local-socket.ts";
import { AgentError } from "../../errors.ts";
import { Child } from "../lab/child.ts";
import type { AgentFigures } from "./report.ts";

const READY_MS = 30_000;
const STOP_MS = 5_000;
const TAIL_LINES = 12;
/** Ticks a second of /proc/PID/stat (getconf CLK_TCK): 100 on every architecture of Linux. */
const TICKS = 100;
/** Fields of /proc/PID/stat behind the name, which may hold blanks: utime and stime are the 14th and 15th of all. */
const UTIME_AT = 11;
const LAG = /^pilotlight_event_loop_lag_seconds\{quantile="([\d.]+)"\} (\S+)$/gm;

/** The agent of a storm: another process, watched from outside. */
export class AgentProcess {
  private readonly child: Child;
  private readonly stateDir: string;
  private readonly tail: string[] = [];
  private ready: (why: string | undefined) => void = () => {};
  /** Resolves with what it said when it has ended. */
  readonly ended: Promise<string>;

  /** `line`: the whole command line; `stateDir`: its state folder, where it can be asked. */
  constructor(line: readonly string[], env: NodeJS.ProcessEnv, stateDir: string) {
    const [command = "", ...args] = line;
    this.stateDir = stateDir;
    this.child = new Child({
      command,
      args,
      env,
      onOutput: () => {},
      onComplaint: (text) => {
        this.tail.push(text);
        if (this.tail.length > TAIL_LINES) this.tail.shift();
        if (/\bready: /.test(text)) this.ready(undefined);
      },
    });
    this.ended = this.child.ended.then(() => this.said);
  }

  /** Resolves when it answers. Rejects with E_NAMESPACE when it does not come to that. */
  async untilReady(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const why = await new Promise<string | undefined>((resolve) => {
      this.ready = resolve;
      timer = setTimeout(() => resolve(`not ready after ${READY_MS / 1_000} s`), READY_MS);
      this.ended.then(() => resolve("it ended"));
    });
    clearTimeout(timer);
    if (why === undefined) return;
    throw new AgentError("E_NAMESPACE", `the agent did not start: ${why}: ${this.said}`, {
      cure: "What it says above is the reason.",
    });
  }

  /** What it has taken so far. */
  async figures(): Promise<AgentFigures> {
    const status = await this.proc("status");
    const stat = await this.proc("stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[UTIME_AT]) + Number(fields[UTIME_AT + 1]);
    const text = await this.metrics().catch(() => "");
    const lag = new Map([...text.matchAll(LAG)].map(([, q, value]) => [q, Number(value)]));
    return {
      memory: Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024,
      cpuS: ticks / TICKS,
      lagP99S: lag.get("0.99") ?? null,
      lagMaxS: lag.get("1") ?? null,
    };
  }

  /** Asks it to stop, as systemd would; resolves when it has. */
  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  private get said(): string {
    return this.tail.map((line) => line.trim()).join(" ") || "it said nothing";
  }

  private proc(file: string): Promise<string> {
    return readFile(`/proc/${this.child.pid}/${file}`, "utf8").catch(() => "");
  }

  private metrics(): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: socketPath(this.stateDir), path: "/metrics" }, (res) => {
        let text = "";
        res.setEncoding("utf8");
        res.on("data", (piece: string) => {
          text += piece;
        });
        res.on("end", () => resolve(text));
        res.on("error", reject);
      });
      asked.setTimeout(READY_MS, () => asked.destroy(new Error("no answer")));
      asked.on("error", reject);
      asked.end();
    });
  }
}
