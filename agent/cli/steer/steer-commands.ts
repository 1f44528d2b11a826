import { Command } from "commander";
import type { CommandHost } from "../host.ts";
import type { CaptureGetOptions, CaptureStartOptions } from "./capture.ts";
import type { ClaimOptions } from "./claim.ts";
import type { SteerContext, SteerOptions, SteerParts } from "./context.ts";
import type { EventsOptions } from "./events.ts";
import type { IdentityOptions } from "./identity.ts";
import type { KeygenOptions } from "./keygen.ts";
import type { BootOptions, MachineOptions } from "./override.ts";

/** Loaded when a command needs it, and not for every `pilotlight`. */
export type OpenParts = () => Promise<SteerParts>;

async function systemParts(): Promise<SteerParts> {
  return (await import("./parts.ts")).steerParts();
}

/** The commands by which an operator steers agents, on this host or over the network. */
export function steerCommands(
  host: CommandHost,
  parts: OpenParts = systemParts,
): readonly Command[] {
  return [
    keygenCommand(host, parts),
    claimCommand(host, parts),
    trustCommand(host, parts),
    identityCommand(host, parts),
    statusCommand(host, parts),
    machinesCommand(host, parts),
    leasesCommand(host, parts),
    serversCommand(host, parts),
    eventsCommand(host, parts),
    bootCommand(host, parts),
    ...overrideCommands(host, parts),
    captureCommand(host, parts),
    logLevelCommand(host, parts),
    restartCommand(host, parts),
  ];
}

async function context(
  host: CommandHost,
  options: SteerOptions,
  parts: OpenParts,
): Promise<SteerContext> {
  const { steerContext } = await import("./context.ts");
  return steerContext(host, options, await parts());
}

/** What all take that ask an agent. */
function common(command: Command, ...examples: readonly string[]): Command {
  return command
    .option("--state <dir>", "the agent on this host with this state folder; needs no key")
    .option("--key <file>", "your key (default: operator.key in your pilotlight folder)")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `\nAGENT is a name, an address, or 16 characters of a fingerprint; without it the\nagent on this host is meant.\n\n${examples.length > 1 ? "Examples" : "Example"}:\n${examples.map((line) => `  ${line}`).join("\n")}`,
    );
}

function keygenCommand(host: CommandHost, parts: OpenParts): Command {
  return new Command("keygen")
    .description("Make your key, by which agents know you.")
    .option("--out <dir>", "the folder for it (default: your pilotlight folder)")
    .option("--name <name>", "what others see of you (default: USER@HOST)")
    .option("--passphrase", "protect it with a passphrase")
    .option("--force", "put it in the place of another one, which is lost")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nThe folder is ~/.config/pilotlight, or $PILOTLIGHT_HOME. Without a terminal the\npassphrase is read from the file that $PILOTLIGHT_PASSPHRASE_FILE names.\n\nExample:\n  pilotlight keygen --passphrase",
    )
    .action(async (options: KeygenOptions) => {
      const { keygen } = await import("./keygen.ts");
      await keygen(await context(host, options, parts), options);
    });
}

function claimCommand(host: CommandHost, parts: OpenParts): Command {
  return common(new Command("claim"), "pilotlight claim rack7 k7xq-m2ab-hh5c-2q4z --as eva@laptop")
    .description("Become the first operator of an agent, by the code that it shows.")
    .argument("<agent>", "the agent")
    .argument("<code>", "16 characters from its console or log")
    .option("--as <name>", "what it shall call you (default: the name of your key)")
    .action(async (agent: string, code: string, options: ClaimOptions) => {
      const { claim } = await import("./claim.ts");
      await claim(await context(host, options, parts), agent, code, options);
    });
}

function trustCommand(host: CommandHost, parts: OpenParts): Command {
  const trust = new Command("trust")
    .description("Who may steer an agent, and which agents are known here.")
    .addHelpText("after", "\nExample:\n  pilotlight trust add rack7 eva.pub");
  trust.addCommand(
    common(new Command("list"), "pilotlight trust list rack7")
      .description("Show who may steer an agent.")
      .argument("[agent]", "the agent")
      .action(async (agent: string | undefined, options: SteerOptions) => {
        const { listTrusted } = await import("./trust.ts");
        await listTrusted(await context(host, options, parts), agent, options);
      }),
  );
  trust.addCommand(
    common(
      new Command("add"),
      "pilotlight trust add rack7 eva.pub",
      "sudo pilotlight trust add 'pilotlight-ed25519 rL…= eva@laptop'",
    )
      .description("Let somebody else steer an agent.")
      .argument("[agent]", "the agent")
      .argument("[key]", "their public key: its line in quotes, or a file of such lines")
      .action(async (first: string | undefined, second: string | undefined, o: SteerOptions) => {
        const { addTrusted } = await import("./trust.ts");
        await addTrusted(await context(host, o, parts), first, second, o);
      }),
  );
  trust.addCommand(
    common(new Command("revoke"), "pilotlight trust revoke rack7 eva@laptop")
      .description("Never trust a key again.")
      .argument("[agent]", "the agent")
      .argument("[operator]", "the operator's name, or 16 characters of the fingerprint")
      .action(async (first: string | undefined, second: string | undefined, o: SteerOptions) => {
        const { revokeTrusted } = await import("./trust.ts");
        await revokeTrusted(await context(host, o, parts), first, second, o);
      }),
  );
  trust.addCommand(
    new Command("forget")
      .description("Forget the key that an agent had: the next one that it shows is believed anew.")
      .argument("<agent>", "its name, or 16 characters of its fingerprint")
      .option("--json", "print JSON")
      .addHelpText("after", "\nExample:\n  pilotlight trust forget rack7")
      .action(async (agent: string, options: SteerOptions) => {
        const { forgetAgent } = await import("./trust.ts");
        await forgetAgent(await context(host, options, parts), agent, options);
      }),
  );
  return trust;
}

