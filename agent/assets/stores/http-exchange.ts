import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { AgentError } from "../../errors.ts";
import { printable } from "../../log/printable.ts";
import { codingsOf, decoded } from "./content-coding.ts";
import { beginning, readOctets, readText } from "./http-body.ts";
import { connectionFailure, type FailureContext } from "./http-failure.ts";
import { statusFailure } from "./http-status.ts";
import type { StoreEnvironment } from "./store-environment.ts";
import { StoreError } from "./store-error.ts";

export type HttpMethod = "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";

/** A request's body: octets, or a stream of known length that can be begun anew when a redirect wants it. */
export type HttpBody =
  | Uint8Array
  | { readonly length: number; octets(): AsyncIterable<Uint8Array> };

/** One request of an exchange: the first, or one that a redirect led to. */
export interface HttpHop {
  readonly method: HttpMethod;
  readonly url: URL;
  /** Whether it goes to the origin (scheme, host, port) that was asked first. */
  readonly sameOrigin: boolean;
  /** 0: the first request. */
  readonly redirects: number;
}

export interface HttpRequest {
  readonly method: HttpMethod;
  /** http: or https:, without credentials. */
  readonly url: string;
  /** Sent with each hop. No credentials here: they would follow a redirect. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Statuses that are answers; any other rejects. Absent: 200 to 299. Redirects are followed unless they are listed. */
  readonly wanted?: readonly number[];
  /** Headers of one hop alone: credentials, signatures. What it gives must fit the hop's origin. */
  readonly authorize?: (
    hop: HttpHop,
  ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** PEM file of further authorities. */
  readonly ca?: string;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Where it came from, after redirects. May hold a signature: not for messages (see `urlLabel`). */
  readonly url: URL;
  /** Names in lower case; what came several times is joined by ", ". */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Octets of the body as announced; undefined: not announced, or it had a content coding. */
  readonly length: number | undefined;
  /** Whether the body had a content coding that is undone here: no ranges and no sizes then. */
  readonly decoded: boolean;
  /**
   * The body, once, with back-pressure. Ends exactly where it was announced to, else throws E_STORE_BROKEN; E_STORE_UNREACHABLE
   * when the connection broke or stalled; the signal's reason. Either read it to its end, leave the loop early or `discard()`.
   */
  readonly octets: AsyncIterable<Uint8Array>;
  /** The body as UTF-8 text; rejects with E_STORE_BROKEN when it has more than `limit` octets. */
  text(limit: number): Promise<string>;
  /** Lets go of the body unread. */
  discard(): void;
}

/**
 * One HTTP exchange with a store, redirects included (at most 10; from https: to http: never).
 *
 * Rejects with StoreError: E_STORE_UNREACHABLE (DNS, refused, reset, timeout, 408, 429, 5xx; `retryAfterMs`), E_STORE_REFUSED
 * (401, 403, 407), E_STORE_MISSING (404, 410), E_STORE_BROKEN (other statuses, redirect loops, what is not HTTP), E_STORE_TLS,
 * E_CLOCK (a certificate is not valid yet or no longer, and the clock is implausible); with AgentError of `authorize`
 * (E_SECRET); or with the signal's reason. No retries.
 */
export async function exchange(env: StoreEnvironment, request: HttpRequest): Promise<HttpResponse> {
  const asked = new URL(request.url);
  const chain = [urlLabel(asked)];
  const seen = new Set([asked.href]);
  let hop: HttpHop = { method: request.method, url: asked, sameOrigin: true, redirects: 0 };
  for (;;) {
    const answer = await send(env, request, hop);
    if (isWanted(request, answer.status)) {
      return response(answer, hop, { signal: request.signal, asked: asked.pathname });
    }
    if (!REDIRECTS.has(answer.status)) {
      const text = await beginning(answer.body);
      throw statusFailure({ label: chain.join(" -> "), ...answer, text }, env.now());
    }
    answer.body.dump({ limit: SHORT_LEN }).catch(() => undefined);
    const next = redirected(hop, answer, chain);
    chain.push(urlLabel(next.url));
    if (seen.has(next.url.href)) throw broken(chain, "it redirects in a circle");
    if (next.redirects > MAX_REDIRECTS) throw broken(chain, "it redirects without end");
    seen.add(next.url.href);
    hop = { ...next, sameOrigin: next.url.origin === asked.origin };
  }
}

/** A URL for journals and errors: without user, query and fragment, which may hold credentials. */
export function urlLabel(url: URL | string): string {
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname}${search === "" ? "" : "?…"}`;
}

const MAX_REDIRECTS = 10;
/** RFC 9110 section 15.4. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What is read of a body that nobody wants, so that its connection can go on being used, octets. */
const SHORT_LEN = 16_384;

/** What one hop gave. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Dispatcher.ResponseData["body"];
  readonly failure: FailureContext;
}

function isWanted({ wanted }: HttpRequest, status: number): boolean {
  return wanted === undefined ? status >= 200 && status < 300 : wanted.includes(status);
}

async function send(env: StoreEnvironment, request: HttpRequest, hop: HttpHop): Promise<Answer> {
  const { signal } = request;
  signal.throwIfAborted();
  const route = await env.dispatchers.route(hop.url, request.ca);
  const body = hop.method === "GET" || hop.method === "HEAD" ? undefined : request.body;
  const headers = {
    "user-agent": env.userAgent,
    accept: "*/*",
    "accept-encoding": "identity",
    ...lowerCase(request.headers),
    ...lowerCase(await request.authorize?.(hop)),
    ...(body !== undefined && { "content-length": String(body.length) }),
    ...route.headers,
  };
  const failure = { label: urlLabel(hop.url), proxy: route.proxy, clock: env.clock };
  try {
    const data = await untilAborted(
      route.dispatcher.request({
        origin: route.origin,
        path: route.path,
        method: hop.method,
        headers,
        body: bodyOf(body),
        signal,
        headersTimeout: env.timeouts.headersMs,
        bodyTimeout: env.timeouts.stallMs,
      }),
      signal,
    );
    const answer = joined(data.headers);
    // Without a listener an error that comes while nobody reads would end the process; who reads is told of it all the same.
    data.body.on("error", () => undefined);
    const { date } = answer;
    env.clock.heard(date);
    return { status: data.statusCode, headers: answer, body: data.body, failure };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof AgentError) throw cause;
    throw connectionFailure(cause, failure);
  }
}

/** Undici sees a signal only once there is a connection, and one that cannot be made takes its time. */
function untilAborted(
  answer: Promise<Dispatcher.ResponseData>,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

function bodyOf(body: HttpBody | undefined): Uint8Array | Readable | null {
  if (body === undefined) return null;
  if (body instanceof Uint8Array && body.length <= SHORT_LEN) return body;
  // In pieces, so that the time limit holds for each: a slow uplink takes long for the whole.
  const octets = body instanceof Uint8Array ? pieces(body) : body.octets();
  return Readable.from(octets, { objectMode: false });
}

function* pieces(octets: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < octets.length; at += SHORT_LEN) yield octets.subarray(at, at + SHORT_LEN);
}

function redirected(hop: HttpHop, { status, headers }: Answer, chain: readonly string[]): HttpHop {
  const { location: to = "" } = headers;
  if (to === "" || !URL.canParse(to, hop.url.href)) {
    throw broken(chain, `it redirects (${status}) without saying where to`);
  }
  const url = new URL(to, hop.url);
  url.username = "";
  url.password = "";
  url.hash = "";
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw broken(chain, `it redirects to an address that is no http: one (${url.protocol})`);
  }
  if (hop.url.protocol === "https:" && url.protocol === "http:") {
    throw new StoreError(
      "E_STORE_BROKEN",
      `${chain.join(" -> ")}: it redirects from https: to http: (${urlLabel(url)})`,
      {
        cure: "Name an https: address that does not lead to an http: one; if this is meant, name the http: address itself.",
      },
    );
  }
  // Browsers make a GET of POST for 301 and 302 too; no store relies on it, and registries mean the method they were asked by.
  const method = status === 303 && hop.method !== "HEAD" ? "GET" : hop.method;
  return { method, url, sameOrigin: false, redirects: hop.redirects + 1 };
}

function broken(chain: readonly string[], why: string): StoreError {
  return new StoreError("E_STORE_BROKEN", `${chain.join(" -> ")}: ${why}`);
}

function response(
  answer: Answer,
  hop: HttpHop,
  { signal, asked }: { readonly signal: AbortSignal; readonly asked: string },
): HttpResponse {
  const { status, headers, body, failure } = answer;
  const codings = codingsOf(headers["content-encoding"], [asked, hop.url.pathname]);
  if (codings === undefined) {
    body.destroy();
    throw new StoreError(
      "E_STORE_BROKEN",
      `${failure.label}: it encodes the body as ${printable(headers["content-encoding"] ?? "")}, which was not asked for`,
    );
  }
  const isDecoded = codings.length > 0;
  const announced = headers["content-length"];
  const length =
    !isDecoded && announced !== undefined && /^\d{1,15}$/.test(announced)
      ? Number(announced)
      : undefined;
  const expected = hop.method === "HEAD" || status === 204 || status === 304 ? 0 : length;
  const stream = isDecoded ? decoded(body, codings) : body;
  const octets = readOctets(stream, { failure, signal, expected });
  return {
    status,
    headers,
    url: hop.url,
    length,
    decoded: isDecoded,
    octets,
    text: (limit) => readText(octets, limit, failure.label),
    discard() {
      // A short rest is read, so that the connection can go on being used.
      if (isDecoded) stream.destroy();
      else body.dump({ limit: SHORT_LEN }).catch(() => undefined);
    },
  };
}

function lowerCase(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v]));
}

function joined(headers: Dispatcher.ResponseData["headers"]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([k, v]) => [k, Array.isArray(v) ? v.join(", ") : v]),
  );
}
