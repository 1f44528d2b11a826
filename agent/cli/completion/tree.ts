import type { Argument, Command, Option } from "commander";

/**
 * What is completed at a place of the command line: names that are asked for when they are wanted (`agent`, `machine`,
 * `profile`), files, fixed words, or nothing.
 */
export type Kind =
  | "agent"
  | "machine"
  | "profile"
  | "file"
  | "none"
  | { readonly words: readonly string[] };

/** An option of a command. */
export interface OptionNode {
  /** "--json", "-h". */
  readonly flags: readonly string[];
  readonly description: string;
  /** Absent: it takes no value. */
  readonly value?: Kind;
}

/** A command, as far as a shell has to know it. */
export interface CommandNode {
  /** "cache push"; "" is the program itself. */
  readonly path: string;
  readonly description: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionNode[];
  /** Of its arguments, in their order. */
  readonly args: readonly Kind[];
  /** Whether the last argument may be repeated. */
  readonly variadic: boolean;
}

/** Names of arguments and option values, to what they are. */
const KINDS: Readonly<Record<string, Kind>> = {
  agent: "agent",
  machine: "machine",
  lease: "machine",
  profile: "profile",
  file: "file",
  dir: "file",
  key: "file",
  site: "file",
  capture: "file",
  level: { words: ["trace", "debug", "info", "warn", "error", "silent"] },
  shell: { words: ["bash", "zsh", "fish"] },
};

/** All commands of the program, each before those below it. Hidden ones are left out. */
export function commandTree(program: Command): readonly CommandNode[] {
  return nodes(program, "");
}

function nodes(command: Command, path: string): readonly CommandNode[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const args = command.registeredArguments;
  const node: CommandNode = {
    path,
    description: command.description(),
    commands: below.map((sub) => ({ name: sub.name(), description: sub.description() })),
    options: help.visibleOptions(command).map(optionNode),
    args: args.map(argumentKind),
    variadic: args.at(-1)?.variadic === true,
  };
  // Commander's own `help` is no command with options of its own.
  const own = below.filter((sub) => command.commands.includes(sub));
  return [
    node,
    ...own.flatMap((sub) => nodes(sub, path === "" ? sub.name() : `${path} ${sub.name()}`)),
  ];
}

function optionNode(option: Option): OptionNode {
  const flags = [option.short, option.long].filter((flag) => typeof flag === "string");
  const { description } = option;
  if (!option.required && !option.optional) return { flags, description };
  const name = /[<[]([\w-]+)/.exec(option.flags)?.[1] ?? "";
  return { flags, description, value: kindOf(name, option.argChoices) };
}

function argumentKind(argument: Argument): Kind {
  return kindOf(argument.name(), argument.argChoices);
}

function kindOf(name: string, choices: readonly string[] | undefined): Kind {
  return choices ? { words: choices } : (KINDS[name] ?? "none");
}
