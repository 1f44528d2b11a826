import type { VerbName, Verbs } from "../control/messages.ts";

/** A connection of an operator's tool to one agent, whose identity is the pinned one. Every method rejects with AgentError. */
export interface AgentConnection {
  /** The agent's name, as it says. */
  readonly name: string;
  /** Of its identity key, proven. */
  readonly fingerprint: string;
  /** Asks by GET; the answer's signature was checked. */
  get<V extends VerbName>(verb: V, args: Verbs[V]["args"]): Promise<Verbs[V]["result"]>;
  /** Asks by a request that the operator's key signs. */
  call<V extends VerbName>(verb: V, args: Verbs[V]["args"]): Promise<Verbs[V]["result"]>;
  /** Results of a verb that streams, until the agent ends it or `signal` is aborted. */
  stream<V extends VerbName>(
    verb: V,
    args: Verbs[V]["args"],
    signal: AbortSignal,
  ): AsyncIterable<Verbs[V]["result"]>;
  close(): void;
}
