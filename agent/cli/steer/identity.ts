import type { AgentIdentity } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import { grouped, shortFingerprint } from "../../identity/fingerprint.ts";
import { parsePublicKey } from "../../identity/public-key-text.ts";
import { print, printJson } from "../print.ts";
import { type SteerContext, type SteerOptions, withAgent } from "./context.ts";
import { plainData } from "./plain-data.ts";

export interface IdentityOptions extends SteerOptions {
  readonly rename?: string;
}

/** `pilotlight identity`: who an agent is; where none is named and none runs here, who the operator is. */
export async function identity(
  context: SteerContext,
  target: string | undefined,
  options: IdentityOptions,
): Promise<void> {
  if (target === undefined && options.state === undefined && !(await runsHere(context))) {
    ownIdentity(context, options);
    return;
  }
  await withAgent(context, target, options, async (agent) => {
    const { rename } = options;
    const said =
      rename === undefined
        ? await agent.get("identity.get", {})
        : await agent.call("identity.rename", { name: rename });
    if (options.json) printJson(context, plainData(said));
    else print(context, identityLines(said));
  });
}

function identityLines(said: AgentIdentity): readonly string[] {
  return [
    `${said.name}  ${shortFingerprint(said.fingerprint)}`,
    `  fingerprint  ${grouped(said.fingerprint)}`,
    `  software     pilotlight ${said.version}, protocol ${said.protocol}`,
    `  board        ${said.board}`,
    ...(said.claimable ? ["  nobody is trusted yet: claim it with the code on its console"] : []),
  ];
}

async function runsHere(context: SteerContext): Promise<boolean> {
  const agent = await context.local();
  agent?.close();
  return agent !== undefined;
}

function ownIdentity(context: SteerContext, { json, rename }: IdentityOptions): void {
  const line = context.keyring.publicLine();
  if (line === undefined || rename !== undefined) {
    throw new AgentError("E_USAGE", "which agent? None runs on this host", {
      cure: "Name one: `pilotlight discover` shows those of this network. For a key of your own: `pilotlight keygen`.",
    });
  }
  const { key, name } = parsePublicKey(line);
  const { fingerprint } = key;
  if (json) printJson(context, { name, fingerprint, publicKey: line, file: context.keyring.file });
  else {
    print(context, [
      `You are ${name}  ${shortFingerprint(fingerprint)}`,
      `  fingerprint  ${grouped(fingerprint)}`,
      `  key          ${context.keyring.file}`,
      line,
    ]);
  }
}
