import { AgentError } from "../../errors.ts";
import { printable } from "../../log/printable.ts";
import { type AgentIdentity, PROTOCOL_VERSION } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName } from "./parts.ts";

/** A DNS label's, RFC 6763 section 4.1.1: the name is announced as one. */
const MAX_NAME_OCTETS = 63;

type Verbs = "identity.get" | "identity.rename";

/** Who the agent is. */
export function identityHandlers(parts: AgentParts): Pick<Handlers, Verbs> {
  return {
    "identity.get": async () => identityOf(parts),
    "identity.rename": async ({ name }, { caller }) => {
      const octets = Buffer.byteLength(name);
      if (octets === 0 || octets > MAX_NAME_OCTETS || printable(name) !== name || !name.trim()) {
        throw new AgentError(
          "E_USAGE",
          `an agent's name has 1 to ${MAX_NAME_OCTETS} octets of printable characters`,
        );
      }
      const before = parts.name.current();
      await parts.name.rename(name);
      parts.journal.note({
        protocol: "agent",
        event: `its name is ${name}`,
        decision: `it was ${before}; changed by ${callerName(caller)}`,
        outcome: "noted",
      });
      return identityOf(parts);
    },
  };
}

/** What an agent says of itself to anybody. */
export function identityOf(parts: AgentParts): AgentIdentity {
  const { publicKey } = parts.identity.key;
  return {
    name: parts.name.current(),
    publicKey: publicKey.octets,
    fingerprint: publicKey.fingerprint,
    version: parts.version,
    board: parts.board,
    protocol: PROTOCOL_VERSION,
    claimable: parts.trust.unclaimed,
  };
}