function identityCommand(host: CommandHost, parts: OpenParts): Command {
  return common(
    new Command("identity"),
    "pilotlight identity rack7",
    "pilotlight identity rack7 --rename rack8",
  )
    .description("Show who an agent is, to compare with what its console shows.")
    .argument("[agent]", "the agent (default: the one on this host, or else you)")
    .option("--rename <name>", "give the agent another name")
    .action(async (agent: string | undefined, options: IdentityOptions) => {
      const { identity } = await import("./identity.ts");
      await identity(await context(host, options, parts), agent, options);
    });
}

function statusCommand(host: CommandHost, parts: OpenParts): Command {
  return common(new Command("status"), "pilotlight status", "pilotlight status rack7 rack8")
    .description("Show how agents are.")
    .argument("[agent...]", "agents (default: the one on this host, or else all that are found)")
    .action(async (agents: string[], options: SteerOptions) => {
      const { showStatus } = await import("./status.ts");
      await showStatus(await context(host, options, parts), agents, options);
    });
}

function machinesCommand(host: CommandHost, parts: OpenParts): Command {
  return common(
    new Command("machines"),
    "pilotlight machines rack7",
    "pilotlight machines rack7 v100",
  )
    .description("List the machines of an agent; with a name, what that machine is offered.")
    .argument("[agent]", "the agent")
    .argument("[machine]", "the machine")
    .option("--machine <machine>", "the machine, where no agent is named")
    .action(
      async (agent: string | undefined, machine: string | undefined, options: MachineOptions) => {
        const { showMachines } = await import("./machines.ts");
        await showMachines(await context(host, options, parts), agent, machine, options);
      },
    );
}

function leasesCommand(host: CommandHost, parts: OpenParts): Command {
  const leases = new Command("leases").description("Who has which address of an agent's networks.");
  leases.addCommand(
    common(new Command("list"), "pilotlight leases list rack7")
      .description("Show who has which address; it is what `leases` alone does.")
      .argument("[agent]", "the agent")
      .action(async (agent: string | undefined, options: SteerOptions) => {
        const { listLeases } = await import("./leases.ts");
        await listLeases(await context(host, options, parts), agent, options);
      }),
    { isDefault: true },
  );
  leases.addCommand(
    common(
      new Command("release"),
      "pilotlight leases release v100 rack7",
      "pilotlight leases release 00:03:ba:5b:ae:b3",
    )
      .description("Take an address from whoever has it.")
      .argument("<lease>", "the machine, what it calls itself, its MAC address or the address")
      .argument("[agent]", "the agent")
      .action(async (lease: string, agent: string | undefined, options: SteerOptions) => {
        const { releaseLease } = await import("./leases.ts");
        await releaseLease(await context(host, options, parts), lease, agent, options);
      }),
  );
  return leases;
}

function serversCommand(host: CommandHost, parts: OpenParts): Command {
  const servers = new Command("servers")
    .description("Other DHCP servers on an agent's rack, and what it does about addresses.")
    .addHelpText("after", "\nExample:\n  pilotlight servers rack7");
  servers.addCommand(
    common(new Command("list"), "pilotlight servers list rack7")
      .description("Show other DHCP servers; it is what `servers` alone does.")
      .argument("[agent]", "the agent")
      .action(async (agent: string | undefined, options: SteerOptions) => {
        const { listServers } = await import("./servers.ts");
        await listServers(await context(host, options, parts), agent, options);
      }),
    { isDefault: true },
  );
  servers.addCommand(
    common(new Command("forget"), "pilotlight servers forget rack7")
      .description("Say that the other server is gone for good, so that `auto` is no proxy.")
      .argument("[agent]", "the agent")
      .action(async (agent: string | undefined, options: SteerOptions) => {
        const { forgetServer } = await import("./servers.ts");
        await forgetServer(await context(host, options, parts), agent, options);
      }),
  );
  return servers;
}

function eventsCommand(host: CommandHost, parts: OpenParts): Command {
  return common(new Command("events"), "pilotlight events rack7 --follow --machine v100")
    .description("Show what agents did and do.")
    .argument("[agent...]", "agents (default: the one on this host, or else all that are found)")
    .option("--follow", "go on with what happens, until Ctrl-C")
    .option("--machine <machine>", "of this machine alone")
    .option("--limit <n>", "the last n steps of each agent (default: 50)")
    .action(async (agents: string[], options: EventsOptions) => {
      const { showEvents } = await import("./events.ts");
      await showEvents(await context(host, options, parts), agents, options);
    });
}

