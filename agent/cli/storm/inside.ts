import { rmdir } from "node:fs/promises";
import { totalmem } from "node:os";
import path from "node:path";
import type { CommandHost } from "../host.ts";
import { mountScratch, refuseOutside } from "../lab/inside.ts";
import { LabNetwork, type LabNetworkSpec } from "../lab/network.ts";
import { run, withSystemPath } from "../lab/run.ts";
import { StopRequest } from "../lab/stop-request.ts";
import { LAUNCHER_VARIABLES, launcherFlags } from "../launcher.ts";
import { AgentProcess } from "./agent-process.ts";
import { writeStorm } from "./files.ts";
import type { StormOptions } from "./options.ts";
import { stormOver } from "./over.ts";
import type { StormPlan } from "./plan.ts";

const RACK_INTERFACE = "rack0";
const MACHINES_INTERFACE = "machines";
const FAILED = 1;
const MEBIBYTE = 1_048_576;
/** Beside the files themselves and the agent's copy of them: its database and journal. */
const SCRATCH_MIB = 64;

/** Commands for `ip -batch`: one cable from the agent to the card that all machines share. */
export function stormCommands({ interfaceName }: LabNetworkSpec, agentPid: number): string {
  return [
    "link set lo up",
    `link add name ${MACHINES_INTERFACE} type veth peer name ${interfaceName} netns ${agentPid}`,
    `link set ${MACHINES_INTERFACE} up`,
    "",
  ].join("\n");
}

/** The storm with an agent of its own, in private namespaces, as the first process of its own process namespace. */
export async function runStormInside(
  host: CommandHost,
  options: StormOptions,
  plan: StormPlan,
  { outside, scratch }: { readonly outside: string; readonly scratch: string },
): Promise<void> {
  refuseOutside(outside);
  const env = withSystemPath(host.env);
  const stop = new StopRequest(host);
  let network: LabNetwork | undefined;
  let agent: AgentProcess | undefined;
  let status = FAILED;
  try {
    const octets = plan.files.reduce((sum, file) => sum + file.octets.length, 0);
    await mountScratch(scratch, env, SCRATCH_MIB + Math.ceil((3 * octets) / MEBIBYTE));
    const site = await writeStorm(scratch, plan.site(RACK_INTERFACE), plan.files);
    const { address, prefixLen } = plan;
    const spec = { address, prefixLen, interfaceName: RACK_INTERFACE, machines: [] };
    network = await LabNetwork.create(spec, env, stormCommands);
    await untilUp(network, env);
    const state = path.join(scratch, "state");
    const board = options.board === undefined ? [] : ["--board", options.board];
    const serve = ["serve", "--site", site, "--interface", RACK_INTERFACE, "--state", state];
    // As it is installed: what is measured is what a rack has.
    const node = [...launcherFlags(totalmem()), host.entry];
    const line = network.inside(process.execPath, [...node, ...serve, ...board]);
    agent = new AgentProcess(line, { ...env, ...LAUNCHER_VARIABLES }, state);
    await agent.untilReady();
    const running = agent;
    await running.figures(); // it measures its event loop from the first question on
    const ok = await stormOver(
      host.stdout,
      options,
      plan,
      MACHINES_INTERFACE,
      () => running.figures(),
      (storm) => stop.whenAsked(() => storm.stop("stopped")),
    );
    if (ok && !stop.asked) status = 0;
  } finally {
    await agent?.stop();
    network?.close();
    await run("umount", ["-l", scratch], env);
    await rmdir(scratch).catch(() => {}); // the outer process may have been quicker
    stop.close();
  }
  // What it captured frames by would keep the process.
  host.exit(status);
}

/** The kernel notices a cable a moment after both ends are up; an agent that starts before finds none. */
async function untilUp(network: LabNetwork, env: NodeJS.ProcessEnv): Promise<void> {
  const look = `ip -o link show dev ${RACK_INTERFACE} | grep -q 'state UP'`;
  const script = `for i in $(seq 100); do ${look} && exit 0; sleep 0.05; done; exit 1`;
  const [command = "", ...args] = network.inside("sh", ["-c", script]);
  await run(command, args, env);
}
