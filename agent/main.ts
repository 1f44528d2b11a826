#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { cacheCommand } from "./cli/cache/command.ts";
import { checkCommand } from "./cli/check.ts";
import { completeCommand, completionCommand } from "./cli/completion/command.ts";
import { decodeCommand } from "./cli/decode.ts";
import { discoverCommand } from "./cli/discover/command.ts";
import type { CommandHost } from "./cli/host.ts";
import { importCommand } from "./cli/import/command.ts";
import { labCommand } from "./cli/lab/command.ts";
import { overlayCommand } from "./cli/overlay/command.ts";
import { replayCommand } from "./cli/replay.ts";
import { serveCommand } from "./cli/serve.ts";
import { simCommand } from "./cli/sim.ts";
import { configCommands } from "./cli/steer/commands.ts";
import { steerCommands } from "./cli/steer/steer-commands.ts";
import { packageVersion } from "./cli/version.ts";
import { AgentError, formatAgentError } from "./errors.ts";

const EXIT_FAILED = 1;
const EXIT_USED_WRONGLY = 2;

const host: CommandHost = {
  env: process.env,
  entry: fileURLToPath(import.meta.url),
  pid: process.pid,
  isRoot: process.getuid?.() === 0,
  stdout: process.stdout,
  stderr: process.stderr,
  onStopSignal(fn) {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(EXIT_FAILED));
        fn();
      });
    }
  },
  onReloadSignal(fn) {
    process.on("SIGHUP", fn);
  },
  setExitStatus(status) {
    process.exitCode = status;
  },
  exit(status) {
    process.stdout.write("", () => process.stderr.write("", () => process.exit(status)));
  },
};

const program = new Command("pilotlight")
  .description("An always-on agent that boots every machine in the rack over the network.")
  .version(packageVersion())
  .showHelpAfterError("Type the command with --help to see how it is used.")
  .exitOverride()
  .addCommand(serveCommand(host))
  .addCommand(checkCommand(host))
  .addCommand(cacheCommand(host))
  .addCommand(overlayCommand(host))
  .addCommand(
    discoverCommand(host, async () => {
      const { announcedPins } = await import("./operator/announced-pins.ts");
      return announcedPins(host.env);
    }),
  )
  .addCommand(importCommand(host))
  .addCommand(simCommand(host))
  .addCommand(labCommand(host))
  .addCommand(decodeCommand(host))
  .addCommand(replayCommand(host));

for (const command of [...steerCommands(host), ...configCommands(host)])
  program.addCommand(command);
program
  .addCommand(completionCommand(host, () => program))
  .addCommand(completeCommand(host), { hidden: true });

// addCommand leaves these to the command: without them Commander itself would end the process, with status 1.
for (const command of program.commands) {
  command.copyInheritedSettings(program);
  for (const sub of command.commands) sub.copyInheritedSettings(program);
}

// A pipe that is closed early (`… | head`) is no error of ours.
process.stdout.on("error", () => process.exit(EXIT_FAILED));

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USED_WRONGLY;
  } else if (error instanceof AgentError) {
    process.stderr.write(`${formatAgentError(error)}\n`);
    host.exit(error.code === "E_USAGE" ? EXIT_USED_WRONGLY : EXIT_FAILED);
  } else {
    throw error;
  }
}