function bootCommand(host: CommandHost, parts: OpenParts): Command {
  return common(new Command("boot"), "pilotlight boot v100 rescue --once")
    .description("Have a machine's next boot use another profile.")
    .argument("<machine>", "the machine")
    .argument("<profile>", "a profile of the agent's site")
    .option("--once", "for one boot; it is what this command is for, and has to be said")
    .option("--agent <agent>", "the agent (default: the known one that has the machine)")
    .action(async (machine: string, profile: string, options: BootOptions) => {
      const { bootOnce } = await import("./override.ts");
      await bootOnce(await context(host, options, parts), machine, profile, options);
    });
}

function overrideCommands(host: CommandHost, parts: OpenParts): readonly Command[] {
  const kinds = [
    ["hold", "Answer a machine nothing until it is released."],
    ["release", "Let a machine boot as the site says again."],
    ["wake", "Switch a machine on by Wake-on-LAN."],
  ] as const;
  return kinds.map(([kind, description]) =>
    common(new Command(kind), `pilotlight ${kind} v100`)
      .description(description)
      .argument("<machine>", "the machine")
      .option("--agent <agent>", "the agent (default: the known one that has the machine)")
      .action(async (machine: string, options: MachineOptions) => {
        const { overrideMachine } = await import("./override.ts");
        await overrideMachine(await context(host, options, parts), kind, machine, options);
      }),
  );
}

function captureCommand(host: CommandHost, parts: OpenParts): Command {
  const capture = new Command("capture")
    .description("Record packets on an agent's rack interface.")
    .addHelpText("after", "\nExample:\n  pilotlight capture start rack7 --filter 'port 69'");
  capture.addCommand(
    common(new Command("start"), "pilotlight capture start rack7 --filter 'port 69' --seconds 60")
      .description("Begin to record.")
      .argument("[agent]", "the agent")
      .option("--filter <filter>", "which packets, as pcap-filter(7) has it (default: all)")
      .option("--size <octets>", "at most so much: 500k, 20M")
      .option("--seconds <n>", "at most so long")
      .action(async (agent: string | undefined, options: CaptureStartOptions) => {
        const { startCapture } = await import("./capture.ts");
        await startCapture(await context(host, options, parts), agent, options);
      }),
  );
  capture.addCommand(
    common(new Command("stop"), "pilotlight capture stop rack7 3")
      .description("End a recording. It is kept.")
      .argument("[agent]", "the agent")
      .argument("[id]", "the recording (default: the only one that runs)")
      .action(async (first: string | undefined, second: string | undefined, o: SteerOptions) => {
        const { stopCapture } = await import("./capture.ts");
        await stopCapture(await context(host, o, parts), first, second, o);
      }),
  );
  capture.addCommand(
    common(new Command("list"), "pilotlight capture list rack7")
      .description("List the recordings of an agent.")
      .argument("[agent]", "the agent")
      .action(async (agent: string | undefined, options: SteerOptions) => {
        const { listCaptures } = await import("./capture.ts");
        await listCaptures(await context(host, options, parts), agent, options);
      }),
  );
  capture.addCommand(
    common(
      new Command("get"),
      "pilotlight capture get rack7 3 --out boot.pcap",
      "pilotlight capture get rack7 3 --out - | tshark -r -",
    )
      .description("Copy a recording to this host, as a pcap file.")
      .argument("[agent]", "the agent")
      .argument("[id]", "the recording (default: the latest)")
      .option("--out <file>", "the file; - for standard output (default: AGENT-ID.pcap)")
      .option("--force", "replace the file")
      .action(
        async (first: string | undefined, second: string | undefined, o: CaptureGetOptions) => {
          const { fetchCapture } = await import("./capture.ts");
          await fetchCapture(await context(host, o, parts), first, second, o);
        },
      ),
  );
  return capture;
}

function logLevelCommand(host: CommandHost, parts: OpenParts): Command {
  return common(new Command("loglevel"), "pilotlight loglevel rack7 debug")
    .description("Change how much an agent logs, until it is started again.")
    .argument("[agent]", "the agent")
    .argument("[level]", "trace, debug, info, warn, error or silent")
    .action(async (first: string | undefined, second: string | undefined, o: SteerOptions) => {
      const { setLogLevel } = await import("./log-level.ts");
      await setLogLevel(await context(host, o, parts), first, second, o);
    });
}

function restartCommand(host: CommandHost, parts: OpenParts): Command {
  return common(new Command("restart"), "pilotlight restart rack7")
    .description("Start an agent again. Transfers that go on break off.")
    .argument("[agent]", "the agent")
    .action(async (agent: string | undefined, options: SteerOptions) => {
      const { restartAgent } = await import("./restart.ts");
      await restartAgent(await context(host, options, parts), agent, options);
    });
}
