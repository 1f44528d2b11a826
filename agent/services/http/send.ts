import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { HttpBody } from "./answer.ts";

/** How sending a body ended: all of it, or how far it came and why no further. */
export interface Sent {
  readonly octets: number;
  /** "" when all was sent. */
  readonly why: string;
}

/**
 * Writes a body: the cache's own chunks, one after the other, no faster than the client takes them.
 *
 * A file that cannot be read to its end breaks the connection. Nothing but octets of the file ever follows the headers, so
 * what the client has is short, and never wrong.
 */
export async function sendBody(
  response: ServerResponse,
  { content, at: from, len }: HttpBody,
  progress: (octets: number) => void,
): Promise<Sent> {
  const end = from + len;
  let at = from;
  try {
    while (at < end) {
      const index = Math.floor(at / content.chunkLen);
      const chunk = content.peek(index) ?? (await content.load(index));
      const start = at - index * content.chunkLen;
      const piece = chunk.subarray(start, Math.min(chunk.length, start + end - at));
      const room = response.write(piece);
      at += piece.length;
      if (!room) await roomIn(response);
      if (response.destroyed) return { octets: at - from, why: "the client went away" };
      progress(at - from);
    }
  } catch (error) {
    response.destroy();
    return { octets: at - from, why: error instanceof Error ? error.message : String(error) };
  }
  response.end();
  await settled(response);
  return response.writableFinished
    ? { octets: len, why: "" }
    : { octets: len, why: "the client went away" };
}

/** Resolves when more can be written, or when nobody reads any more. */
async function roomIn(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const gone = new AbortController();
  const { signal } = gone;
  try {
    await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  } finally {
    gone.abort();
  }
}

async function settled(response: ServerResponse): Promise<void> {
  if (!response.destroyed && !response.writableFinished) await once(response, "close");
}
