const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** How long something is ago: "12 s", "5 min", "3 h", "20 d". A time that has not come yet, by a clock that went back, is "?". */
export function ageText(thenMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - thenMs) / 1000);
  return seconds < 0 ? "?" : durationText(seconds);
}

/** "12 s", "5 min", "3 h", "20 d". */
export function durationText(seconds: number): string {
  if (seconds < MINUTE_S) return `${Math.floor(seconds)} s`;
  if (seconds < 2 * HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`;
  if (seconds < 2 * DAY_S) return `${Math.floor(seconds / HOUR_S)} h`;
  return `${Math.floor(seconds / DAY_S)} d`;
}

/** "2026-11-21 13:45:02 UTC". */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "1 file", "2 files". */
export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** Text broken at blanks into lines of at most `width` columns; later lines are indented as much as `indent` says. */
export function wrapped(text: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  const from = text.search(/[^ ]|$/);
  let line = "";
  for (const [i, next] of text.slice(from).split(" ").entries()) {
    const word = i === 0 ? text.slice(0, from) + next : next;
    const room = width - (lines.length === 0 ? 0 : indent);
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.map((l, i) => (i === 0 ? l : `${" ".repeat(indent)}${l}`));
}
