import { hostname, networkInterfaces } from "node:os";
import { packSite } from "../../bundle/pack-site.ts";
import { sealBundle } from "../../bundle/seal-bundle.ts";
import { openConfigAnnouncer } from "../../discovery/announcer.ts";
import { systemMdns } from "../../discovery/system.ts";
import { makeCertificate } from "../../identity/certificate.ts";
import { systemClock } from "../../link/clock.ts";
import { operatorHome } from "../../operator/home.ts";
import { openPublishedSerials } from "../../publish/published-serials.ts";
import type { CommandHost } from "../host.ts";
import { askYes } from "./ask-yes.ts";
import { openAgent, type SteerOptions, type SteerParts, steerContext } from "./context.ts";
import { steerParts } from "./parts.ts";
import type { Announced, Publication, Publishing } from "./publish.ts";
import type { Steering } from "./steering.ts";

const SERIALS = "published.json";

/** What steering takes, outside tests. */
export function systemSteering(
  host: CommandHost,
  options: SteerOptions,
  parts: SteerParts = steerParts(),
): Steering {
  const context = steerContext(host, options, parts);
  return {
    host,
    clock: systemClock,
    wallMs: Date.now,
    key: () => context.keyring.key(),
    met: () => context.known.list(),
    connect: (agent) => openAgent(context, agent, options),
    packSite,
    sealBundle,
    ask: (question) => askYes(process.stdin, host.stderr, question),
  };
}

/** The same for publishing. */
export function systemPublishing(
  host: CommandHost,
  options: SteerOptions,
  parts: SteerParts = steerParts(),
): Publishing {
  return {
    ...systemSteering(host, options, parts),
    makeCertificate,
    announce: (publication) => announce(host, publication),
    openSerials: () => openPublishedSerials(operatorHome(host.env).file(SERIALS)),
    interfaces: networkInterfaces,
  };
}

async function announce(host: CommandHost, publication: Publication): Promise<Announced> {
  const { interface: only, port, path, fingerprint } = publication;
  const mdns = systemMdns(systemClock, { add: () => undefined });
  const name = `pilotlight on ${hostname()}`;
  return await openConfigAnnouncer(
    { name, port, path, fingerprint },
    {
      ...mdns,
      interfaces: () => (only === undefined ? mdns.links().map((link) => link.name) : [only]),
      log: (line) => host.stderr.write(`${line}\n`),
    },
  );
}
