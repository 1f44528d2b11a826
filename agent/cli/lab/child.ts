import { type ChildProcess, spawn } from "node:child_process";
import { LineSplitter } from "./events.ts";

/** A program to run, and who reads what it says. */
export interface ChildSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly onOutput: (line: string) => void;
  /** Standard error; also where it is told that the program could not be run. */
  readonly onComplaint: (line: string) => void;
}

/**
 * A child in a session of its own, so that Ctrl-C on the terminal reaches only the lab, which then decides the order in
 * which things end.
 */
export class Child {
  private readonly process: ChildProcess;
  /** Resolves with the exit status when the child has ended and all it said was read; -1 after a signal. */
  readonly ended: Promise<number>;

  constructor(spec: ChildSpec) {
    const { command, args, env } = spec;
    const child = spawn(command, [...args], {
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => {
        spec.onComplaint(`cannot run ${command}: ${error.message}`);
        resolve(-1);
      });
      child.on("close", (status) => resolve(status ?? -1));
    });
    read(child.stdout, spec.onOutput);
    read(child.stderr, spec.onComplaint);
  }

  /** Undefined: it could not be run. */
  get pid(): number | undefined {
    return this.process.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

function read(stream: NodeJS.ReadableStream | null, line: (text: string) => void): void {
  const lines = new LineSplitter(line);
  stream?.setEncoding("utf8");
  stream?.on("data", (text: string) => lines.feed(text));
  stream?.on("end", () => lines.end());
}
