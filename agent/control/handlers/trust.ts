import type { Operator, TrustOrigin } from "../../identity/trust.ts";
import type { Caller } from "../caller.ts";
import type { OperatorRecord } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName } from "./parts.ts";

type Verbs = "trust.list" | "trust.add" | "trust.revoke";

/** The operators that the agent trusts. */
export function trustHandlers(parts: AgentParts): Pick<Handlers, Verbs> {
  const { trust, journal } = parts;
  const note = (event: string, caller: Caller): void =>
    journal.note({
      protocol: "agent",
      event,
      decision: `by ${callerName(caller)}`,
      outcome: "noted",
    });
  return {
    "trust.list": async () => ({ operators: trust.list().map(operatorRecord) }),
    "trust.add": async ({ name, publicKey }, { caller }) => {
      const operator = await trust.add(name, parts.publicKey(publicKey), originOf(caller));
      note(`${operator.name} is trusted`, caller);
      return operatorRecord(operator);
    },
    "trust.revoke": async ({ fingerprint }, { caller }) => {
      const operator = await trust.revoke(fingerprint);
      note(`${operator.name} is not trusted any more`, caller);
      return operatorRecord(operator);
    },
  };
}

/** An operator, as messages have it. */
export function operatorRecord({ name, key, since, origin, revoked }: Operator): OperatorRecord {
  return {
    name,
    fingerprint: key.fingerprint,
    publicKey: key.octets,
    since,
    origin: origin.by === "operator" ? origin.fingerprint : origin.by,
    ...(revoked === undefined ? {} : { revoked }),
  };
}

function originOf(caller: Caller): TrustOrigin {
  if (caller.kind !== "operator") return { by: "local" };
  return { by: "operator", fingerprint: caller.operator.key.fingerprint };
}
