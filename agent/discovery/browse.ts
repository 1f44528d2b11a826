import { Browser, type FoundService } from "./mdns/browser.ts";
import {
  AGENT_SERVICE,
  CONFIG_SERVICE,
  type FoundAgent,
  type FoundConfigServer,
} from "./services.ts";
import type { MdnsHost } from "./system.ts";
import { agentOf, configServerOf } from "./txt.ts";

/** Who is told of what comes and goes. What is on two interfaces is found on each. */
export interface BrowseHandlers<T> {
  readonly found?: (one: T) => void;
  readonly changed?: (one: T) => void;
  /** It said goodbye, was not heard any more, or its interface went away. */
  readonly lost?: (one: T) => void;
}

export interface BrowseOptions {
  /** Names; undefined: all that there are. A function is asked again every few seconds. */
  readonly interfaces?: readonly string[] | (() => readonly string[]) | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** A search that goes on until it is stopped. */
export interface Browsing<T> {
  /** All that are there now. */
  readonly all: readonly T[];
  /** The interfaces that are asked on. */
  readonly interfaces: readonly string[];
  /** Why others are not, a sentence each. */
  readonly problems: readonly string[];
  stop(): Promise<void>;
}

/** Looks for agents. What says of itself what no agent says is left out. */
export function browseAgents(
  host: MdnsHost,
  options: BrowseOptions = {},
  handlers: BrowseHandlers<FoundAgent> = {},
): Browsing<FoundAgent> {
  return browse(AGENT_SERVICE, agentOf, host, options, handlers);
}

/** Looks for configuration servers. */
export function browseConfigServers(
  host: MdnsHost,
  options: BrowseOptions = {},
  handlers: BrowseHandlers<FoundConfigServer> = {},
): Browsing<FoundConfigServer> {
  return browse(CONFIG_SERVICE, configServerOf, host, options, handlers);
}

/** Looks for the instances of a service, as `read` understands them. */
export function browse<T>(
  service: string,
  read: (found: FoundService) => T | undefined,
  host: MdnsHost,
  options: BrowseOptions,
  handlers: BrowseHandlers<T>,
): Browsing<T> {
  const known = new Map<string, T>();
  const keyOf = (s: FoundService): string => `${s.interface} ${s.instance}`;
  const take = (found: FoundService): void => {
    const key = keyOf(found);
    const before = known.get(key);
    const now = read(found);
    if (now === undefined) {
      host.counters.add("mdns", "bad-txt");
      known.delete(key);
      if (before !== undefined) handlers.lost?.(before);
      return;
    }
    known.set(key, now);
    if (before === undefined) handlers.found?.(now);
    else handlers.changed?.(now);
  };
  const { interfaces } = options;
  const browser = new Browser(
    service,
    { ...host, interfaces: typeof interfaces === "function" ? interfaces : () => interfaces },
    {
      found: take,
      changed: take,
      lost(service) {
        const before = known.get(keyOf(service));
        known.delete(keyOf(service));
        if (before !== undefined) handlers.lost?.(before);
      },
    },
  );
  const stop = async (): Promise<void> => {
    options.signal?.removeEventListener("abort", abort);
    await browser.stop();
  };
  const abort = (): void => void stop();
  if (options.signal?.aborted !== true) {
    options.signal?.addEventListener("abort", abort, { once: true });
    browser.start();
  }
  return {
    get all() {
      return [...known.values()];
    },
    get interfaces() {
      return browser.interfaces;
    },
    get problems() {
      return browser.problems;
    },
    stop,
  };
}

/** Asks for agents for `patienceMs`, or until `enough` says that there are; what is on two interfaces is in the list twice. */
export async function collectAgents(
  host: MdnsHost,
  patienceMs: number,
  enough: (found: readonly FoundAgent[]) => boolean,
  options: BrowseOptions = {},
): Promise<readonly FoundAgent[]> {
  let browsing: Browsing<FoundAgent> | undefined;
  await new Promise<void>((resolve) => {
    const cancel = host.clock.after(patienceMs, resolve);
    const look = (): void => {
      if (!enough(browsing?.all ?? [])) return;
      cancel();
      resolve();
    };
    options.signal?.addEventListener("abort", () => resolve(), { once: true });
    browsing = browseAgents(host, options, { found: look, changed: look });
  });
  const found = browsing?.all ?? [];
  await browsing?.stop();
  return found;
}
