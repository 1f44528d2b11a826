import { isPlausible, type KeeperStatus } from "../../assets/fetch/status.ts";
import type { LogLevel } from "../../log/logger.ts";
import type { AgentStatus, DhcpStatus, SiteStatus } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { identityOf } from "./identity.ts";
import { type AgentParts, isoTime, type RunningSite } from "./parts.ts";

/** How the agent is. */
export function statusHandlers(parts: AgentParts): Pick<Handlers, "status.get"> {
  return { "status.get": () => statusOf(parts) };
}

async function statusOf(parts: AgentParts): Promise<AgentStatus> {
  const running = parts.running();
  const assets = running && assetCounts(await running.keeper.status());
  const site = siteStatus(parts, running);
  const search = parts.search();
  const nowMs = parts.wallMs();
  return {
    identity: identityOf(parts),
    ...parts.situation(),
    ...(site ? { site } : {}),
    ...(search ? { search } : {}),
    interfaces: parts.interfaces(),
    booting: running?.activity.machines() ?? [],
    machines: running?.planner.site.machines.length ?? 0,
    ...(assets ? { assets } : {}),
    ...(running ? { dhcp: dhcpStatus(running) } : {}),
    clock: { time: isoTime(nowMs), plausible: isPlausible(nowMs) },
    startedAt: isoTime(parts.startedMs),
    residentOctets: process.memoryUsage.rss(),
    logLevel: parts.log.level as LogLevel,
    counters: { ...parts.counters?.(), ...Object.fromEntries(running?.counters.entries() ?? []) },
  };
}

function siteStatus(parts: AgentParts, running: RunningSite | undefined): SiteStatus | undefined {
  if (!running) return undefined;
  const { name } = running.planner.site;
  if (parts.siteFile !== undefined) return { name, source: "file", file: parts.siteFile };
  const { current: bundle, probation } = parts.config;
  return {
    name,
    source: "bundle",
    ...(bundle ? { bundle } : {}),
    ...(probation ? { probation } : {}),
  };
}

function dhcpStatus({ beside }: RunningSite): DhcpStatus {
  if (!beside) return { mode: "off", conduct: "off", otherServers: 0 };
  const { mode, conduct, servers } = beside.status;
  return { mode, conduct, otherServers: servers.filter((s) => s.givesAddresses).length };
}

function assetCounts({ assets, cache }: KeeperStatus): AgentStatus["assets"] {
  return {
    all: assets.length,
    cached: assets.filter((a) => a.digest !== undefined).length,
    fetching: assets.filter((a) => a.state === "waiting").length,
    failed: assets.filter((a) => a.state === "failed" || a.state === "refused").length,
    usedOctets: cache.used,
    limitOctets: cache.limit,
  };
}
