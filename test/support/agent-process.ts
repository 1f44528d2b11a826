import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { JournalEntry } from "../../agent/log/journal.ts";
import type { Namespace, PipedChild } from "./netns.ts";
import { until } from "./until.ts";

/** The program as it is installed; `make test` builds it before. */
export const MAIN: string = fileURLToPath(new URL("../../dist/agent/main.js", import.meta.url));

/** A `pilotlight` that runs in a namespace: its journal, what it logs, and how it ended. */
export class AgentProcess {
  readonly journal: JournalEntry[] = [];
  stdout = "";
  stderr = "";
  /** Undefined while it runs; a signal counts as -1. */
  status: number | undefined;
  private readonly child: PipedChild;
  private readonly ended: Promise<unknown>;
  private line = "";

  private constructor(child: PipedChild) {
    this.child = child;
    child.stdout.on("data", (piece: Buffer) => this.take(piece.toString()));
    child.stderr.on("data", (piece: Buffer) => {
      this.stderr += piece.toString();
    });
    this.ended = once(child, "close").then(([status, signal]) => {
      if (signal) this.stderr += `[ended by ${signal}]`;
      this.status = status ?? -1;
    });
  }

  /** Starts `pilotlight ARGS`; with a `launcher`, that command in front of it. `serve` gets a state folder of its own. */
  static start(
    ns: Namespace,
    args: readonly string[],
    launcher: readonly string[] = [],
  ): AgentProcess {
    const [command = "", ...rest] = args;
    const own = command === "serve" && !args.includes("--state") ? ["--state", stateDir()] : [];
    const words = [...launcher, process.execPath, MAIN, command, ...own, ...rest];
    const agent = new AgentProcess(ns.spawn(...words));
    const [, dir] = own;
    if (dir !== undefined) {
      void agent.ended.then(() => rmSync(dir, { recursive: true, force: true }));
    }
    return agent;
  }

  /** Starts `pilotlight serve --json`, with further `options`, and waits until it says that it is ready. */
  static async serve(
    ns: Namespace,
    site: string,
    interfaceName: string,
    launcher: readonly string[] = [],
    options: readonly string[] = [],
  ): Promise<AgentProcess> {
    const args = ["serve", "--json", "--site", site, "--interface", interfaceName, ...options];
    const agent = AgentProcess.start(ns, args, launcher);
    await agent.ready();
    return agent;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async ready(): Promise<void> {
    await until(
      () => `the agent to be ready: ${this.stderr}`,
      () => {
        if (this.status !== undefined) throw new Error(`the agent ended: ${this.stderr}`);
        return this.stderr.includes(" ready: ");
      },
    );
  }

  /** Its exit status, once it has ended by itself. */
  async exit(): Promise<number> {
    await until(
      () => `the agent to end: ${this.stderr}`,
      () => this.status !== undefined,
    );
    return this.status ?? -1;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Ends it, if it still runs. */
  async close(): Promise<void> {
    if (this.status === undefined) this.child.kill("SIGKILL");
    await this.ended;
  }

  private take(text: string): void {
    const lines = (this.line + text).split("\n");
    this.line = lines.pop() ?? "";
    this.stdout += lines.map((line) => `${line}\n`).join("");
    for (const line of lines) {
      if (line.startsWith("{")) this.journal.push(JSON.parse(line) as JournalEntry);
    }
  }
}

/** A launcher may run the agent as another user, who must be able to write there. */
function stateDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), "pilotlight-test-state-"));
  chmodSync(dir, 0o777);
  return dir;
}
