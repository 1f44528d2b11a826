import { Command, Option } from "commander";
import { commandTree } from "../../agent/cli/completion/tree.ts";

/** Commands of every kind that a completion has to know. */
export function exampleProgram(): Command {
  const program = new Command("pilotlight").version("1");
  program
    .addCommand(
      new Command("status")
        .description("Show how agents are: it's all there is.")
        .argument("[agent...]", "agents")
        .option("--state <dir>", "a folder")
        .option("--json", "print JSON"),
    )
    .addCommand(
      new Command("boot")
        .description("Boot.")
        .argument("<machine>")
        .argument("<profile>")
        .option("-a, --agent <agent>", "the agent")
        .addOption(new Option("--mode <mode>", "how").choices(["fast", "slow"])),
    )
    .addCommand(new Command("loglevel").argument("[agent]").argument("[level]"))
    .addCommand(
      new Command("trust")
        .addCommand(new Command("add").argument("[agent]").argument("[key]"))
        .addCommand(new Command("forget").argument("<agent>")),
    )
    .addCommand(new Command("__complete"), { hidden: true });
  return program;
}

export const exampleTree: ReturnType<typeof commandTree> = commandTree(exampleProgram());

/** A `pilotlight` that knows two agents, and fails for anything else. */
export const EXAMPLE_NAMES = `#!/bin/sh
[ "$1" = __complete ] || exit 1
case $2 in
  agent) echo rack7; echo "rack7 (2)"; echo other ;;
  machine) echo v100; echo pc1 ;;
  *) echo "an error" >&2; exit 1 ;;
esac
`;

/** What is typed, and what is offered for its last word. */
export const EXAMPLES: readonly (readonly [
  words: readonly string[],
  offered: readonly string[],
])[] = [
  [["b"], ["boot"]],
  [
    ["trust", ""],
    ["add", "forget", "help"],
  ],
  [
    ["status", "ra"],
    ["rack7", "rack7 (2)"],
  ],
  [
    ["status", "other", "--json", "ra"],
    ["rack7", "rack7 (2)"],
  ],
  [
    ["boot", ""],
    ["pc1", "v100"],
  ],
  [["boot", "v100", ""], []],
  [["boot", "-a", "o"], ["other"]],
  [["boot", "-a", "other", "p"], ["pc1"]],
  [
    ["boot", "--mode", ""],
    ["fast", "slow"],
  ],
  [["boot", "--m"], ["--mode"]],
  [["loglevel", "rack7", "d"], ["debug"]],
  [["trust", "forget", "o"], ["other"]],
  [["trust", "add", "other", "op"], ["operator.pub"]],
  [["status", "--state", "op"], ["operator.pub"]],
  [["nothing", ""], []],
];
