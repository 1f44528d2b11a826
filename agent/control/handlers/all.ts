import type { Handlers } from "../verbs.ts";
import { agentHandlers } from "./agent.ts";
import { cacheHandlers } from "./cache.ts";
import { captureHandlers } from "./captures.ts";
import { eventHandlers } from "./events.ts";
import { identityHandlers } from "./identity.ts";
import { journalHandlers } from "./journal.ts";
import { leaseHandlers } from "./leases.ts";
import { machineHandlers } from "./machines.ts";
import type { AgentParts } from "./parts.ts";
import { serverHandlers } from "./servers.ts";
import { siteHandlers } from "./site.ts";
import { statusHandlers } from "./status.ts";
import { trustHandlers } from "./trust.ts";

/** What an agent does for each verb. Who may ask, and whether the arguments are of the right types, was looked at before. */
export function createHandlers(parts: AgentParts): Handlers {
  return {
    ...identityHandlers(parts),
    ...statusHandlers(parts),
    ...siteHandlers(parts),
    ...machineHandlers(parts),
    ...leaseHandlers(parts),
    ...serverHandlers(parts),
    ...cacheHandlers(parts),
    ...journalHandlers(parts),
    ...eventHandlers(parts),
    ...captureHandlers(parts),
    ...agentHandlers(parts),
    ...trustHandlers(parts),
  };
}
