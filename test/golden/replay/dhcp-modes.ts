import { readFileSync } from "node:fs";

const SITE = readFileSync(new URL("addresses.yaml", import.meta.url), "utf8");

/** The site of all captures but one, and where that one's network is instead. */
const NETWORK = "192.168.77.";
const OTHER_NETWORKS: Readonly<Record<string, string>> = { "steering.pcap": "10.77.0." };
/** perfdhcp asks as a relay does, this server alone. Elsewhere the proxy is a second host, as in the captures that have one. */
const PROXY_HOST: Readonly<Record<string, number>> = { "perfdhcp.pcap": 1 };

/** Rules for everybody, in place of the machines. */
const RULES = `unknown:
  uboot: { match: { vendorClass: "U-Boot*" }, profile: blob }
  slof: { match: { mac: "52:54:00:aa:00:05" }, profile: forth }
  s390: { match: { mac: "52:54:00:aa:00:06" }, profile: forth }
  everybody: { profile: linux }
`;

/** How addresses are given: by reservations, out of a pool by rules, or by another server beside us. */
export type Mode = "reservations" | "pool" | "proxy";

export const MODES: readonly Mode[] = ["reservations", "pool", "proxy"];

/** A site that a capture is replayed against. */
export interface ModeSite {
  readonly text: string;
  /** Ours, and of the recorded server that we stand in for. */
  readonly server: string;
  /** The pool's first and last address. */
  readonly pool: readonly [string, string];
}

/** The site for a capture in a mode. */
export function siteFor(capture: string, mode: Mode): ModeSite {
  const network = OTHER_NETWORKS[capture] ?? NETWORK;
  const host = mode === "proxy" ? (PROXY_HOST[capture] ?? 2) : 1;
  const server = `${NETWORK}${host}`;
  const pool = [`${NETWORK}100`, `${NETWORK}120`] as const;
  const words = mode === "proxy" ? "proxy" : "authoritative";
  const head = `address: ${server}/24\n  dhcp: ${words}\n`;
  let text = SITE.replace(`address: ${NETWORK}1/24\n`, head);
  if (mode === "pool") {
    const begin = text.indexOf("machines:");
    text = text.slice(0, begin) + RULES;
    text = text.replace(/^ {2}lease:/m, `  pool: ${pool.join("-")}\n  lease:`);
  }
  const moved = (s: string): string => s.replaceAll(NETWORK, network);
  return { text: moved(text), server: moved(server), pool: [moved(pool[0]), moved(pool[1])] };
}
