import { Command } from "commander";
import { replaceFile } from "../../state/replace-file.ts";
import type { CommandHost } from "../host.ts";
import { portArgument, probationArgument, serialArgument } from "./arguments.ts";
import type { BundleFileOptions } from "./bundle-file.ts";
import type { SteerOptions } from "./context.ts";
import type { Publishing, PublishOptions } from "./publish.ts";
import type { PullOptions } from "./pull.ts";
import type { RollbackOptions } from "./rollback.ts";
import type { OpenSteering } from "./steering.ts";

function common(command: Command, examples: readonly string[]): Command {
  const title = examples.length === 1 ? "Example" : "Examples";
  return command
    .option("--key <file>", "your key (default: operator.key in your pilotlight folder)")
    .option("--json", "print JSON, and ask nothing")
    .addHelpText("after", `\n${title}:\n${examples.map((line) => `  ${line}`).join("\n")}`);
}

/** Loaded when a command needs it. */
const systemSteering: OpenSteering = async (host, options) => {
  const { systemSteering: open } = await import("./open-steering.ts");
  return open(host, options);
};

const systemPublishing: OpenPublishing = async (host, options) => {
  const { systemPublishing: open } = await import("./open-steering.ts");
  return open(host, options);
};

/** The commands that change, or only read, what agents are configured with. */
export function configCommands(host: CommandHost): readonly Command[] {
  return [
    pushCommand(host, systemSteering),
    diffCommand(host, systemSteering),
    historyCommand(host, systemSteering),
    rollbackCommand(host, systemSteering),
    pullCommand(host, systemSteering),
    publishCommand(host, systemPublishing),
  ];
}

/** What a command takes that needs no signature where it runs beside the agent. */
function alsoHere(command: Command): Command {
  return command
    .argument("[agent]", "name, address or fingerprint (default: the agent on this host)")
    .option("--state <dir>", "the agent on this host with this state folder; needs no key");
}

/** `pilotlight push`. */
export function pushCommand(host: CommandHost, open: OpenSteering): Command {
  return common(new Command("push"), [
    "pilotlight push site.yaml rack7",
    "pilotlight push site.yaml --all --dry-run",
    "pilotlight push site.yaml --any --out pilotlight.bundle",
  ])
    .description("Have agents serve a site. Each goes back by itself if it is not well with it.")
    .argument("<site>", "the site file; what it refers to travels with it")
    .argument("[agent...]", "names, addresses or fingerprints")
    .option("--all", "all agents that you have met")
    .option("--dry-run", "show what would change, and change nothing")
    .option(
      "--probation <seconds>",
      "how long an agent waits for you (5 to 600)",
      probationArgument,
    )
    .option("--serial <number>", "instead of the time in seconds", serialArgument)
    .option("--expires <time>", "not to be applied after: 12h, 30d, 2027-01-31")
    .option("--not-before <time>", "not to be applied before")
    .option("--yes", "do not ask")
    .option("--stop-on-failure", "one agent after the other, none after one that failed")
    .option("--keep-degraded", "confirm also where something is wrong that was not before")
    .option("--out <file>", "write the signed bundle into a file instead")
    .option("--any", "with --out: for every agent that trusts your key")
    .action(async (file: string, agents: string[], options: PushFlags) => {
      const steering = await open(host, options);
      const { out } = options;
      if (out === undefined) {
        const { usage } = await import("./arguments.ts");
        if (options.any) throw usage("--any goes with --out", "Name agents, or give --all.");
        const { push } = await import("./push.ts");
        await push(steering, file, agents, options);
      } else {
        const { writeBundleFile } = await import("./bundle-file.ts");
        await writeBundleFile(steering, file, agents, { ...options, out }, replaceFile);
      }
    });
}

interface PushFlags extends BundleFileOptions {
  readonly out?: string;
}

/** `pilotlight pull`. */
export function pullCommand(host: CommandHost, open: OpenSteering): Command {
  return alsoHere(common(new Command("pull"), ["pilotlight pull rack7 --out rack7-site"]))
    .description("Fetch the files of the site that an agent runs; nothing is overwritten.")
    .option("--serial <number>", "of an earlier bundle (see `pilotlight history`)", serialArgument)
    .option("--out <dir>", "into this folder (default: named like the site)")
    .action(async (agent: string | undefined, options: PullOptions) => {
      const { pull } = await import("./pull.ts");
      await pull(await open(host, options), agent, options);
    });
}

/** `pilotlight history`. */
export function historyCommand(host: CommandHost, open: OpenSteering): Command {
  return alsoHere(common(new Command("history"), ["pilotlight history rack7"]))
    .description("The bundles that an agent had: who, when, what changed, why it went back.")
    .action(async (agent: string | undefined, options: SteerOptions) => {
      const { showHistory } = await import("./history.ts");
      await showHistory(await open(host, options), agent, options);
    });
}

/** `pilotlight diff`. */
export function diffCommand(host: CommandHost, open: OpenSteering): Command {
  const command = new Command("diff").argument("<site>", "the site file");
  return alsoHere(common(command, ["pilotlight diff site.yaml rack7"]))
    .description("What a push of this site file would change at an agent.")
    .action(async (file: string, agent: string | undefined, options: SteerOptions) => {
      const { showDiff } = await import("./diff.ts");
      await showDiff(await open(host, options), file, agent, options);
    });
}

/** `pilotlight rollback`. */
export function rollbackCommand(host: CommandHost, open: OpenSteering): Command {
  return alsoHere(
    common(new Command("rollback"), [
      "pilotlight rollback rack7",
      "pilotlight rollback rack7 --to 1764000000",
    ]),
  )
    .description("Have an agent serve an earlier bundle again, on probation as after a push.")
    .option("--to <serial>", "which one (default: the one before)", serialArgument)
    .option("--yes", "do not ask")
    .option("--keep-degraded", "confirm also where something is wrong that was not before")
    .action(async (agent: string | undefined, options: RollbackOptions) => {
      const { rollback } = await import("./rollback.ts");
      await rollback(await open(host, options), agent, options);
    });
}

/** Made when the command runs. */
export type OpenPublishing = (host: CommandHost, options: SteerOptions) => Promise<Publishing>;

/** `pilotlight publish`. */
export function publishCommand(host: CommandHost, open: OpenPublishing): Command {
  const each = (value: string, before: readonly string[] = []): readonly string[] => [
    ...before,
    value,
  ];
  return common(new Command("publish"), [
    "pilotlight publish site.yaml --for rack7",
    "pilotlight publish blank.yaml --any --interface eth0",
    "pilotlight publish a.yaml b.yaml --for rack7=a.yaml --for rack8=b.yaml",
  ])
    .description(
      "Give agents that look for a configuration the one that is meant for them. Without --for and --any an agent gets the site that has its name.",
    )
    .argument("<site...>", "site files; they are signed anew when they change")
    .option("--for <agent>", "who gets it; of several sites AGENT=SITE (repeatable)", each)
    .option("--any", "every agent that trusts your key gets it")
    .option("--interface <name>", "only on this interface")
    .option("--port <number>", "TCP port (default: 7459)", portArgument)
    .option("--once", "stop when everybody who is meant has fetched it")
    .action(async (files: string[], options: PublishOptions) => {
      const { publish } = await import("./publish.ts");
      await publish(await open(host, options), files, options);
    });
}
