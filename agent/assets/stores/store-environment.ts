import { ClockEvidence } from "./clock-evidence.ts";
import { Dispatchers } from "./dispatchers.ts";
import { readSmallFile, type SmallFile } from "./small-file.ts";

/** How long stores are waited for, milliseconds. */
export interface StoreTimeouts {
  /** Name resolution, TCP and TLS together. */
  readonly connectMs: number;
  /** From the request to the answer's headers. */
  readonly headersMs: number;
  /** Between two pieces of a body, while somebody wants the next. */
  readonly stallMs: number;
}

export const STORE_TIMEOUTS: StoreTimeouts = {
  connectMs: 10_000,
  headersMs: 30_000,
  stallMs: 30_000,
};

/** What stores need from outside. One for the agent's life; `close` ends its connections. */
export interface StoreEnvironment {
  /** The agent's environment: proxy variables, and secrets by name. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** "pilotlight/0.1.0". */
  readonly userAgent: string;
  readonly timeouts: StoreTimeouts;
  readonly dispatchers: Dispatchers;
  readonly clock: ClockEvidence;
  /** The host's clock, milliseconds since 1970. */
  now(): number;
  /** A file of at most 64 KiB; rejects with what the file system says. */
  readSecretFile(file: string): Promise<SmallFile>;
  /** Something that the operator should know and that stops nothing. The same text is given once. */
  warn(text: string): void;
  close(): Promise<void>;
}

/** What a {@link StoreEnvironment} is made of; the rest has its defaults. */
export interface StoreEnvironmentOptions {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Of this software, for the User-Agent. */
  readonly version: string;
  readonly warn: (text: string) => void;
  readonly now?: () => number;
  readonly timeouts?: Partial<StoreTimeouts>;
}

/** Warnings that are remembered so that they are not given again. */
const MAX_WARNED = 256;
const MAX_SECRET_LEN = 65_536;

export function createStoreEnvironment(options: StoreEnvironmentOptions): StoreEnvironment {
  const timeouts = { ...STORE_TIMEOUTS, ...options.timeouts };
  const now = options.now ?? Date.now;
  const dispatchers = new Dispatchers(options.variables, timeouts);
  const warned = new Set<string>();
  return {
    variables: options.variables,
    userAgent: `pilotlight/${options.version}`,
    timeouts,
    dispatchers,
    clock: new ClockEvidence(now),
    now,
    readSecretFile: (file) => readSmallFile(file, MAX_SECRET_LEN),
    warn(text) {
      if (warned.has(text)) return;
      if (warned.size >= MAX_WARNED) warned.clear();
      warned.add(text);
      options.warn(text);
    },
    close: () => dispatchers.close(),
  };
}
