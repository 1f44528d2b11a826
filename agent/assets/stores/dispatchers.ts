import { createSecureContext, rootCertificates } from "node:tls";
import type { Dispatcher } from "undici";
import { type Authorities, AuthorityFiles } from "./authorities.ts";
import { ProxyChoice } from "./proxy.ts";
import type { StoreTimeouts } from "./store-environment.ts";
import { StoreError } from "./store-error.ts";

/** Connections to one origin at a time. Far more than there are transfers, since what waits for one is not timed. */
const CONNECTIONS = 32;
/** More pools than a site has certificate authorities and proxies. The one that was made first goes. */
const MAX_POOLS = 32;

interface Pool {
  readonly dispatcher: Dispatcher;
  /** The file and the proxy, without what is in the file. */
  readonly place: string;
}

/** How a request reaches its server: what undici is asked for in place of the URL itself. */
export interface Route {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  readonly path: string;
  /** For the proxy, where it is the one that is asked. */
  readonly headers: Readonly<Record<string, string>>;
  /** The proxy's host and port, for errors; undefined: none. */
  readonly proxy: string | undefined;
}

/** Connection pools, one for each pair of certificate authority and proxy. */
export class Dispatchers {
  private readonly proxies: ProxyChoice;
  private readonly timeouts: StoreTimeouts;
  private readonly authorities = new AuthorityFiles();
  private readonly pools = new Map<string, Pool>();
  private closed = false;

  /** `variables`: the environment, for its proxy variables. */
  constructor(variables: Readonly<Record<string, string | undefined>>, timeouts: StoreTimeouts) {
    this.proxies = new ProxyChoice(variables);
    this.timeouts = timeouts;
  }

  /**
   * The way to a URL. Rejects with E_STORE_TLS when `ca` cannot be read or is not PEM, E_STORE_UNREACHABLE when the proxy
   * variable makes no sense or after `close`.
   */
  async route(url: URL, ca: string | undefined): Promise<Route> {
    const proxy = parseProxy(this.proxies.of(url));
    const tls = url.protocol === "https:" || proxy?.url.protocol === "https:";
    const roots = tls && ca !== undefined ? await this.authorities.read(ca) : undefined;
    // Loaded when it is needed first: it takes a fifth of a second and 20 MB, and a site of local files has no use for it.
    const undici = await import("undici");
    if (this.closed) throw new StoreError("E_STORE_UNREACHABLE", "the stores are closed");
    const path = `${url.pathname}${url.search}`;
    if (proxy === undefined) {
      const dispatcher = this.pool({ undici, ca, roots });
      return { dispatcher, origin: url.origin, path, headers: {}, proxy: undefined };
    }
    if (url.protocol === "https:") {
      const dispatcher = this.pool({ undici, ca, roots, tunnel: proxy });
      return { dispatcher, origin: url.origin, path, headers: {}, proxy: proxy.url.host };
    }
    // Plain http: is asked of the proxy itself (RFC 9112 section 3.2.2), since most allow CONNECT to port 443 alone.
    return {
      dispatcher: this.pool({ undici, ca, roots }),
      origin: proxy.url.origin,
      path: `${url.origin}${path}`,
      headers: {
        host: url.host,
        ...(proxy.credentials && { "proxy-authorization": proxy.credentials }),
      },
      proxy: proxy.url.host,
    };
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(all.map((p) => p.dispatcher.destroy()));
  }

  private pool(wanted: WantedPool): Dispatcher {
    const { ca, roots, tunnel } = wanted;
    const place = JSON.stringify([roots && ca, tunnel?.url.origin, tunnel?.credentials]);
    const key = `${place} ${roots?.hash ?? ""}`;
    const known = this.pools.get(key);
    if (known !== undefined) return known.dispatcher;
    for (const [k, pool] of this.pools) {
      // The file was replaced: transfers under way may end, nothing new begins with the old authorities.
      if (pool.place === place || this.pools.size >= MAX_POOLS) this.retire(k, pool);
    }
    const dispatcher = this.open(wanted);
    this.pools.set(key, { dispatcher, place });
    return dispatcher;
  }

  private retire(key: string, pool: Pool): void {
    this.pools.delete(key);
    pool.dispatcher.close().catch(() => undefined);
  }

  private open({ undici, roots, tunnel }: WantedPool): Dispatcher {
    // One context for all connections: a list of authorities is expensive to parse, and each connection would.
    const secure =
      roots === undefined
        ? {}
        : { secureContext: createSecureContext({ ca: [...rootCertificates, ...roots.pem] }) };
    const connect = { timeout: this.timeouts.connectMs, ...secure };
    const options = { connections: CONNECTIONS };
    if (tunnel === undefined) return new undici.Agent({ ...options, connect });
    return new undici.ProxyAgent({
      ...options,
      uri: tunnel.url.origin,
      ...(tunnel.credentials && { token: tunnel.credentials }),
      requestTls: connect,
      proxyTls: connect,
    });
  }
}

interface WantedPool {
  readonly undici: typeof import("undici");
  readonly ca: string | undefined;
  readonly roots: Authorities | undefined;
  /** The proxy that is asked for a connection to the store. */
  readonly tunnel?: Proxy;
}

interface Proxy {
  readonly url: URL;
  /** The header Proxy-Authorization. */
  readonly credentials: string | undefined;
}

function parseProxy(text: string | undefined): Proxy | undefined {
  if (text === undefined) return undefined;
  try {
    const url = new URL(text);
    if (url.protocol !== "http:" && url.protocol !== "https:") throw new Error(url.protocol);
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    const credentials = user === ":" ? undefined : `Basic ${Buffer.from(user).toString("base64")}`;
    return { url, credentials };
  } catch {
    // What the variable holds may have a password in it.
    throw new StoreError(
      "E_STORE_UNREACHABLE",
      "the proxy that the environment names is not an http: or https: URL",
      {
        cure: "Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY in the agent's environment: http://HOST:PORT.",
      },
    );
  }
}
