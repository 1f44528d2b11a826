import { BlockList, isIP } from "node:net";

/** Which HTTP proxy the environment names for a URL: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case. */
export class ProxyChoice {
  private readonly http: string | undefined;
  private readonly https: string | undefined;
  private readonly exempt: readonly Exemption[];

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    // The lower-case one wins, as in curl; an empty one counts as absent.
    const variable = (name: string): string | undefined =>
      variables[name] || variables[name.toUpperCase()] || undefined;
    const all = variable("all_proxy");
    // An inetd-style server sets HTTP_PROXY from a client's header "Proxy:". We are no CGI program, so it is honoured.
    this.http = variable("http_proxy") ?? all;
    this.https = variable("https_proxy") ?? all;
    this.exempt = (variable("no_proxy") ?? "")
      .split(/[\s,]+/)
      .filter((entry) => entry !== "")
      .map(parseExemption);
  }

  /** The proxy's URL as the variable has it, credentials included; undefined: none. */
  of(url: URL): string | undefined {
    const proxy = url.protocol === "https:" ? this.https : this.http;
    if (proxy === undefined || this.isExempt(url)) return undefined;
    return proxy.includes("://") ? proxy : `http://${proxy}`;
  }

  private isExempt(url: URL): boolean {
    const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    return this.exempt.some((e) => (e.port === undefined || e.port === port) && e.covers(host));
  }
}

interface Exemption {
  readonly port: string | undefined;
  covers(host: string): boolean;
}

/** `*`, a domain with its subdomains, an address, or a prefix ("172.24.42.0/24"), each with an optional port. */
function parseExemption(entry: string): Exemption {
  if (entry === "*") return { port: undefined, covers: () => true };
  const prefix = prefixOf(entry);
  if (prefix !== undefined) return { port: undefined, covers: prefix };
  const [, host = entry, port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  const name = host
    .replace(/^\[|\]$/g, "")
    .replace(/^\*?\./, "")
    .toLowerCase();
  return { port, covers: (h) => h === name || (isIP(h) === 0 && h.endsWith(`.${name}`)) };
}

function prefixOf(entry: string): ((host: string) => boolean) | undefined {
  const [address = "", len = "", more] = entry.split("/");
  const family = isIP(address);
  if (family === 0 || more !== undefined || !/^\d{1,3}$/.test(len)) return undefined;
  if (Number(len) > (family === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  const type = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(address, Number(len), type);
  return (host) => isIP(host) === family && list.check(host, type);
}
