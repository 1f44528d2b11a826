import { mkdir } from "node:fs/promises";
import { Command } from "commander";
import type { CommandHost } from "../host.ts";
import { enterNamespaces } from "../lab/enter.ts";
import { writeStorm } from "./files.ts";
import { runStormInside } from "./inside.ts";
import { type StormOptions, stormWords, withStormOptions } from "./options.ts";
import { stormOver } from "./over.ts";
import { planStorm } from "./plan.ts";

const FAILED = 1;

/** `pilotlight sim storm`: many simulated machines at once, on a real interface or with an agent of their own. */
export function stormCommand(host: CommandHost): Command {
  return withStormOptions(
    new Command("storm").description(
      "Power on many simulated machines at once, and tell how long each kind takes to boot.",
    ),
  )
    .addHelpText(
      "after",
      "\nWithout --interface it all happens in private network namespaces, with an agent of its own.\n\nExample:\n  pilotlight sim storm -n 1000 --mix sun:10,pxe:60,uefi:20,rpi:10\n  pilotlight sim storm -n 100 --write-site ./storm   (for an agent on another host)\n  sudo pilotlight sim storm -n 100 --interface eth0",
    )
    .action((options: StormOptions) => storm(options, host));
}

async function storm(options: StormOptions, host: CommandHost): Promise<void> {
  const plan = planStorm(options);
  const { writeSite, inside, scratch } = options;
  if (options.printSite) {
    host.stdout.write(plan.site());
  } else if (writeSite !== undefined) {
    await mkdir(writeSite, { recursive: true });
    const siteFile = await writeStorm(writeSite, plan.site(), plan.files);
    host.stdout.write(`${siteFile}\n`);
  } else if (inside !== undefined && scratch !== undefined) {
    await runStormInside(host, options, plan, { outside: inside, scratch });
  } else if (options.interface === undefined) {
    await enterNamespaces(host, ["sim", "storm", ...stormWords(options)]);
  } else {
    const ok = await stormOver(
      host.stdout,
      options,
      plan,
      options.interface,
      async () => null,
      (run) => host.onStopSignal(() => run.stop("stopped by a signal")),
    );
    host.exit(ok ? 0 : FAILED);
  }
}
