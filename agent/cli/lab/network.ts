import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { AgentError } from "../../errors.ts";
import { missingProgram } from "./diagnosis.ts";
import { run } from "./run.ts";

/** What the lab's network is made for. */
export interface LabNetworkSpec {
  /** Ours on the rack. */
  readonly address: Ipv4;
  readonly prefixLen: number;
  /** The rack's interface in the agent's namespace. */
  readonly interfaceName: string;
  /** Interface name and MAC address of each machine. */
  readonly machines: readonly { readonly name: string; readonly mac: string }[];
}

/*
 *   the agent's namespace    |            the lab's own namespace
 *                            |
 *     rack0 172.24.42.150 ---|--- rack-port --- bridge "switch" --- port1 --- v100     raw frames only,
 *                            |                                  `-- port2 --- minipc   no address
 *
 * A machine's interface has its MAC address and no IP address: the kernel behind it answers nothing, its firmware does.
 */

/** Commands for `ip -batch` in the lab's own namespace. `agentPid`: a process in the agent's namespace. */
export function rackCommands(spec: LabNetworkSpec, agentPid: number): string {
  const lines = [
    "link set lo up",
    "link add name switch type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
    "link set switch up",
    `link add name rack-port type veth peer name ${spec.interfaceName} netns ${agentPid}`,
    "link set rack-port master switch up",
  ];
  spec.machines.forEach(({ name, mac }, i) => {
    lines.push(
      `link add name ${name} address ${mac} type veth peer name port${i + 1}`,
      `link set port${i + 1} master switch up`,
      `link set ${name} up`,
    );
  });
  return `${lines.join("\n")}\n`;
}

/**
 * Commands for `ip -batch` in the agent's namespace.
 *
 * The machines take whole frames from the link, as a network card would give them, so the kernel must cut TCP into
 * segments itself: veth would hand over 64 KiB at once. `gso_max_segs 1` does that without ethtool.
 */
export function agentCommands({ address, prefixLen, interfaceName }: LabNetworkSpec): string {
  return [
    "link set lo up",
    `link set ${interfaceName} gso_max_segs 1`,
    `addr add ${formatIpv4(address)}/${prefixLen} brd + dev ${interfaceName}`,
    `link set ${interfaceName} up`,
    "",
  ].join("\n");
}

/** Reverse path filtering as the agent demands it, and no IPv6, whose chatter would only disturb the picture. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ["net/ipv4/conf/all/rp_filter", "1"],
  ["net/ipv4/conf/default/rp_filter", "1"],
  ["net/ipv6/conf/all/disable_ipv6", "1"],
  ["net/ipv6/conf/default/disable_ipv6", "1"],
];

/**
 * The lab's network: the namespace that the lab runs in already, and one for the agent.
 *
 * The agent's namespace has no name anywhere: a process that only waits holds it open, so that nothing is left when the
 * lab's processes are gone.
 */
export class LabNetwork {
  private readonly holder: ChildProcess;
  private readonly namespace: string;

  private constructor(holder: ChildProcess, namespace: string) {
    this.holder = holder;
    this.namespace = namespace;
  }

  /** Makes it by `commands` for our side. Throws E_NAMESPACE with what `ip` or the kernel said. */
  static async create(
    spec: LabNetworkSpec,
    env: NodeJS.ProcessEnv,
    commands: typeof rackCommands = rackCommands,
  ): Promise<LabNetwork> {
    for (const [name, value] of SETTINGS) {
      await writeFile(`/proc/sys/${name}`, value).catch(() => {}); // a kernel without IPv6
    }
    const holder = await startHolder(env);
    const pid = holder.pid ?? 0;
    const network = new LabNetwork(holder, `/proc/${pid}/ns/net`);
    await batch("ip", ["-batch", "-"], commands(spec, pid), env);
    const [command = "", ...args] = network.inside("ip", ["-batch", "-"]);
    await batch(command, args, agentCommands(spec), env);
    return network;
  }

  /** The command line that runs a program in the agent's namespace; the program keeps the process id. */
  inside(command: string, args: readonly string[]): string[] {
    return ["nsenter", `--net=${this.namespace}`, "--", command, ...args];
  }

  close(): void {
    this.holder.kill("SIGKILL");
  }
}

const HOLDER_SCRIPT = [
  ...SETTINGS.map(
    ([name, value]) => `[ ! -e /proc/sys/${name} ] || echo ${value} >/proc/sys/${name}`,
  ),
  "echo ready",
  "exec cat",
].join("\n");

/** A process in a network namespace of its own, which ends when our end of its pipe is closed. */
function startHolder(env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const holder = spawn("unshare", ["--net", "sh", "-c", HOLDER_SCRIPT], {
      env,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let complaint = "";
    holder.stderr.on("data", (piece: Buffer) => {
      complaint += piece.toString();
    });
    holder.stdout.once("data", () => resolve(holder));
    holder.on("error", (error) => reject(failure(error.message)));
    holder.on("close", () => reject(failure(complaint)));
  });
}

async function batch(
  command: string,
  args: readonly string[],
  input: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const result = await run(command, args, env, input);
  if (result.missing) throw missingProgram(command);
  if (!result.ok) throw failure(result.complaint);
}

function failure(complaint: string): AgentError {
  const kernel = /Unknown device type|not supported/i.test(complaint);
  return new AgentError("E_NAMESPACE", `the lab's network could not be made: ${complaint.trim()}`, {
    cure: kernel
      ? "The kernel lacks veth or bridge devices; as root: modprobe -a veth bridge"
      : "Run the lab as root; what `ip` says above is what the kernel refused.",
  });
}
