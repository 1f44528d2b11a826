import { createHash } from "node:crypto";
import type { ConfigSearch } from "../control/messages.ts";
import { type Browsing, browseConfigServers } from "../discovery/browse.ts";
import type { FoundConfigServer } from "../discovery/services.ts";
import type { MdnsHost } from "../discovery/system.ts";
import type { DnsResolver } from "../discovery/unicast.ts";
import { AgentError } from "../errors.ts";
import type { Identity } from "../identity/identity.ts";
import type { Clock } from "../link/clock.ts";
import { printableCut } from "../log/printable.ts";
import type { BundleSource } from "./config.ts";
import {
  type Fetched,
  type FetchOrder,
  type FetchTimeouts,
  fetchBundle,
} from "./finding/fetch-bundle.ts";
import { KnownBundles } from "./finding/known-bundles.ts";
import {
  type Candidate,
  candidateOfUrl,
  candidatesOf,
  serversOfDomain,
} from "./finding/sources.ts";

/** Between rounds that found nothing while there is no configuration, ms: twice as long each time. */
const LEAST_MS = 2_000;
const MOST_MS = 5 * 60_000;
/** Between rounds when there is one. */
const AGAIN_MS = 5 * 60_000;
/** How much of a pause is left to chance, so that the agents of a site do not ask together. */
const SPREAD = 0.2;
/** How soon a server that mDNS has just found is asked. */
const SOON_MS = 200;
/** How long what DHCP said is believed. */
const DHCP_AGAIN_MS = 5 * 60_000;
/** Tables and lists that servers could make grow. */
const MAX_SAID = 32;
const MAX_CANDIDATES = 24;
const MAX_DOMAINS = 6;

export interface ConfigFinderOptions {
  readonly identity: Identity;
  /** What the agent is called now; servers choose by it. */
  readonly name: () => string;
  readonly board: string;
  /** A URL that somebody gave: by the command line, the environment or the boot medium. */
  readonly url?: string | undefined;
  /** Asks DHCP for one, while there is no configuration; absent: not permitted here. Undefined when no server says any. */
  readonly askDhcp?: (signal: AbortSignal) => Promise<string | undefined>;
  /** Absent: no mDNS. */
  readonly mdns?: MdnsHost;
  /** Where it is spoken, asked again every few seconds: interfaces may get their address later. Undefined: everywhere. */
  readonly interfaces?: (() => readonly string[]) | undefined;
  /** Domains that are asked by unicast DNS. */
  readonly domains: () => Promise<readonly string[]>;
  readonly resolver: DnsResolver;
  /** Whether an operator with this key is trusted now. */
  readonly trusts: (fingerprint: string) => boolean;
  readonly fingerprintOf: (publicKey: Uint8Array) => string;
  /** SHA-256, hex, of the bundle that runs; undefined: none, the agent is unconfigured. */
  readonly currentDigest: () => string | undefined;
  /** `ConfigKeeper.apply`. */
  readonly apply: (octets: Uint8Array, source: BundleSource) => Promise<unknown>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Milliseconds since 1970, by the host's clock. */
  readonly wallMs: () => number;
  /** One line for the operator. */
  readonly log: (line: string) => void;
  /** A round is over: `search` may have changed. */
  readonly looked?: () => void;
  readonly timeouts?: FetchTimeouts;
  /** In place of `fetchBundle`. */
  readonly fetch?: (order: FetchOrder) => Promise<Fetched>;
}

/**
 * Looks for configuration for as long as the agent runs bundles, so that a first one is found and newer ones come by themselves.
 *
 * In this order: a URL that somebody gave, the URL of DHCP option 224, servers found by mDNS, servers of the DNS domains. The
 * first that has a bundle for this agent ends the round. That none answers is no problem of an agent that has a configuration.
 */
export class ConfigFinder {
  private readonly options: ConfigFinderOptions;
  private readonly stopping = new AbortController();
  private browsing: Browsing<FoundConfigServer> | undefined;
  private cancel: () => void = () => {};
  private round: Promise<void> | undefined;
  private again = false;
  private failures = 0;
  private readonly known = new KnownBundles();
  private readonly said = new Set<string>();
  private dhcp: { readonly url: string | undefined; readonly askedMs: number } | undefined;
  private where: readonly string[] = [];
  private lastTryMs: number | undefined;
  private lastFoundMs: number | undefined;
  private problem: string | undefined;

