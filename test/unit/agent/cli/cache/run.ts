import { PassThrough } from "node:stream";
import { cacheCommand } from "../../../../../agent/cli/cache/command.ts";
import type { CommandHost } from "../../../../../agent/cli/host.ts";
import { AgentError } from "../../../../../agent/errors.ts";

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** What it failed with, which main.ts would print. */
  readonly error?: AgentError;
}

/** Runs `pilotlight cache ARGS` in this process, with these variables for its environment. */
export async function runCache(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  let status = 0;
  let error: AgentError | undefined;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = [collect(stdout), collect(stderr)];
  const host: CommandHost = {
    env,
    entry: "",
    pid: 0,
    isRoot: false,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    onStopSignal: () => {},
    onReloadSignal: () => {},
    setExitStatus: (n) => {
      status = n;
    },
    exit: (n) => {
      status = n;
    },
  };
  try {
    await cacheCommand(host).parseAsync(args, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof AgentError)) throw thrown;
    error = thrown;
    status = thrown.code === "E_USAGE" ? 2 : 1;
  }
  stdout.end();
  stderr.end();
  const [out = "", err = ""] = await Promise.all(texts);
  return { stdout: out, stderr: err, status, ...(error ? { error } : {}) };
}

/** The lines of JSON that it printed. */
export function jsonLines({ stdout }: Run): readonly Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function collect(stream: PassThrough): Promise<string> {
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text;
}
