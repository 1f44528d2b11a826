import { decodeCbor, encodeCbor } from "../control/cbor.ts";
import { socketPath } from "../control/local-socket.ts";
import type { VerbName, Verbs } from "../control/messages.ts";
import { AgentError } from "../errors.ts";
import { printableCut } from "../log/printable.ts";
import { errorCode } from "../state/folder.ts";
import type { AgentConnection } from "./connection.ts";
import { type Asking, exchange, openStream } from "./exchange.ts";
import { answeredError, linkFailure } from "./failures.ts";
import { checkedItem, checkedResult } from "./results.ts";
import { sequenceItems } from "./sequence.ts";
import { ANSWER_LIMITS, MAX_ANSWER_OCTETS } from "./signed-messages.ts";
import { ROOT } from "./verb-path.ts";

const PATIENCE_MS = 60_000;
const STREAM_IDLE_MS = 40_000;
const MAX_NAME = 100;
const WHERE = "the agent on this host";

/** The agent on this host, by the socket in its state folder: whoever may open that may ask for everything, without a key. */
export class LocalAgent implements AgentConnection {
  private readonly file: string;
  private identity: { readonly name: string; readonly fingerprint: string } | undefined;
  private readonly closed = new AbortController();

  private constructor(file: string) {
    this.file = file;
  }

  /** The agent with a state folder; undefined where none runs. Rejects with E_UNREACHABLE when its socket may not be opened. */
  static async connect(stateDir: string): Promise<LocalAgent | undefined> {
    const agent = new LocalAgent(socketPath(stateDir));
    try {
      const { name, fingerprint } = await agent.call("identity.get", {});
      agent.identity = { name: printableCut(name, MAX_NAME), fingerprint };
      return agent;
    } catch (error) {
      const code = error instanceof AgentError ? errorCode(error.cause) : undefined;
      if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
      if (code !== "EACCES") throw error;
      throw new AgentError("E_UNREACHABLE", `${WHERE} runs, but ${agent.file} may not be opened`, {
        cause: error,
        cure: "Type the command again with `sudo` in front of it, or name the agent to reach it over the network.",
      });
    }
  }

  get name(): string {
    return this.identity?.name ?? "";
  }

  get fingerprint(): string {
    return this.identity?.fingerprint ?? "";
  }

  get<V extends VerbName>(verb: V, args: Verbs[V]["args"]): Promise<Verbs[V]["result"]> {
    return this.call(verb, args);
  }

  async call<V extends VerbName>(verb: V, args: Verbs[V]["args"]): Promise<Verbs[V]["result"]> {
    const { signal } = this.closed;
    const { status, body } = await this.linked(() =>
      exchange(
        { socketPath: this.file, agent: false },
        { ...asking(verb, args, "application/cbor"), signal },
        MAX_ANSWER_OCTETS,
      ),
    );
    return this.said(verb, status, body);
  }

  async *stream<V extends VerbName>(
    verb: V,
    args: Verbs[V]["args"],
    signal: AbortSignal,
  ): AsyncIterable<Verbs[V]["result"]> {
    const ends = AbortSignal.any([signal, this.closed.signal]);
    try {
      const streaming = await openStream(
        { socketPath: this.file, agent: false },
        { ...asking(verb, args, "application/cbor-seq"), signal: ends },
      );
      if (streaming.status !== 200) {
        this.said(verb, streaming.status, await streaming.rest(MAX_ANSWER_OCTETS));
      }
      for await (const item of sequenceItems(streaming.pieces(STREAM_IDLE_MS), ANSWER_LIMITS)) {
        yield checkedItem(verb, item);
      }
    } catch (error) {
      if (!ends.aborted) throw linkFailure(error, WHERE);
    }
  }

  close(): void {
    this.closed.abort();
  }

  private said<V extends VerbName>(verb: V, status: number, body: Buffer): Verbs[V]["result"] {
    let answer: unknown;
    try {
      answer = decodeCbor(body, ANSWER_LIMITS);
      if (status === 200) return checkedResult(verb, answer);
    } catch (error) {
      throw linkFailure(error, WHERE);
    }
    throw answeredError(answer, WHERE);
  }

  private async linked<T>(over: () => Promise<T>): Promise<T> {
    try {
      return await over();
    } catch (error) {
      throw linkFailure(error, WHERE);
    }
  }
}

function asking(verb: VerbName, args: object, accept: string): Asking {
  return {
    method: "POST",
    path: `${ROOT}/call`,
    headers: { accept, "content-type": "application/cbor" },
    body: encodeCbor({ verb, args }),
    patienceMs: PATIENCE_MS,
  };
}
