import { Argument, Command } from "commander";
import type { CommandHost } from "../host.ts";

/** `pilotlight completion`: the script for a shell, made of the commands that there are. */
export function completionCommand(host: CommandHost, program: () => Command): Command {
  return new Command("completion")
    .description("Print what makes a shell complete commands, options, agents and machines.")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      "\nExamples:\n  source <(pilotlight completion bash)      in ~/.bashrc\n  source <(pilotlight completion zsh)       in ~/.zshrc, after compinit\n  pilotlight completion fish | source       in ~/.config/fish/config.fish",
    )
    .action(async (shell: string) => {
      const { commandTree } = await import("./tree.ts");
      const nodes = commandTree(program());
      host.stdout.write(await scriptOf(shell, nodes));
    });
}

/** `pilotlight __complete KIND`: names, one a line, for those scripts. It never fails. */
export function completeCommand(host: CommandHost): Command {
  return new Command("__complete")
    .argument("[kind]")
    .argument("[ignored...]")
    .allowUnknownOption()
    .action(async (kind = "") => {
      const { knownNames } = await import("./names.ts");
      for (const name of await knownNames(kind, host.env)) host.stdout.write(`${name}\n`);
    });
}

async function scriptOf(
  shell: string,
  nodes: Parameters<typeof import("./bash.ts").bashScript>[0],
): Promise<string> {
  if (shell === "zsh") return (await import("./zsh.ts")).zshScript(nodes);
  if (shell === "fish") return (await import("./fish.ts")).fishScript(nodes);
  return (await import("./bash.ts")).bashScript(nodes);
}
