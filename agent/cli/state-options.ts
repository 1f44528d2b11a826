import type { Command } from "commander";

/** What every command takes that works on the agent's state folder; `example` ends its help. */
export function withStateOptions(command: Command, example: string): Command {
  return command
    .option(
      "--state <dir>",
      "the agent's state folder (default: the one below /var/lib/pilotlight)",
    )
    .option("--json", "print JSON")
    .addHelpText("after", `\nExample:\n  ${example}`);
}
