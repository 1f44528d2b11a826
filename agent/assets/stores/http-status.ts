import { PROXY_LOGIN } from "./http-failure.ts";
import { StoreError } from "./store-error.ts";

/** The longest that a store's Retry-After is taken at its word, milliseconds. */
const MAX_RETRY_AFTER_MS = 86_400_000;

/** The answer to a request whose status was not wanted. */
export interface UnwantedAnswer {
  /** `urlLabel` of what was asked. */
  readonly label: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The beginning of its body. */
  readonly text: string | undefined;
}

/** What a status that was not wanted is reported as (RFC 9110 section 15). `nowMs`: milliseconds since 1970. */
export function statusFailure(answer: UnwantedAnswer, nowMs: number): StoreError {
  const { label, status, headers, text } = answer;
  const retryAfterMs = parseRetryAfter(headers["retry-after"], nowMs);
  const options = {
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(text !== undefined && { answer: text }),
  };
  if (status === 407) {
    return new StoreError("E_STORE_REFUSED", `${label}: the proxy wants credentials (407)`, {
      ...options,
      cure: PROXY_LOGIN,
    });
  }
  if (status === 401 || status === 403) {
    const what = status === 401 ? "it wants (other) credentials" : "it forbids this";
    return new StoreError("E_STORE_REFUSED", `${label}: ${what} (${status})`, options);
  }
  if (status === 404 || status === 410) {
    return new StoreError(
      "E_STORE_MISSING",
      `${label}: there is no such object (${status})`,
      options,
    );
  }
  if (status >= 500 || status === 429 || status === 408) {
    const wait =
      retryAfterMs === undefined ? "" : `, and asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
    return new StoreError("E_STORE_UNREACHABLE", `${label}: it answered ${status}${wait}`, options);
  }
  return new StoreError("E_STORE_BROKEN", `${label}: it answered ${status}`, options);
}

/** Retry-After (RFC 9110 section 10.2.3), seconds or a date, in milliseconds from now; at most a day. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
