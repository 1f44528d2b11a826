import type { Caller } from "./caller.ts";
import type { VerbName, Verbs } from "./messages.ts";

/** What a verb is. */
export interface Verb {
  /**
   * `open`: anybody. `read`: whom the site lets read. `private`: whoever has the site's token, also where others read without
   * one; else as `change`. `change`: an operator, by a signed request, or somebody on the host. What is `change` need not
   * change anything: it may only cost so much that strangers must not ask for it.
   */
  readonly access: "open" | "read" | "private" | "change";
  /** Only over TLS, and over the socket on the host. */
  readonly confidential: boolean;
  /** Several results, one after the other, until the asker hangs up or there are no more. */
  readonly stream: boolean;
  /** Where it is read by GET, below "/v1"; `:name` is the argument of that name, others stand in the query. */
  readonly path?: string;
}

function read(path: string, more: Partial<Verb> = {}): Verb {
  return { access: "read", confidential: false, stream: false, path, ...more };
}

function change(more: Partial<Verb> = {}): Verb {
  return { access: "change", confidential: false, stream: false, ...more };
}

const CONFIDENTIAL = { confidential: true } as const;
const PRIVATE = { ...CONFIDENTIAL, access: "private" } as const;

/** All verbs of the protocol. Every one of them can be called by a signed request; those with a path also by GET. */
export const VERBS: Readonly<Record<VerbName, Verb>> = {
  "identity.get": read("/identity", { access: "open" }),
  "identity.rename": change(),
  "status.get": read("/status"),
  "site.get": read("/site", PRIVATE),
  "site.history": read("/site/history", PRIVATE),
  "site.validate": change(CONFIDENTIAL),
  "site.diff": change(CONFIDENTIAL),
  "site.put": change(CONFIDENTIAL),
  "site.confirm": change(),
  "site.rollback": change(),
  "machines.list": read("/machines"),
  "machines.plan": read("/machines/:machine"),
  "machines.boot": change(),
  "machines.hold": change(),
  "machines.release": change(),
  "machines.wake": change(),
  "leases.list": read("/leases"),
  "leases.release": change(),
  "servers.list": read("/servers"),
  "servers.forget": change(),
  "cache.list": read("/cache"),
  "cache.prefetch": change(),
  "cache.refresh": change(),
  "cache.pin": change(),
  "cache.rollback": change(),
  "journal.get": read("/journal"),
  "events.follow": read("/events", { stream: true }),
  "capture.list": read("/captures"),
  "capture.start": change(),
  "capture.stop": change(),
  "capture.get": change({ confidential: true, stream: true }),
  "log.level": change(),
  "trust.list": read("/trust"),
  "trust.add": change(),
  "trust.revoke": change(),
  "agent.restart": change(),
};

/** What a verb is asked with beside its arguments. */
export interface Asked {
  readonly caller: Caller;
  /** The asker hung up, or the agent stops. */
  readonly signal: AbortSignal;
}

/** What an agent can do. Each rejects with AgentError for what the asker should know; a stream throws it. */
export type Handlers = {
  readonly [V in VerbName]: (
    args: Verbs[V]["args"],
    asked: Asked,
  ) => V extends "events.follow" | "capture.get"
    ? AsyncIterable<Verbs[V]["result"]>
    : Promise<Verbs[V]["result"]>;
};
