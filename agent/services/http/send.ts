import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Content } from "../../assets/content.ts";
import { borrow, fill, type Loan } from "../../assets/loan.ts";
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
      const loan = await lent(content, index);
      const chunk = loan.octets;
      const start = at - index * content.chunkLen;
      const piece = chunk.subarray(start, Math.min(chunk.length, start + end - at));
      const room = response.write(piece, () => loan.giveBack());
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

/** The chunk, until the kernel has taken what was written of it. */
async function lent(content: Content, index: number): Promise<Loan> {
  for (;;) {
    const loan = borrow(content, index);
    if (loan) return loan;
    await fill(content, index);
  }
}

/** Resolves when more can be written, or when nobody reads any more. */
async function roomIn(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

async function settled(response: ServerResponse): Promise<void> {
  if (!response.destroyed && !response.writableFinished) await once(response, "close");
}
