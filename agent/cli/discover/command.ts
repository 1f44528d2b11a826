import { Command, InvalidArgumentError } from "commander";
import type { CommandHost } from "../host.ts";
import type { DiscoverOptions, Pins } from "./discover.ts";

const TIMEOUT_S = 3;

/** `pilotlight discover`. `pins`: the identities that the operator met before, opened when the command runs. */
export function discoverCommand(
  host: CommandHost,
  pins: () => Promise<Pins | undefined> = () => Promise.resolve(undefined),
): Command {
  return new Command("discover")
    .description("Find the agents of this network: what each is, what it does, what boots there.")
    .option("--watch", "go on, and tell which come, change and go")
    .option("--json", "print JSON, an object for each agent or event")
    .option("--interface <name...>", "ask on these interfaces only (default: all)")
    .option("--timeout <seconds>", "how long to wait for answers", secondsArgument, TIMEOUT_S)
    .option("--domain <domain>", "ask the DNS servers for the agents of this domain, too")
    .addHelpText(
      "after",
      "\nNeeds no configuration and no root, and works beside Avahi. What is shown is what\nis announced: only a command that talks to an agent proves who it is.\n\nExample:\n  pilotlight discover --interface eth0",
    )
    .action(async (options: DiscoverOptions) => {
      // Loaded when it is needed, and not for every `pilotlight`.
      const [{ discover }, { systemMdns }, { askStatus }, { systemResolver }, { systemClock }] =
        await Promise.all([
          import("./discover.ts"),
          import("../../discovery/system.ts"),
          import("./ask-status.ts"),
          import("../../discovery/unicast.ts"),
          import("../../link/clock.ts"),
        ]);
      await discover(options, host, {
        mdns: systemMdns(systemClock, { add: () => undefined }),
        resolver: systemResolver(),
        askStatus: (agent) => askStatus(agent),
        pins: await pins(),
        wallMs: Date.now,
      });
    });
}

function secondsArgument(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0 || seconds > 3_600) {
    throw new InvalidArgumentError("It is a number of seconds above 0, at most 3600.");
  }
  return seconds;
}
