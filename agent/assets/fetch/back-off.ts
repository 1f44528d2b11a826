import { AgentError, type ErrorCode } from "../../errors.ts";

/** Between which bounds a retry waits, ms. */
interface Bounds {
  readonly leastMs: number;
  readonly mostMs: number;
}

const SOON: Bounds = { leastMs: 1_000, mostMs: 5 * 60_000 };
const LATER: Bounds = { leastMs: 5 * 60_000, mostMs: 60 * 60_000 };

/** What time alone rarely mends: somebody has to do something first. */
const MENDED_BY_PEOPLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "E_STORE_MISSING",
  "E_STORE_REFUSED",
  "E_CHECKSUMS",
  "E_ASSET_DIGEST",
  "E_ASSET_MISSING",
  "E_ASSET_READ",
  "E_SECRET",
  "E_TREATMENT",
  "E_CACHE",
  "E_CACHE_FULL",
]);

/** Whether the same attempt may well succeed in a moment. */
export function mayPass(error: AgentError): boolean {
  return !MENDED_BY_PEOPLE.has(error.code);
}

/** How long a store wants to be left alone, ms, at most an hour; 0 when it did not say. */
export function retryAfterMs(error: AgentError): number {
  const said = "retryAfterMs" in error ? error.retryAfterMs : undefined;
  return typeof said === "number" && said > 0 ? Math.min(said, LATER.mostMs) : 0;
}

/**
 * How long to wait before the next attempt, ms: doubled with each one that failed, and spread over all of it, so that
 * the gateways of many racks do not come back to a store together.
 *
 * `tries`: attempts that failed in a row, 1 or more. `random`: from 0 up to 1.
 */
export function backOffMs(error: AgentError, tries: number, random: number): number {
  const { leastMs, mostMs } = mayPass(error) ? SOON : LATER;
  const ceiling = Math.min(mostMs, leastMs * 2 ** Math.min(tries, 30));
  return Math.max(leastMs + random * (ceiling - leastMs), retryAfterMs(error));
}

/** One error out of what every mirror failed with: its code is that of the one most likely to pass by itself. */
export function joinErrors(label: string, errors: readonly AgentError[]): AgentError {
  const [only] = errors;
  if (only && errors.length === 1) return only;
  if (!only) return new AgentError("E_STORE_UNREACHABLE", `${label}: there is no store to ask`);
  const leading = errors.find(mayPass) ?? only;
  const said = [...new Set(errors.map((e) => e.message))].join("; ");
  const joined = new AgentError(leading.code, said, { cure: leading.cure, cause: leading });
  const waitMs = Math.min(...errors.map(retryAfterMs));
  return waitMs > 0 ? Object.assign(joined, { retryAfterMs: waitMs }) : joined;
}
