import type { Readable } from "node:stream";
import { bodyFailure, type FailureContext } from "./http-failure.ts";
import { StoreError } from "./store-error.ts";

/** What is read of an answer that was not wanted, octets, and how long that may take. */
const ANSWER_LEN = 4_096;
const ANSWER_MS = 3_000;

/** How a body is read, and what its errors say. */
export interface BodyReading {
  readonly failure: FailureContext;
  readonly signal: AbortSignal;
  /** Octets; undefined: the end of the transfer is the end. */
  readonly expected: number | undefined;
}

/** A body as `HttpResponse.octets` promises it. */
export async function* readOctets(stream: Readable, how: BodyReading): AsyncGenerator<Uint8Array> {
  let got = 0;
  try {
    for await (const piece of stream) {
      got += piece.length;
      yield piece;
    }
  } catch (cause) {
    how.signal.throwIfAborted();
    throw bodyFailure(cause, how.failure, got, how.expected);
  }
  if (how.expected !== undefined && got !== how.expected) {
    throw new StoreError(
      "E_STORE_BROKEN",
      `${how.failure.label}: it announced ${how.expected} octets and sent ${got}`,
    );
  }
}

/** See `HttpResponse.text`. */
export async function readText(
  octets: AsyncIterable<Uint8Array>,
  limit: number,
  label: string,
): Promise<string> {
  const pieces: Uint8Array[] = [];
  let got = 0;
  for await (const piece of octets) {
    got += piece.length;
    if (got > limit) {
      throw new StoreError("E_STORE_BROKEN", `${label}: it sent more than ${limit} octets of text`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** The beginning of an answer's text, as far as it comes soon; the connection is kept where the answer is short. */
export async function beginning(body: Readable): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let got = 0;
  const timer = setTimeout(() => body.destroy(), ANSWER_MS);
  try {
    for await (const piece of body) {
      pieces.push(piece);
      got += piece.length;
      if (got >= ANSWER_LEN) break;
    }
  } catch {
    // what came is enough
  } finally {
    clearTimeout(timer);
  }
  return got === 0 ? undefined : Buffer.concat(pieces).toString("utf8", 0, ANSWER_LEN);
}
