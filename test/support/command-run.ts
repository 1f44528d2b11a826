import { PassThrough } from "node:stream";
import type { CommandHost } from "../../agent/cli/host.ts";
import { AgentError } from "../../agent/errors.ts";

/** What a command left behind. */
export interface CommandRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
  /** What it failed with, which main.ts would print. */
  readonly error?: AgentError;
}

/** What differs from a process without variables and a terminal. */
export interface CommandPlace {
  readonly env?: NodeJS.ProcessEnv;
  /** Standard error is a terminal. */
  readonly terminal?: boolean;
}

/** Runs a command in this process. Rejects with what is no `AgentError`. */
export async function runCommand(
  command: (host: CommandHost) => Promise<unknown>,
  { env = {}, terminal = false }: CommandPlace = {},
): Promise<CommandRun> {
  let status = 0;
  let error: AgentError | undefined;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = [collect(stdout), collect(stderr)];
  const end = (n: number): void => {
    status = n;
  };
  const host: CommandHost = {
    ...{ env, entry: "", pid: 0, isRoot: false },
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: Object.assign(stderr, { isTTY: terminal }) as unknown as NodeJS.WriteStream,
    onStopSignal: () => {},
    onReloadSignal: () => {},
    setExitStatus: end,
    exit: end,
  };
  try {
    await command(host);
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

/** All that a stream says until its end. */
export async function collect(stream: PassThrough): Promise<string> {
  let text = "";
  for await (const piece of stream) text += String(piece);
  return text;
}
