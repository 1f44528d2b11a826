import { randomBytes } from "node:crypto";
import { judgeBundle } from "./bundle/judge-bundle.ts";
import { openBundle } from "./bundle/open-bundle.ts";
import { openTimeFloor } from "./bundle/time-floor.ts";
import { removeUnfinished, unpackBundle } from "./bundle/unpack-bundle.ts";
import type { AgentParts, Bundles, Finder, RunningAgent, Standing } from "./compose.ts";
import { ConfigFinder } from "./config/finder.ts";
import { informOn } from "./config/finding/system-inform.ts";
import type { KeptConfig } from "./config/open-config.ts";
import { openAnnouncer } from "./discovery/announcer.ts";
import { systemSearchDomains } from "./discovery/resolv-conf.ts";
import type { Announcement, Announcer } from "./discovery/services.ts";
import { systemMdns } from "./discovery/system.ts";
import { systemResolver } from "./discovery/unicast.ts";
import { AgentError } from "./errors.ts";
import { openClaimDesk } from "./identity/claim-desk.ts";
import { publicKeyFromOctets } from "./identity/ed25519.ts";
import { shortFingerprint } from "./identity/fingerprint.ts";
import { openIdentity } from "./identity/open-identity.ts";
import { openTrust } from "./identity/open-trust.ts";
import { parsePublicKey } from "./identity/public-key-text.ts";
import type { Clock } from "./link/clock.ts";
import { openControl } from "./open-control.ts";
import { siteChanges } from "./site/site-changes.ts";

/** How often it is looked how late it is at least, ms. */
const OBSERVE_MS: number = 60 * 60_000;

/** What an agent of this program is made of. */
export const PARTS: AgentParts = {
  openIdentity: (stateDir) => openIdentity(stateDir),
  openTrust,
  parsePublicKey,
  openClaimDesk: (stateDir, { identity, trust }, clock, changed) => {
    const { fingerprint } = identity.key.publicKey;
    return openClaimDesk({ stateDir, trust, fingerprint, clock, changed });
  },
  openBundles,
  siteChanges,
  openControl,
  openAnnouncer: announce,
  openFinder,
};

async function openBundles(
  { identity, trust, name }: Standing,
  stateDir: string,
  clock: Clock,
  crash: (bug: unknown) => void,
): Promise<Bundles> {
  await removeUnfinished(`${stateDir}/config`);
  const floor = await openTimeFloor({ file: `${stateDir}/time-floor`, wallMs: Date.now });
  let cancel: () => void = () => {};
  const observe = (): void => {
    floor.observe().catch((error: unknown) => {
      // What the disk does not take now it may take in an hour.
      if (!(error instanceof AgentError)) crash(error);
    });
    cancel = clock.after(OBSERVE_MS, observe);
  };
  observe();
  const { fingerprint } = identity.key.publicKey;
  return {
    stop: () => cancel(),
    tools: {
      open: openBundle,
      judge: (opened, highestSerial) => {
        const time = floor.look();
        judgeBundle(opened, { trust, fingerprint, name: name.current, highestSerial, time });
      },
      unpack: unpackBundle,
      signerName: (signer) =>
        trust.list().find(({ key }) => key.fingerprint === signer)?.name ??
        shortFingerprint(signer),
    },
  };
}

function announce(
  { clock, log, health, counters: counted }: RunningAgent,
  announcement: Announcement,
  interfaces: () => readonly string[],
): Promise<Announcer> {
  const { links, openLane, random, counters } = systemMdns(clock, counted);
  return openAnnouncer(announcement, {
    links,
    openLane,
    clock,
    random,
    counters,
    interfaces,
    log: (line) => {
      log.info(`mDNS: ${line}`);
      // It goes on trying, and says so when it is announced.
      if (line.startsWith("cannot announce")) health.say("discovery", line);
      else health.say("discovery");
    },
  });
}

function openFinder(
  agent: RunningAgent,
  config: KeptConfig,
  url: string | undefined,
  interfaces: () => readonly string[],
): Finder {
  const { clock, identity, name, board, trust, log, wallMs, counters } = agent;
  const finder = new ConfigFinder({
    identity,
    name: () => name.current,
    board,
    url,
    askDhcp: (signal) => informOn(interfaces(), clock, signal),
    mdns: systemMdns(clock, counters),
    interfaces,
    domains: systemSearchDomains,
    resolver: systemResolver(),
    trusts: (fingerprint) => trust.find(fingerprint) !== undefined,
    fingerprintOf: (octets) => publicKeyFromOctets(octets).fingerprint,
    currentDigest: () => config.current?.digest,
    apply: (octets, source) => config.apply(octets, source),
    clock,
    random: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
    wallMs,
    log: (line) => log.info(`configuration: ${line}`),
  });
  finder.start();
  return {
    get status() {
      return finder.search;
    },
    retry: () => finder.retry(),
    stop: () => finder.stop(),
  };
}
