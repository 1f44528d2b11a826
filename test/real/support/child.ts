import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";

/** How a process ended: `status` of exit(), or the signal that killed it. */
export interface Exit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

const KILL_AFTER_MS = 10_000;
/** Terminal escapes, carriage returns and padding that firmware consoles mix in. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
const ESCAPES = /\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[a-zA-Z=>]|\r|\0/g;

/**
 * A process that a test started: its output (stdout and stderr as one) goes to a file and can be
 * waited for. Ended by its own pid, never by name.
 */
export class Child {
  readonly exited: Promise<Exit>;
  private readonly process: ChildProcess;
  private readonly listeners = new Set<() => void>();
  private raw = "";
  private exit: Exit | undefined;

  constructor(command: readonly string[], logFile: string, env?: NodeJS.ProcessEnv) {
    const [program = "", ...args] = command;
    this.process = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const log = createWriteStream(logFile);
    const collect = (chunk: Buffer): void => {
      log.write(chunk);
      this.raw += chunk.toString("latin1");
      this.wake();
    };
    this.process.stdout?.on("data", collect);
    this.process.stderr?.on("data", collect);
    this.exited = new Promise((resolve) => {
      const ended = (exit: Exit): void => {
        this.exit = exit;
        log.end(() => resolve(exit));
        this.wake();
      };
      this.process.on("error", (error) => {
        this.raw += `\n${error.message}\n`;
        ended({ status: null, signal: null });
      });
      // "close" comes after the last output, "exit" may come before it.
      this.process.on("close", (status, signal) => ended({ status, signal }));
    });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Everything printed so far, without carriage returns and terminal escapes. */
  get text(): string {
    return this.raw.replace(ESCAPES, "");
  }

  /** Undefined while it runs. */
  get ended(): Exit | undefined {
    return this.exit;
  }

  /** The last lines it printed, indented for an error message. */
  tail(lines = 20): string {
    const kept = this.text.trimEnd().split("\n").slice(-lines);
    return kept.map((line) => `    ${line}`).join("\n");
  }

  /** "match", "exit" or "timeout", whichever is first. Output is looked at before the exit. */
  until(pattern: RegExp | undefined, timeoutMs: number): Promise<"match" | "exit" | "timeout"> {
    return new Promise((resolve) => {
      const settle = (result: "match" | "exit" | "timeout"): void => {
        clearTimeout(timer);
        this.listeners.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (pattern?.test(this.text)) settle("match");
        else if (this.exit !== undefined) settle("exit");
      };
      const timer = setTimeout(() => settle("timeout"), timeoutMs);
      this.listeners.add(look);
      look();
    });
  }

  /** Sends the signal, and SIGKILL to a process that does not heed it in 10 seconds. */
  async stop(signal: NodeJS.Signals): Promise<Exit> {
    if (this.exit !== undefined) return this.exit;
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill("SIGKILL"), KILL_AFTER_MS);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  private wake(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
