import type { FoundAgent } from "../discovery/services.ts";
import { shortFingerprint } from "../identity/fingerprint.ts";
import { operatorHome } from "./home.ts";
import { isNamed, KnownAgents } from "./known-agents.ts";

/** Compares what is announced with the agents that the operator has met. */
export interface AnnouncedPins {
  /** What the operator must know of an announcement, in a sentence; undefined: nothing. */
  check(agent: FoundAgent): string | undefined;
}

/** By the pins in the operator's home, read once. Throws E_KEY when they cannot be used. */
export function announcedPins(env: NodeJS.ProcessEnv): AnnouncedPins {
  const known = new KnownAgents(operatorHome(env)).list();
  return {
    check({ instance, fingerprint }) {
      const pinned = known.find((agent) => isNamed(agent, instance));
      if (!pinned || pinned.fingerprint === fingerprint) return undefined;
      const [now, then] = [fingerprint, pinned.fingerprint].map(shortFingerprint);
      return `it announces the key ${now}, and ${pinned.name} had ${then} when it was first met on ${pinned.firstMet.slice(0, 10)}`;
    },
  };
}
