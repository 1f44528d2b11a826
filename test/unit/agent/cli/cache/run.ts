import { cacheCommand } from "../../../../../agent/cli/cache/command.ts";
import { type CommandRun, runCommand } from "../../../../support/command-run.ts";

/** Runs `pilotlight cache ARGS` in this process, with these variables for its environment. */
export function runCache(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CommandRun> {
  return runCommand((host) => cacheCommand(host).parseAsync(args, { from: "user" }), { env });
}

/** The lines of JSON that it printed. */
export function jsonLines({ stdout }: CommandRun): readonly Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
