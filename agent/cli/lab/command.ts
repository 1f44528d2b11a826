import { Command, InvalidArgumentError, Option } from "commander";
import type { CommandHost } from "../host.ts";
import { enterNamespaces } from "./enter.ts";
import { runInside } from "./inside.ts";

interface LabOptions {
  readonly timeout: number;
  readonly json?: boolean;
  readonly inside?: string;
  readonly scratch?: string;
}

const DEFAULT_TIMEOUT_S = 60;
const MAX_TIMEOUT_S = 3_600;

/** `pilotlight lab`: an agent and two simulated machines in private network namespaces. */
export function labCommand(host: CommandHost): Command {
  return new Command("lab")
    .description(
      "Boot two simulated machines, a Sun and a PC, from an agent, all in private network namespaces.",
    )
    .option(
      "--timeout <seconds>",
      "how long the machines may take to boot",
      seconds,
      DEFAULT_TIMEOUT_S,
    )
    .option("--json", "print events, the agent's journal and the result, one JSON object a line")
    .addOption(new Option("--inside <namespace>").hideHelp())
    .addOption(new Option("--scratch <folder>").hideHelp())
    .addHelpText(
      "after",
      "\nNothing outside is touched, and nothing is left behind. Root is not needed where the kernel lets users make\nnamespaces.\n\nExample:\n  pilotlight lab --timeout 30",
    )
    .action(async (options: LabOptions) => {
      const { timeout, json = false, inside, scratch } = options;
      if (inside !== undefined && scratch !== undefined) {
        await runInside(host, { outside: inside, scratch, timeoutMs: timeout * 1000, json });
        return;
      }
      const passed = ["lab", "--timeout", String(timeout), ...(json ? ["--json"] : [])];
      await enterNamespaces(host, passed);
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= MAX_TIMEOUT_S)) {
    throw new InvalidArgumentError(`Give a number of seconds, at most ${MAX_TIMEOUT_S}.`);
  }
  return value;
}
