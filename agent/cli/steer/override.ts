import type { MachineStatus } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import { print, printJson } from "../print.ts";
import type { SteerContext } from "./context.ts";
import { type AgentChoice, agentOfMachine } from "./machine-agent.ts";

export interface MachineOptions extends AgentChoice {
  readonly machine?: string;
}

export interface BootOptions extends AgentChoice {
  readonly once?: true;
}

/** `pilotlight boot`: the machine's next boot uses another profile. */
export async function bootOnce(
  context: SteerContext,
  machine: string,
  profile: string,
  options: BootOptions,
): Promise<void> {
  if (!options.once) {
    throw new AgentError("E_USAGE", "boot takes --once: it changes the next boot alone", {
      cure: "Add --once; for all boots, change the machine's profile in the site and push it.",
    });
  }
  await change(context, machine, options, async (agent) => {
    const after = await agent.call("machines.boot", { machine, profile });
    return [
      after,
      `the next boot of ${machine} uses ${profile}, those after it what the site says`,
    ];
  });
}

/** `pilotlight hold`, `release`, `wake`. */
export async function overrideMachine(
  context: SteerContext,
  kind: "hold" | "release" | "wake",
  machine: string,
  options: MachineOptions,
): Promise<void> {
  await change(context, machine, options, async (agent) => {
    if (kind === "hold") {
      const after = await agent.call("machines.hold", { machine });
      return [after, `${machine} gets no answer until it is released`];
    }
    if (kind === "release") {
      const after = await agent.call("machines.release", { machine });
      return [after, `${machine} boots as the site says`];
    }
    const after = await agent.call("machines.wake", { machine });
    return [after, `${machine} (${after.mac}) was sent what wakes it`];
  });
}

async function change(
  context: SteerContext,
  machine: string,
  options: AgentChoice,
  work: (
    agent: Awaited<ReturnType<typeof agentOfMachine>>,
  ) => Promise<readonly [after: MachineStatus, said: string]>,
): Promise<void> {
  const agent = await agentOfMachine(context, machine, options);
  try {
    const [after, said] = await work(agent);
    if (options.json) printJson(context, { agent: agent.name, machine: after });
    else print(context, [`${agent.name}: ${said}.`]);
  } finally {
    agent.close();
  }
}
