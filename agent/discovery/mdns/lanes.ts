import type { Clock } from "../../link/clock.ts";
import type { Lane, LaneHandlers, Message } from "./lane.ts";
import { type Link, ownAddress, sameLink } from "./links.ts";

/** How often the host's interfaces are looked at, ms. */
const POLL_MS = 5_000;
const FAMILIES = [4, 6] as const;

/** Opens a lane: `openLane` with its options. */
export type LaneOpener = (link: Link, family: 4 | 6, handlers: LaneHandlers) => Lane;

/** Where mDNS is spoken, and who hears of it. */
export interface LanesOptions {
  /** The interfaces that there are. */
  readonly links: () => readonly Link[];
  /** Names of those that are meant; undefined: all. */
  readonly interfaces: () => readonly string[] | undefined;
  readonly openLane: LaneOpener;
  readonly clock: Clock;
}

export interface LanesHandlers {
  /** A lane can be used. */
  readonly opened: (lane: Lane) => void;
  /** It is of no use any more, and is closed. */
  readonly closed: (lane: Lane) => void;
  readonly message: (lane: Lane, message: Message) => void;
  /** Once for each reason, until the lane works. */
  readonly failed?: (interfaceName: string, why: string) => void;
}

interface Held {
  readonly link: Link;
  readonly lane: Lane;
  ready: boolean;
}

/** Keeps lanes open on every interface that is meant, by IPv4 and IPv6, as interfaces and addresses come and go. */
export class Lanes {
  private readonly options: LanesOptions;
  private readonly handlers: LanesHandlers;
  private readonly held = new Map<string, Held>();
  private readonly complaints = new Map<string, string>();
  private readonly closing = new Set<Promise<void>>();
  private cancelPoll: () => void = () => {};
  private stopped = false;

  constructor(options: LanesOptions, handlers: LanesHandlers) {
    this.options = options;
    this.handlers = handlers;
  }

  /** Looks at the interfaces now, and then every few seconds. */
  start(): void {
    if (this.stopped) return;
    this.cancelPoll();
    this.refresh();
    this.cancelPoll = this.options.clock.after(POLL_MS, () => this.start());
  }

  /** Those that can be used. */
  get open(): readonly Lane[] {
    return [...this.held.values()].filter(({ ready }) => ready).map(({ lane }) => lane);
  }

  /** Why lanes are not there, a sentence each. */
  get problems(): readonly string[] {
    return [...this.complaints].map(([key, why]) => `${key}: ${why}`);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelPoll();
    for (const key of [...this.held.keys()]) this.drop(key);
    await Promise.all(this.closing);
  }

  private refresh(): void {
    const { links, interfaces } = this.options;
    const meant = interfaces();
    const wanted = new Map<string, readonly [Link, 4 | 6]>();
    for (const link of links()) {
      if (meant !== undefined && !meant.includes(link.name)) continue;
      for (const family of FAMILIES) {
        if (ownAddress(link, family) !== undefined) {
          wanted.set(`${link.name} IPv${family}`, [link, family]);
        }
      }
    }
    for (const [key, { link }] of [...this.held]) {
      const now = wanted.get(key)?.[0];
      if (now === undefined || !sameLink(now, link)) this.drop(key);
    }
    for (const key of [...this.complaints.keys()])
      if (!wanted.has(key)) this.complaints.delete(key);
    for (const [key, [link, family]] of wanted)
      if (!this.held.has(key)) this.add(key, link, family);
  }

  private add(key: string, link: Link, family: 4 | 6): void {
    const { opened, message, failed } = this.handlers;
    const mine = (): Held | undefined => {
      const held = this.held.get(key);
      return held?.lane === lane ? held : undefined;
    };
    const lane = this.options.openLane(link, family, {
      ready: () => {
        const held = mine();
        if (!held) return;
        held.ready = true;
        this.complaints.delete(key);
        opened(lane);
      },
      message: (m) => {
        if (mine()?.ready) message(lane, m);
      },
      failed: (why) => {
        if (!mine()) return;
        this.drop(key);
        if (this.complaints.get(key) !== why) failed?.(link.name, why);
        this.complaints.set(key, why);
      },
    });
    this.held.set(key, { link, lane, ready: false });
  }

  private drop(key: string): void {
    const held = this.held.get(key);
    if (!held) return;
    this.held.delete(key);
    if (held.ready) this.handlers.closed(held.lane);
    const closed = held.lane.close().finally(() => this.closing.delete(closed));
    this.closing.add(closed);
  }
}
