import { wrapped } from "../words.ts";

const COLUMNS = 80;

/** What was done in vain. */
export interface Search {
  /** Interfaces that were asked on. */
  readonly interfaces: readonly string[];
  /** Why others were not, a sentence each. */
  readonly problems: readonly string[];
  readonly domain: string | undefined;
  readonly seconds: number;
}

/** Why nothing may have been found, and what to try. */
export function adviceLines(search: Search): readonly string[] {
  const { interfaces, problems, domain, seconds } = search;
  const asked = interfaces.length === 0 ? "on no interface" : `on ${interfaces.join(", ")}`;
  const also = domain === undefined ? "" : `, and of the DNS domain ${domain}`;
  const points = [
    ...problems.map((problem) => `Not asked: ${problem}.`),
    "An agent announces itself on its management interfaces only, and needs half a minute after power on. Its console says where: `pilotlight serve` prints name, address and fingerprint.",
    "Multicast does not leave a network: an agent in another VLAN, behind a router or on a guest Wi-Fi is not heard. Ask from a host there.",
    "A firewall, here or there, must let UDP port 5353 through to 224.0.0.251 and ff02::fb, and back.",
    "Some switches with IGMP snooping and no querier, and some access points, lose multicast after minutes: ask again right after the agent was started.",
    "An agent whose address you know needs no discovery: `pilotlight status ADDRESS`. One whose site has it in DNS is found with --domain (PTR records of _pilotlight._tcp.DOMAIN).",
  ];
  return [
    ...wrapped(`No agent answered within ${seconds} s ${asked}${also}.`, COLUMNS, 0),
    ...points.flatMap((point) => wrapped(`- ${point}`, COLUMNS, 2)),
  ];
}
