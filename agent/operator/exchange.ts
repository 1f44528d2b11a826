import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request,
} from "node:http";
import { AgentError } from "../errors.ts";

/** One request. */
export interface Asking {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** How long the whole answer may take, ms; of a stream, its head. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/** An answer, read to its end. */
export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer of which only the head was read. */
export interface Streaming {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Ends when the agent ends it; throws when it breaks off, or when nothing comes for `idleMs`. */
  pieces(idleMs: number): AsyncIterable<Buffer>;
  /** The rest, up to `most` octets. */
  rest(most: number): Promise<Buffer>;
  close(): void;
}

/** Asks by HTTP and reads the answer, of at most `most` octets. Rejects with whatever Node says, or E_PROTOCOL, E_UNREACHABLE. */
export async function exchange(
  way: RequestOptions,
  asking: Asking,
  most: number,
): Promise<Answered> {
  const endMs = performance.now() + asking.patienceMs;
  const { status, headers, rest, close } = await openStream(way, asking);
  const late = setTimeout(close, Math.max(0, endMs - performance.now()));
  try {
    return { status, headers, body: await rest(most) };
  } catch (error) {
    throw performance.now() >= endMs ? silent(asking.patienceMs) : error;
  } finally {
    clearTimeout(late);
  }
}

/** Asks by HTTP; resolves when the head of the answer is there. */
export function openStream(way: RequestOptions, asking: Asking): Promise<Streaming> {
  const { method, path, headers, body, patienceMs, signal } = asking;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const sent = request({
      ...way,
      method,
      path,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-length": String(body.length) }),
      },
    });
    const late = setTimeout(() => sent.destroy(silent(patienceMs)), patienceMs);
    const stop = (): void => {
      sent.destroy();
    };
    signal?.addEventListener("abort", stop, { once: true });
    sent.on("close", () => {
      clearTimeout(late);
      signal?.removeEventListener("abort", stop);
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      clearTimeout(late);
      resolve(streaming(sent, response));
    });
    sent.end(body);
  });
}

function streaming(
  sent: { destroy(error?: Error): unknown },
  response: IncomingMessage,
): Streaming {
  // An error may come while nobody reads: the reader gets it when it does.
  response.on("error", () => undefined);
  const close = (): void => {
    sent.destroy();
  };
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    close,
    async *pieces(idleMs) {
      const idle = setTimeout(() => response.destroy(silent(idleMs)), idleMs);
      try {
        for await (const piece of response as AsyncIterable<Buffer>) {
          idle.refresh();
          yield piece;
          idle.refresh();
        }
      } finally {
        clearTimeout(idle);
        close();
      }
    },
    async rest(most) {
      const pieces: Buffer[] = [];
      let octets = 0;
      for await (const piece of response as AsyncIterable<Buffer>) {
        octets += piece.length;
        if (octets > most) {
          close();
          throw new AgentError("E_PROTOCOL", `its answer has more than ${most} octets`);
        }
        pieces.push(piece);
      }
      return Buffer.concat(pieces);
    },
  };
}

function silent(ms: number): AgentError {
  return new AgentError("E_UNREACHABLE", `it said nothing for ${Math.round(ms / 1000)} s`, {
    cure: "It may hang or be overloaded: look at its log, and try again.",
  });
}
