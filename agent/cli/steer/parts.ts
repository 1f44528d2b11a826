import { browseAgents } from "../../discovery/browse.ts";
import type { FoundAgent } from "../../discovery/services.ts";
import { type MdnsHost, systemMdns } from "../../discovery/system.ts";
import { systemClock } from "../../link/clock.ts";
import type { BrowseAgents } from "../../operator/find-agents.ts";
import type { SteerParts } from "./context.ts";

/** What the commands work with outside tests. */
export function steerParts(): SteerParts {
  return { browse: browseFor(systemMdns(systemClock, { add: () => undefined })) };
}

/** Asks on all interfaces. An agent that is heard on several is one, with all its addresses. */
export function browseFor(mdns: MdnsHost): BrowseAgents {
  return async (patienceMs, enough) => {
    const { clock } = mdns;
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        if (enough(merged(browsing.all))) end();
      };
      const browsing = browseAgents(mdns, {}, { found: look, changed: look });
      let ended = false;
      const end = (): void => {
        if (ended) return;
        ended = true;
        stopWaiting();
        const found = merged(browsing.all);
        browsing.stop().then(() => resolve(found), reject);
      };
      const stopWaiting = clock.after(patienceMs, end);
    });
  };
}

function merged(all: readonly FoundAgent[]): readonly FoundAgent[] {
  const agents = new Map<string, FoundAgent>();
  for (const agent of all) {
    const key = `${agent.fingerprint} ${agent.instance}`;
    const before = agents.get(key);
    const addresses = [...new Set([...(before?.addresses ?? []), ...agent.addresses])];
    agents.set(key, { ...agent, addresses });
  }
  return [...agents.values()];
}
