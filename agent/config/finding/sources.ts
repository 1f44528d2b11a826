import { CONFIG_SERVICE, type FoundConfigServer } from "../../discovery/services.ts";
import { configServerOf } from "../../discovery/txt.ts";
import { browseUnicast, type DnsResolver } from "../../discovery/unicast.ts";
import { endpoint } from "../../link/endpoint.ts";

/** Addresses of one server that are tried. */
const MAX_ADDRESSES = 3;

/** A place that may have a bundle for us. */
export interface Candidate {
  readonly url: URL;
  /** Where to connect instead of to the URL's host. */
  readonly address?: string;
  /** For people: "mDNS: eva", "DHCP: https://…". */
  readonly where: string;
  /** Of the operator that it says it belongs to; undefined for a URL that somebody configured. */
  readonly fingerprint?: string;
}

/** A URL as somebody typed it; undefined when it is none that can be fetched. */
export function candidateOfUrl(text: string, what: string): Candidate | undefined {
  if (!URL.canParse(text)) return;
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") return;
  if (url.username !== "" || url.password !== "") return;
  url.hash = "";
  return { url, where: `${what}${url.href}` };
}

/** The URLs of a server that was found, by its first addresses. */
export function candidatesOf(server: FoundConfigServer, how: string): readonly Candidate[] {
  const { addresses, port, path, fingerprint, instance } = server;
  return addresses.slice(0, MAX_ADDRESSES).flatMap((address) => {
    const [bare = ""] = address.split("%");
    const text = `https://${endpoint(bare, port)}${path}`;
    if (!URL.canParse(text)) return [];
    return [{ url: new URL(text), address, fingerprint, where: `${how}: ${instance} (${bare})` }];
  });
}

/** The configuration servers that a domain has. Rejects with what `node:dns` says. */
export async function serversOfDomain(
  domain: string,
  resolver: DnsResolver,
  signal: AbortSignal,
): Promise<readonly FoundConfigServer[]> {
  const found = await browseUnicast(CONFIG_SERVICE, domain, resolver, signal);
  return found.flatMap((service) => configServerOf(service) ?? []);
}