  constructor(options: ConfigFinderOptions) {
    this.options = options;
  }

  start(): void {
    const { mdns, interfaces } = this.options;
    const soon = (): void => this.later(SOON_MS);
    if (mdns) {
      const handlers = { found: soon, changed: soon };
      this.browsing = browseConfigServers(mdns, { interfaces }, handlers);
    }
    this.later(SOON_MS);
  }

  /** For the agent's status. */
  get search(): ConfigSearch {
    const { where, problem, lastTryMs, lastFoundMs } = this;
    return {
      where,
      ...(lastTryMs === undefined ? {} : { lastTryAt: new Date(lastTryMs).toISOString() }),
      ...(lastFoundMs === undefined ? {} : { lastFoundAt: new Date(lastFoundMs).toISOString() }),
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Somebody else is trusted now, or the agent has another name: what was refused may be taken. */
  retry(): void {
    this.known.clear();
    this.said.clear();
    this.failures = 0;
    this.later(SOON_MS);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.cancel();
    await Promise.all([this.browsing?.stop(), this.round]);
  }

  private later(ms: number): void {
    if (this.stopping.signal.aborted) return;
    if (this.round) {
      // A server that was found meanwhile has its turn when this round is over.
      this.again = true;
      return;
    }
    this.cancel();
    this.cancel = this.options.clock.after(ms, () => {
      this.round = this.look().finally(() => {
        this.round = undefined;
        const again = this.again;
        this.again = false;
        this.later(again ? SOON_MS : this.pauseMs());
        this.options.looked?.();
      });
    });
  }

  private pauseMs(): number {
    const { random, currentDigest } = this.options;
    const doubled = Math.min(MOST_MS, LEAST_MS * 2 ** Math.min(this.failures, 20));
    const ms = currentDigest() === undefined ? doubled : AGAIN_MS;
    return ms * (1 + (random() * 2 - 1) * SPREAD);
  }

  /** One round. Never rejects. */
  private async look(): Promise<void> {
    const { wallMs } = this.options;
    const problems: string[] = [];
    const where: string[] = [];
    this.lastTryMs = wallMs();
    let done = false;
    let tried = 0;
    for await (const candidate of this.candidates(where, problems)) {
      if (this.stopping.signal.aborted || ++tried > MAX_CANDIDATES) break;
      done = await this.attempt(candidate, problems);
      if (done) break;
    }
    if (this.stopping.signal.aborted) return;
    this.where = where;
    if (done) this.lastFoundMs = wallMs();
    this.failures = done ? 0 : this.failures + 1;
    this.problem = done || problems.length === 0 ? undefined : problems.join("; ");
  }

  /** The places to ask, in order. */
  private async *candidates(where: string[], problems: string[]): AsyncGenerator<Candidate> {
    const { url, mdns, domains, resolver } = this.options;
    const { signal } = this.stopping;
    const typed = function* (text: string, what: string): Generator<Candidate> {
      const candidate = candidateOfUrl(text, what);
      where.push(candidate?.where ?? `${what}${printableCut(text, 80)}`);
      if (candidate) yield candidate;
      else problems.push(`${what}"${printableCut(text, 80)}" is not an http: or https: URL`);
    };
    if (url !== undefined) yield* typed(url, "");
    const byDhcp = await this.dhcpUrl();
    if (byDhcp !== undefined) yield* typed(byDhcp, "DHCP: ");
    if (mdns) {
      where.push("mDNS");
      for (const server of this.browsing?.all ?? []) yield* candidatesOf(server, "mDNS");
    }
    for (const domain of (await domains()).slice(0, MAX_DOMAINS)) {
      where.push(`DNS-SD of ${domain}`);
      try {
        for (const server of await serversOfDomain(domain, resolver, signal)) {
          yield* candidatesOf(server, `DNS-SD of ${domain}`);
        }
      } catch (error) {
        problems.push(`DNS-SD of ${domain}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }

  private async dhcpUrl(): Promise<string | undefined> {
    const { askDhcp, currentDigest, clock } = this.options;
    if (!askDhcp) return;
    const fresh = this.dhcp !== undefined && clock.now() - this.dhcp.askedMs < DHCP_AGAIN_MS;
    if (fresh || currentDigest() !== undefined) return this.dhcp?.url;
    try {
      const url = await askDhcp(this.stopping.signal);
      this.dhcp = { url: url ?? this.dhcp?.url, askedMs: clock.now() };
    } catch (error) {
      this.dhcp = { url: this.dhcp?.url, askedMs: clock.now() };
      const why = error instanceof Error ? error.message : String(error);
      this.sayOnce(`DHCP cannot be asked for a configuration: ${why}`);
    }
    return this.dhcp?.url;
  }

  /** Whether this place has a bundle for us: a new one, or that which runs. */
  private async attempt(candidate: Candidate, problems: string[]): Promise<boolean> {
    const { trusts, fingerprintOf, identity, clock, timeouts } = this.options;
    const fetch = this.options.fetch ?? fetchBundle;
    const { where, fingerprint } = candidate;
    if (fingerprint !== undefined && !trusts(fingerprint)) {
      problems.push(`${where} is of ${fingerprint.slice(0, 16)}…, whom this agent does not trust`);
      return false;
    }
    const url = this.withQuery(candidate.url);
    const place = `${candidate.address ?? ""} ${url.href}`;
    const before = this.known.at(place, clock.now());
    try {
      const fetched = await fetch({
        url,
        ...(candidate.address === undefined ? {} : { address: candidate.address }),
        etag: before?.etag,
        identity,
        trusts: (publicKey) => {
          const holder = fingerprintOf(publicKey);
          return trusts(holder) && (fingerprint === undefined || holder === fingerprint);
        },
        keyOnly: fingerprint !== undefined,
        signal: this.stopping.signal,
        ...(timeouts === undefined ? {} : { timeouts }),
      });
      if (fetched.kind === "none") {
        problems.push(`${where} has nothing for this agent`);
        return false;
      }
      if (fetched.kind === "unchanged") return this.judgeUnchanged(before?.digest, where, problems);
      const { octets, etag } = fetched;
      const digest = createHash("sha256").update(octets).digest("hex");
      const taken = await this.take(octets, digest, where, problems);
      if (taken !== "later") this.known.had(place, etag, digest);
      return taken === "runs";
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      problems.push(error.message);
      return false;
    }
  }

  /** The server has what it had last: that runs, or it was refused, or it ran and was taken back. */
  private judgeUnchanged(digest: string | undefined, where: string, problems: string[]): boolean {
    const { currentDigest, clock } = this.options;
    if (digest !== undefined && digest === currentDigest()) return true;
    const refusal = digest === undefined ? undefined : this.known.refusal(digest, clock.now());
    problems.push(refusal ?? `what ${where} has ran here before, and was taken back`);
    return false;
  }

  /** `later`: the same octets may be taken another time. */
  private async take(
    octets: Uint8Array,
    digest: string,
    where: string,
    problems: string[],
  ): Promise<"runs" | "refused" | "later"> {
    const { apply, log, clock, currentDigest } = this.options;
    if (digest === currentDigest()) return "runs";
    const refusal = this.known.refusal(digest, clock.now());
    if (refusal !== undefined) {
      problems.push(refusal);
      return "refused";
    }
    try {
      await apply(octets, { kind: "fetched", where });
      log(`configuration fetched from ${where}`);
      return "runs";
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const text = `bundle ${digest.slice(0, 12)} from ${where}: ${error.code}: ${error.message}`;
      problems.push(text);
      this.sayOnce(`${text}. ${error.cure}`);
      if (!FINAL.has(error.code)) return "later";
      this.known.refuse(digest, text, clock.now());
      return "refused";
    }
  }

  private withQuery(base: URL): URL {
    const { identity, name, board } = this.options;
    const url = new URL(base);
    url.searchParams.set("agent", identity.key.publicKey.fingerprint);
    url.searchParams.set("name", name());
    url.searchParams.set("board", board);
    return url;
  }

  private sayOnce(line: string): void {
    if (this.said.has(line)) return;
    if (this.said.size >= MAX_SAID) this.said.clear();
    this.said.add(line);
    this.options.log(line);
  }
}

/** What does not pass by itself in a moment. */
const FINAL: ReadonlySet<string> = new Set(["E_BUNDLE", "E_BUNDLE_REFUSED", "E_SITE_INVALID"]);
