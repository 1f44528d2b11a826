import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

const FILE = "/etc/resolv.conf";
/** resolv.conf(5) had six for long; nobody needs more. */
const MAX_DOMAINS = 6;
const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/** The search domains of a resolv.conf(5): those of its last `search` or `domain` line, "." and "local" left out. */
export function searchDomains(text: string): readonly string[] {
  let domains: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === "search" || word === "domain") domains = rest;
  }
  const clean = domains.map((d) => d.toLowerCase().replace(/\.$/, "")).filter(isDomain);
  return [...new Set(clean)].slice(0, MAX_DOMAINS);
}

/** Whether this is a domain that can be asked by unicast DNS. */
export function isDomain(text: string): boolean {
  return DOMAIN.test(text) && text !== "local" && !text.endsWith(".local");
}

/** The search domains of this host; without any, the domain that its own name is in. */
export async function systemSearchDomains(): Promise<readonly string[]> {
  const text = await readFile(FILE, "utf8").catch(() => "");
  const found = searchDomains(text);
  const [, own] = /^[^.]+\.(.+)$/.exec(hostname()) ?? [];
  return found.length > 0 || own === undefined || !isDomain(own) ? found : [own];
}
