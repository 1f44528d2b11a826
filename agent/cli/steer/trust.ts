import type { OperatorRecord } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import { matchFingerprint, shortFingerprint } from "../../identity/fingerprint.ts";
import { parsePublicKey } from "../../identity/public-key-text.ts";
import { knownAs } from "../../operator/find-agents.ts";
import { publicKeyLines } from "../../operator/keyring.ts";
import { suggest } from "../../site/suggest.ts";
import { print, printJson } from "../print.ts";
import { tableLines } from "../table.ts";
import { agentAnd } from "./arguments-of.ts";
import { COLUMNS, type SteerContext, type SteerOptions, withAgent } from "./context.ts";
import { plainData } from "./plain-data.ts";

const TABLE = [
  { title: "NAME", least: 12 },
  { title: "KEY" },
  { title: "SINCE" },
  { title: "BY", least: 8 },
  { title: "" },
] as const;

/** `pilotlight trust list`: who may steer an agent. */
export async function listTrusted(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    const { operators } = await agent.get("trust.list", {});
    if (options.json) printJson(context, plainData({ agent: agent.name, operators }));
    else if (operators.length === 0) {
      print(context, [`${agent.name} trusts nobody yet. Its console shows a code for \`claim\`.`]);
    } else {
      const rows = operators.map((operator) => [
        operator.name,
        shortFingerprint(operator.fingerprint),
        operator.since.slice(0, 10),
        originText(operator, operators),
        operator.revoked === undefined ? "" : `revoked ${operator.revoked.slice(0, 10)}`,
      ]);
      print(context, tableLines(TABLE, rows, COLUMNS));
    }
  });
}

/** `pilotlight trust add`: further operators. */
export async function addTrusted(
  context: SteerContext,
  first: string | undefined,
  second: string | undefined,
  options: SteerOptions,
): Promise<void> {
  const { agent: target, rest } = agentAnd("key", first, second, options);
  const keys = publicKeyLines(rest).map(parsePublicKey);
  if (keys.length === 0) throw new AgentError("E_KEY", `${rest} has no public key in it`);
  await withAgent(context, target, options, async (agent) => {
    for (const { key, name } of keys) {
      const added = await agent.call("trust.add", { name, publicKey: key.octets });
      tell(context, agent.name, added, "is trusted", options);
    }
  });
}

/** `pilotlight trust revoke`: for ever. */
export async function revokeTrusted(
  context: SteerContext,
  first: string | undefined,
  second: string | undefined,
  options: SteerOptions,
): Promise<void> {
  const { agent: target, rest } = agentAnd("operator", first, second, options);
  await withAgent(context, target, options, async (agent) => {
    const { operators } = await agent.get("trust.list", {});
    const { fingerprint } = operatorOf(rest, operators, agent.name);
    const revoked = await agent.call("trust.revoke", { fingerprint });
    tell(context, agent.name, revoked, "is not trusted any more", options);
  });
}

/** `pilotlight trust forget`: takes an agent's key out of what is known here; the agent is not asked. */
export async function forgetAgent(
  context: SteerContext,
  target: string,
  { json }: SteerOptions,
): Promise<void> {
  const known = context.known.list();
  const agent = knownAs(target, known);
  if (!agent) {
    const near = suggest(
      target,
      known.map(({ name }) => name),
    );
    throw new AgentError("E_USAGE", `no agent is known here as ${target}`, {
      cure:
        near === undefined
          ? "`pilotlight status` shows those that are."
          : `Did you mean "${near}"?`,
    });
  }
  await context.known.forget(agent);
  if (json) printJson(context, { forgotten: agent });
  else {
    print(context, [
      `${agent.name} (${shortFingerprint(agent.fingerprint)}) is forgotten. The next key that it shows is believed.`,
    ]);
  }
}

/** Whom a name or the beginning of a fingerprint means among those that are trusted. */
function operatorOf(
  text: string,
  operators: readonly OperatorRecord[],
  agent: string,
): OperatorRecord {
  const trusted = operators.filter(({ revoked }) => revoked === undefined);
  const prints = matchFingerprint(
    text,
    trusted.map(({ fingerprint }) => fingerprint),
  );
  const fits = trusted.filter(
    ({ name, fingerprint }) => name === text || prints.includes(fingerprint),
  );
  const [one, ...more] = fits;
  if (one && more.length === 0) return one;
  const all = fits.length > 0 ? fits : trusted;
  const list = all.map(({ name, fingerprint }) => `${name} (${shortFingerprint(fingerprint)})`);
  throw new AgentError(
    "E_TRUST",
    fits.length > 0
      ? `${agent} trusts several of that name`
      : `${agent} trusts nobody called ${text}`,
    {
      cure: `Give the fingerprint, at least 16 characters of it, of one of these: ${list.join(", ")}.`,
    },
  );
}

function tell(
  context: SteerContext,
  agent: string,
  operator: OperatorRecord,
  what: string,
  { json }: SteerOptions,
): void {
  if (json) printJson(context, plainData({ agent, operator }));
  else {
    const key = shortFingerprint(operator.fingerprint);
    print(context, [`${agent}: ${operator.name} (${key}) ${what}.`]);
  }
}

/** "claim", or who added the key. */
function originText({ origin }: OperatorRecord, operators: readonly OperatorRecord[]): string {
  return operators.find(({ fingerprint }) => fingerprint === origin)?.name ?? origin.slice(0, 16);
}
