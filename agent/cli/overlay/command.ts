import { Command } from "commander";
import type { CommandHost } from "../host.ts";
import { withStateOptions } from "../state-options.ts";
import type { OverlayContext, OverlayOptions } from "./context.ts";
import type { PackOptions } from "./pack.ts";
import type { ResetOptions } from "./reset.ts";

/** `pilotlight overlay`: what machines changed of their roots. */
export function overlayCommand(host: CommandHost): Command {
  const overlay = new Command("overlay")
    .description("What machines changed of the roots that they share.")
    .addHelpText(
      "after",
      "\nThe overlays are those of the agent on this host, or those in --state DIR. All commands work while the agent runs.\n\nExample:\n  pilotlight overlay diff sun1",
    );
  for (const command of [ls(host), diff(host), reset(host), pack(host)]) {
    overlay.addCommand(command);
  }
  return overlay;
}

/** The database is loaded when a command needs it, and not for every `pilotlight`. */
async function context(host: CommandHost, options: OverlayOptions): Promise<OverlayContext> {
  const { overlayContext } = await import("./context.ts");
  return overlayContext(host, options);
}

function ofMachine(command: Command, example: string): Command {
  return withStateOptions(command, example)
    .argument("<machine>", "the machine's name")
    .option("--profile <name>", "of which profile, where it has overlays of several");
}

function ls(host: CommandHost): Command {
  return withStateOptions(new Command("ls"), "pilotlight overlay ls")
    .description("List the overlays, and what they take on the disk.")
    .action(async (options: OverlayOptions) => {
      const { listOverlays } = await import("./ls.ts");
      await listOverlays(await context(host, options), options);
    });
}

function diff(host: CommandHost): Command {
  return ofMachine(new Command("diff"), "pilotlight overlay diff sun1")
    .description("What a machine added (A), modified (M) and deleted (D).")
    .action(async (machine: string, options: OverlayOptions) => {
      const { showChanges } = await import("./diff.ts");
      await showChanges(await context(host, options), machine, options);
    });
}

function reset(host: CommandHost): Command {
  return ofMachine(new Command("reset"), "pilotlight overlay reset sun1 --yes")
    .description("Drop what a machine changed: it has the shared root again.")
    .option("--yes", "do not ask")
    .action(async (machine: string, options: ResetOptions) => {
      const { resetOverlay } = await import("./reset.ts");
      await resetOverlay(await context(host, options), machine, options);
    });
}

function pack(host: CommandHost): Command {
  return ofMachine(new Command("pack"), "pilotlight overlay pack sun1 -o sun1.tar")
    .description("Write what a machine changed as a tar archive: a layer of an OCI image.")
    .requiredOption("-o, --output <file>", "the archive; - is standard output")
    .option("--root <dir>", "the shared root, where files of it were renamed or changed owner")
    .action(async (machine: string, options: PackOptions) => {
      const { packOverlay } = await import("./pack.ts");
      await packOverlay(await context(host, options), machine, options);
    });
}
