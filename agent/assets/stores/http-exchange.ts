import type { StoreEnvironment } from "./store-environment.ts";

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
export function exchange(env: StoreEnvironment, request: HttpRequest): Promise<HttpResponse> {
  return Promise.reject(new Error(`${env.userAgent}: ${request.method} is not written yet`));
}

/** A URL for journals and errors: without user, query and fragment, which may hold credentials. */
export function urlLabel(url: URL | string): string {
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname}${search === "" ? "" : "?…"}`;
}
