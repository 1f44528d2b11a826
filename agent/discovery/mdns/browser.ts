import type { Clock } from "../../link/clock.ts";
import { BrowseCache, type ResolvedInstance } from "./browse-cache.ts";
import type { Counters, Lane } from "./lane.ts";
import { Lanes, type LanesOptions } from "./lanes.ts";
import { serviceName } from "./names.ts";
import { readTxt } from "./txt-strings.ts";

/** RFC 6762 section 5.2: the first question waits a little, the next a second, and each gap is twice the one before. */
const FIRST_MS = 20;
const FIRST_SPREAD_MS = 100;
const GAP_MS = 1_000;
const MAX_GAP_MS = 60_000;
/** Questions of one message: with known answers they fit into one datagram of any link. */
const MAX_QUESTIONS = 24;
const MAX_KNOWN = 16;
/** Messages at a time. */
const MAX_MESSAGES = 8;

/** A service instance that was found on one interface. */
export interface FoundService {
  readonly instance: string;
  /** Name of the host that it is on. */
  readonly host: string;
  readonly port: number;
  readonly txt: ReadonlyMap<string, string>;
  /** IPv4 first; link-local IPv6 with its zone. Never none. */
  readonly addresses: readonly string[];
  /** Undefined by unicast DNS. */
  readonly interface: string | undefined;
}

export interface BrowserOptions extends LanesOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly counters: Counters;
}

/** Who is told. An instance on two interfaces is found twice. */
export interface BrowserHandlers {
  readonly found: (service: FoundService) => void;
  readonly changed: (service: FoundService) => void;
  readonly lost: (service: FoundService) => void;
}

interface OnLink {
  readonly lanes: Set<Lane>;
  readonly cache: BrowseCache;
  readonly told: Map<string, FoundService>;
  gapMs: number;
  queryAtMs: number;
  cancel: () => void;
}

/** Asks for the instances of one service on all lanes, and keeps track of them until they say goodbye or are not heard again. */
export class Browser {
  private readonly service: string;
  private readonly options: BrowserOptions;
  private readonly handlers: BrowserHandlers;
  private readonly lanes: Lanes;
  private readonly links = new Map<string, OnLink>();

  /** `service`: "_pilotlight._tcp". */
  constructor(service: string, options: BrowserOptions, handlers: BrowserHandlers) {
    this.service = service;
    this.options = options;
    this.handlers = handlers;
    this.lanes = new Lanes(options, {
      opened: (lane) => this.opened(lane),
      closed: (lane) => this.closed(lane),
      message: (lane, { kind, answers, additionals }) => {
        if (kind !== "response") return;
        const link = this.links.get(lane.link.name);
        if (!link) return;
        link.cache.take([...answers, ...additionals], options.clock.now());
        this.run(lane.link.name, link);
      },
    });
  }

  start(): void {
    this.lanes.start();
  }

  /** All that are there now. */
  get services(): readonly FoundService[] {
    return [...this.links.values()].flatMap(({ told }) => [...told.values()]);
  }

  /** Interfaces that are asked on. */
  get interfaces(): readonly string[] {
    return [...this.links.keys()];
  }

  /** Why others are not asked on. */
  get problems(): readonly string[] {
    return this.lanes.problems;
  }

  async stop(): Promise<void> {
    for (const { cancel } of this.links.values()) cancel();
    this.links.clear();
    await this.lanes.stop();
  }

  private opened(lane: Lane): void {
    const { clock, random, counters } = this.options;
    const { name } = lane.link;
    let link = this.links.get(name);
    if (!link) {
      link = {
        lanes: new Set(),
        cache: new BrowseCache(this.service, () => counters.add("mdns", "too-many")),
        told: new Map(),
        gapMs: GAP_MS,
        queryAtMs: 0,
        cancel: () => {},
      };
      this.links.set(name, link);
    }
    link.lanes.add(lane);
    link.gapMs = GAP_MS;
    link.queryAtMs = clock.now() + FIRST_MS + random() * FIRST_SPREAD_MS;
    this.run(name, link);
  }

  private closed(lane: Lane): void {
    const link = this.links.get(lane.link.name);
    link?.lanes.delete(lane);
    if (!link || link.lanes.size > 0) return;
    link.cancel();
    this.links.delete(lane.link.name);
    for (const service of link.told.values()) this.handlers.lost(service);
  }

  /** Does what is due on a link, and sets the timer for what is next. */
  private run(name: string, link: OnLink): void {
    const { clock } = this.options;
    const now = clock.now();
    link.cache.expire(now);
    this.tell(name, link);
    // A handler may have ended us.
    if (this.links.get(name) !== link) return;
    const asking = [...link.cache.asking(now)];
    if (now >= link.queryAtMs) {
      link.queryAtMs = now + link.gapMs;
      link.gapMs = Math.min(link.gapMs * 2, MAX_GAP_MS);
      asking.unshift({ name: serviceName(this.service), type: "PTR" });
    }
    for (
      let at = 0;
      at < Math.min(asking.length, MAX_MESSAGES * MAX_QUESTIONS);
      at += MAX_QUESTIONS
    ) {
      const questions = asking.slice(at, at + MAX_QUESTIONS);
      const answers = at === 0 ? link.cache.known(now).slice(0, MAX_KNOWN) : [];
      for (const lane of link.lanes) void lane.send({ kind: "query", questions, answers });
    }
    link.cancel();
    const nextMs = Math.min(link.queryAtMs, link.cache.nextMs());
    link.cancel = clock.after(Math.max(1, nextMs - now), () => this.run(name, link));
  }

  private tell(name: string, link: OnLink): void {
    const { told } = link;
    const now = new Map(link.cache.resolved().map((r) => [r.label, toFound(r, name)]));
    for (const [label, service] of [...told]) {
      if (now.has(label)) continue;
      told.delete(label);
      this.handlers.lost(service);
    }
    for (const [label, service] of now) {
      const before = told.get(label);
      told.set(label, service);
      if (!before) this.handlers.found(service);
      else if (textOf(before) !== textOf(service)) this.handlers.changed(service);
    }
  }
}

function toFound(r: ResolvedInstance, interfaceName: string): FoundService {
  const addresses = r.addresses.map((a) => (/^fe[89ab]/i.test(a) ? `${a}%${interfaceName}` : a));
  const { label: instance, host, port } = r;
  return { instance, host, port, txt: readTxt(r.txt), addresses, interface: interfaceName };
}

function textOf(service: FoundService): string {
  const { host, port, txt, addresses } = service;
  return JSON.stringify([host, port, [...txt].sort(), [...addresses].sort()]);
}
