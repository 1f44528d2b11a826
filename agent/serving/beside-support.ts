import type { ForeignAddresses } from "../services/dhcp/foreign-addresses.ts";
import { openSeenServer } from "../services/dhcp/seen-server-store.ts";
import type { RackNetworkInput } from "./rack-network.ts";
import type { ServingInput } from "./serving.ts";

/** What the services of an interface live beside other DHCP servers with. */
export function besideSupport(
  interfaceName: string,
  foreign: ForeignAddresses,
  { database, health, log }: Pick<ServingInput, "database" | "health" | "log">,
): RackNetworkInput["support"] {
  const why = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);
  return {
    memory: openSeenServer(database, interfaceName),
    foreign,
    wallMs: Date.now,
    health: (...reasons) => health.say("foreign", ...reasons),
    problem: (error) => log.warn(`another DHCP server was seen, and is not kept: ${why(error)}`),
  };
}
