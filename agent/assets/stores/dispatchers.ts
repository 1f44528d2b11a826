import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, rootCertificates } from "node:tls";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { ProxyChoice } from "./proxy.ts";
import type { StoreTimeouts } from "./store-environment.ts";
import { StoreError } from "./store-error.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Connections to one origin at a time: a store serves one gateway gently. */
const CONNECTIONS = 8;
/** More pools than a site has certificate authorities and proxies. The one that was made first goes. */
const MAX_POOLS = 32;

interface Pool {
  readonly dispatcher: Dispatcher;
  /** The file and the proxy, without what is in the file. */
  readonly place: string;
}

/** Connection pools, one for each pair of certificate authority and proxy. */
export class Dispatchers {
  private readonly proxies: ProxyChoice;
  private readonly timeouts: StoreTimeouts;
  private readonly pools = new Map<string, Pool>();
  private closed = false;

  /** `variables`: the environment, for its proxy variables. */
  constructor(variables: Readonly<Record<string, string | undefined>>, timeouts: StoreTimeouts) {
    this.proxies = new ProxyChoice(variables);
    this.timeouts = timeouts;
  }

  /** The pool for a URL. Rejects with E_STORE_TLS when `ca` cannot be read or is not PEM, E_STORE_UNREACHABLE after `close`. */
  async for(url: URL, ca: string | undefined): Promise<Dispatcher> {
    const proxy = this.proxies.of(url);
    const roots = ca === undefined || url.protocol !== "https:" ? undefined : await authorities(ca);
    if (this.closed) throw new StoreError("E_STORE_UNREACHABLE", "the stores are closed");
    const place = JSON.stringify([roots && ca, proxy]);
    const key = `${place} ${roots?.hash ?? ""}`;
    const known = this.pools.get(key);
    if (known !== undefined) return known.dispatcher;
    const dispatcher = this.open(proxy, roots?.pem);
    for (const [k, pool] of this.pools) {
      // The file was replaced: transfers under way end, nothing new begins with the old authorities.
      if (pool.place === place || this.pools.size >= MAX_POOLS) this.retire(k, pool);
    }
    this.pools.set(key, { dispatcher, place });
    return dispatcher;
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(all.map((p) => p.dispatcher.destroy()));
  }

  private retire(key: string, pool: Pool): void {
    this.pools.delete(key);
    pool.dispatcher.close().catch(() => undefined);
  }

  private open(proxy: string | undefined, extra: readonly string[] | undefined): Dispatcher {
    // One context for all connections: a list of authorities is expensive to parse, and each connection would.
    const secure =
      extra === undefined
        ? {}
        : { secureContext: createSecureContext({ ca: [...rootCertificates, ...extra] }) };
    const connect = { timeout: this.timeouts.connectMs, ...secure };
    const options = {
      connections: CONNECTIONS,
      headersTimeout: this.timeouts.headersMs,
      bodyTimeout: this.timeouts.stallMs,
    };
    if (proxy === undefined) return new Agent({ ...options, connect });
    try {
      return new ProxyAgent({
        ...options,
        uri: proxy,
        requestTls: connect,
        proxyTls: connect,
        // Plain http: goes through the proxy as a request of its own: most allow CONNECT to port 443 alone.
        proxyTunnel: false,
      });
    } catch (cause) {
      throw new StoreError(
        "E_STORE_UNREACHABLE",
        "the proxy that the environment names is not a URL",
        {
          cure: "Correct HTTP_PROXY and HTTPS_PROXY in the agent's environment: http://HOST:PORT.",
          cause,
        },
      );
    }
  }
}

/** The certificates of a PEM file. */
async function authorities(file: string): Promise<{ pem: readonly string[]; hash: string }> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new StoreError("E_STORE_TLS", `the certificate authority ${file} cannot be read`, {
      cause,
      cure: "Put the file in place, readable by the agent's user, or correct `ca` of the store.",
    });
  });
  const pem = text.match(PEM) ?? [];
  try {
    for (const block of pem) new X509Certificate(block);
    if (pem.length === 0) throw new Error("no BEGIN CERTIFICATE in it");
  } catch (cause) {
    throw new StoreError("E_STORE_TLS", `${file} holds no certificate in PEM format`, {
      cause,
      cure: "Give the authority's certificate as PEM (`openssl x509 -inform der -in FILE`).",
    });
  }
  return { pem, hash: createHash("sha256").update(pem.join()).digest("hex") };
}
