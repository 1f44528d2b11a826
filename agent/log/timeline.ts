import type { JournalEntry } from "./journal.ts";

const MARKS: Readonly<Record<JournalEntry["outcome"], string>> = {
  answered: "→",
  refused: "✗",
  silent: "·",
  progress: "…",
  done: "✓",
  failed: "✗",
  noted: "·",
};

/**
 * One line of the readable timeline: when, who, by which protocol, what arrived, what was decided and sent.
 *
 *     12:27:36.120 v100     rarp       → who is 00:03:ba:5b:ae:b3?: you are 172.24.42.51 (its address in the site)
 */
export function timelineLine(e: JournalEntry): string {
  const clock = e.time.slice(11, 23);
  const who = (e.machine ?? e.mac ?? e.address ?? "agent").padEnd(12);
  const words = [e.event];
  const transferred = e.outcome === "done" || e.outcome === "failed";
  // Of an asset that could not be had the attempts are not counted.
  if (transferred && (e.protocol !== "assets" || e.octets > 0)) words.push(amount(e));
  if (e.reply !== null) words.push(e.reply);
  else if (e.outcome === "silent") words.push("no answer");
  return `${clock} ${who} ${e.protocol.padEnd(10)} ${MARKS[e.outcome]} ${words.join(": ")} (${e.decision})`;
}

/** "49.2 MB in 3.1 s". */
function amount(e: JournalEntry): string {
  const of = e.total !== null && e.octets < e.total ? ` of ${octetsText(e.total)}` : "";
  return `${octetsText(e.octets)}${of} in ${(e.ms / 1000).toFixed(e.ms < 10_000 ? 2 : 0)} s`;
}

/** Octets for people: decimal units, three figures. */
export function octetsText(octets: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = octets;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
