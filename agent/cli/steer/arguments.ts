import { AgentError } from "../../errors.ts";

const UNIT_S: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
  ["w", 7 * 86_400],
  ["y", 365 * 86_400],
]);
/** Seconds of 9999-12-31: later dates have more digits than ISO 8601 gives a year. */
const LAST_S = 253_402_300_799;

/** Shortest and longest probation, seconds. */
export const PROBATION_S = { least: 5, usual: 30, most: 600 } as const;

/** `--serial` and `--to`: 1 to 2^53 - 1. Throws E_USAGE. */
export function serialArgument(text: string): number {
  const serial = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (serial > 0 && Number.isSafeInteger(serial)) return serial;
  throw usage(`"${text}" is no serial number`, "Give a whole number from 1 to 2^53 - 1.");
}

/** `--probation`: seconds. Throws E_USAGE. */
export function probationArgument(text: string): number {
  const { least, most } = PROBATION_S;
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (seconds >= least && seconds <= most) return seconds;
  throw usage(
    `"${text}" is no time for a probation`,
    `Give seconds, ${least} to ${most}: --probation 60`,
  );
}

/** `--port`: 1 to 65535, or 0 for any that is free. Throws E_USAGE. */
export function portArgument(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port >= 0 && port <= 65_535) return port;
  throw usage(`"${text}" is no port`, "Give a number from 1 to 65535.");
}

/** "90m", "12h", "30d", "2y" in seconds; undefined for anything else. */
export function durationS(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,9})([smhdwy])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNIT_S.get(unit) ?? 0);
  return seconds > 0 ? seconds : undefined;
}

/**
 * A time as `--expires` and `--not-before` take it: from now ("12h"), or a date: "2026-12-24", "2026-12-24T18:00Z". Without a
 * zone it is the operator's own time. In seconds since 1970. Throws E_USAGE.
 */
export function timeArgument(option: string, text: string, nowMs: number): number {
  const wait = durationS(text);
  const dated = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text);
  // A date alone would be midnight in Greenwich.
  const date = text.length === 10 ? `${text}T00:00` : text.replace(" ", "T");
  const at = wait === undefined ? Date.parse(dated ? date : "") / 1000 : nowMs / 1000 + wait;
  if (at > 0 && at <= LAST_S) return Math.floor(at);
  throw usage(
    `${option}: "${text}" is no time`,
    `Give a time from now, or a date: ${option} 12h, ${option} 30d, ${option} 2027-01-31T18:00Z`,
  );
}

/** The error about words of the command line. */
export function usage(message: string, cure: string): AgentError {
  return new AgentError("E_USAGE", message, { cure });
}
