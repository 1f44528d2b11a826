import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { isPlausible } from "../../assets/fetch/status.ts";
import { AgentError } from "../../errors.ts";
import type { SeenServer } from "../../services/dhcp/mode.ts";
import type { OtherServer } from "../../services/dhcp/other-servers.ts";
import type { DhcpWatchStatus } from "../../services/dhcp/watch.ts";
import type { DhcpServers, ServerStatus } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName, isoTime, type RunningSite, theSite } from "./parts.ts";

const NO_SERVERS = { conduct: "off", servers: [] } as const;

/** Other DHCP servers on the rack's link. */
export function serverHandlers(
  parts: AgentParts,
): Pick<Handlers, "servers.list" | "servers.forget"> {
  return {
    "servers.list": async () => dhcpServers(parts, parts.running()),
    "servers.forget": async (_, { caller }) => {
      const { beside } = theSite(parts);
      const kept = beside && statusesOf(parts, beside.status).find((server) => server.kept);
      if (!beside || !kept || !(await beside.forget(callerName(caller)))) {
        throw noneKept(beside?.status);
      }
      return { ...kept, kept: false };
    },
  };
}

/** What is done about addresses, and who else is there. */
export function dhcpServers(parts: AgentParts, running: RunningSite | undefined): DhcpServers {
  if (!running) return { ...NO_SERVERS, mode: "off", why: "it serves no site" };
  const status = running.beside?.status;
  if (!status) return { ...NO_SERVERS, mode: "off", why: "the site says off" };
  const { mode, conduct, why } = status;
  return { mode, conduct, why, servers: statusesOf(parts, status) };
}

/** Those that were heard of late, by address; the one that is kept is there whenever it was heard. */
function statusesOf(parts: AgentParts, { servers, kept }: DhcpWatchStatus): ServerStatus[] {
  const listed = servers.map((server) => heardStatus(parts, server, kept));
  if (kept && !listed.some((server) => server.kept)) {
    const { address, sinceMs } = kept;
    const since = isPlausible(sinceMs) ? { since: isoTime(sinceMs) } : {};
    listed.push({ address: formatIpv4(address), givesAddresses: true, kept: true, ...since });
  }
  return listed;
}

function heardStatus(
  { wallMs, clock }: AgentParts,
  { address, givesAddresses, firstMs, lastMs }: OtherServer,
  seen: SeenServer | undefined,
): ServerStatus {
  const monoToWallMs = wallMs() - clock.now();
  const kept = seen?.address === address;
  const sinceMs = kept && isPlausible(seen.sinceMs) ? seen.sinceMs : monoToWallMs + firstMs;
  return {
    address: formatIpv4(address),
    givesAddresses,
    kept,
    since: isoTime(Math.min(sinceMs, monoToWallMs + firstMs)),
    last: isoTime(monoToWallMs + lastMs),
  };
}

const CURES = {
  auto: "It serves the addresses that the site reserves already.",
  authoritative: "It gives addresses whoever else does: stop the other server.",
  proxy: "The site says `dhcp: proxy`: write `auto` or `authoritative` there, and push it.",
  off: "The site says `dhcp: off`: write another mode there, and push it.",
} as const;

function noneKept(status: DhcpWatchStatus | undefined): AgentError {
  return new AgentError("E_NOT_FOUND", "there is no other DHCP server to forget", {
    cure: CURES[status?.mode ?? "off"],
  });
}
