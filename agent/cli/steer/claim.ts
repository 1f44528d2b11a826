import { AgentError } from "../../errors.ts";
import { parseClaimCode } from "../../identity/claim-proof.ts";
import { operatorNameFault, parsePublicKey } from "../../identity/public-key-text.ts";
import { claimAgent } from "../../operator/claim-agent.ts";
import { print, printJson } from "../print.ts";
import type { SteerContext, SteerOptions } from "./context.ts";
import { ownName } from "./keygen.ts";

const TRIES = 6;
const PAUSE_MS = 1_100;

export interface ClaimOptions extends SteerOptions {
  readonly as?: string;
}

/** `pilotlight claim`: becomes the first operator of an agent. Its key is believed when it has proven to know its own code. */
export async function claim(
  context: SteerContext,
  target: string,
  typed: string,
  options: ClaimOptions,
): Promise<void> {
  const code = parseClaimCode(typed);
  if (code === undefined) {
    throw new AgentError("E_USAGE", "a claim code has 16 letters and digits, 2 to 7 among these", {
      cure: "Read it from the agent's console or log: k7xq-m2ab-hh5c-2q4z.",
    });
  }
  const { keyring, finder } = context;
  const name = options.as ?? nameOfKey(keyring.publicLine()) ?? ownName();
  const fault = operatorNameFault(name);
  if (fault !== undefined) {
    throw new AgentError("E_USAGE", `what the agent shall call you: ${fault}`, {
      cure: "Give another name with --as.",
    });
  }
  const { publicKey } = await keyring.key();
  const reached = await finder.reach(target);
  const { agent } = reached;
  try {
    await insist(context, () => claimAgent(agent, code, publicKey, name));
    await finder.remember(reached, "and has proven that it knows the code");
    const { name: called, fingerprint, address } = agent;
    if (options.json) {
      printJson(context, { agent: called, fingerprint, address, operator: name });
    } else {
      print(context, [`${called} is yours: it knows you as ${name}.`]);
    }
  } finally {
    agent.close();
  }
}

/** After a wrong code the agent looks at none for a second: whoever tries codes would else keep the right one out. */
async function insist(context: SteerContext, claimOnce: () => Promise<void>): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      await claimOnce();
      return;
    } catch (error) {
      if (left <= 1 || !(error instanceof AgentError) || error.code !== "E_BUSY") throw error;
    }
    context.notice("another code was tried just now; trying again …");
    await context.pause(PAUSE_MS);
  }
}

function nameOfKey(line: string | undefined): string | undefined {
  return line === undefined ? undefined : parsePublicKey(line).name;
}
