import { Resolver } from "node:dns/promises";
import type { FoundService } from "./mdns/browser.ts";
import { instanceOf, serviceName } from "./mdns/names.ts";
import { readTxt } from "./mdns/txt-strings.ts";

/** Instances of one domain that are looked up, and addresses of one. */
const MAX_INSTANCES = 64;
const MAX_ADDRESSES = 8;
/** One question, ms, and how often it is asked. */
const TIMEOUT_MS = 2_000;
const TRIES = 2;

/** What of `node:dns` is used. Each rejects with an error whose `code` is ENOTFOUND or ENODATA where there is nothing. */
export type DnsResolver = Pick<
  Resolver,
  "resolvePtr" | "resolveSrv" | "resolveTxt" | "resolve4" | "resolve6" | "cancel"
>;

/** The resolver of this host, which asks the servers of /etc/resolv.conf. */
export function systemResolver(): DnsResolver {
  return new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
}

/**
 * The instances of a service that a domain has (RFC 6763 sections 4, 5 and 10): PTR, then SRV and TXT, then addresses.
 *
 * None where the domain has none. Rejects with what `node:dns` says when its servers do not answer.
 */
export async function browseUnicast(
  service: string,
  domain: string,
  resolver: DnsResolver = systemResolver(),
  signal?: AbortSignal,
): Promise<readonly FoundService[]> {
  const cancel = (): void => resolver.cancel();
  signal?.addEventListener("abort", cancel);
  try {
    const names = await orNone(resolver.resolvePtr(serviceName(service, domain)));
    const found = await Promise.all(
      [...new Set(names)]
        .slice(0, MAX_INSTANCES)
        .map((name) => resolve(name, service, domain, resolver)),
    );
    return found.flat();
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

async function resolve(
  name: string,
  service: string,
  domain: string,
  resolver: DnsResolver,
): Promise<readonly FoundService[]> {
  const label = instanceOf(name, service, domain);
  if (label === undefined) return [];
  const [servers, texts] = await Promise.all([
    orNone(resolver.resolveSrv(name)),
    orNone(resolver.resolveTxt(name)),
  ]);
  // RFC 2782: the lowest priority first.
  const [server] = [...servers].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  if (!server) return [];
  const [v4, v6] = await Promise.all([
    orNone(resolver.resolve4(server.name)),
    orNone(resolver.resolve6(server.name)),
  ]);
  const addresses = [...v4, ...v6].slice(0, MAX_ADDRESSES);
  if (addresses.length === 0) return [];
  const txt = readTxt((texts[0] ?? []).map((s) => Buffer.from(s)));
  const { port, name: host } = server;
  return [{ instance: unescaped(label), host, port, txt, addresses, interface: undefined }];
}

/** c-ares gives names in the form of zone files: "\032" is a blank, "\." a dot. */
function unescaped(label: string): string {
  const octets = label.replace(/\\(\d{3}|.)/g, (_, what: string) =>
    what.length === 3 ? String.fromCharCode(Number(what)) : what,
  );
  return Buffer.from(octets, /[^\0-\xff]/.test(octets) ? "utf8" : "latin1").toString();
}

async function orNone<T>(answer: Promise<T[]>): Promise<readonly T[]> {
  try {
    return await answer;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOTFOUND" || code === "ENODATA") return [];
    throw error;
  }
}
