/** A line of an old configuration file: without its comment, continuations joined. */
export interface ConfigLine {
  /** Of its first part, from 1. */
  readonly line: number;
  readonly text: string;
}

/** The lines that say something. `#` begins a comment; a backslash at the end joins the next line where `joins` is set. */
export function configLines(text: string, joins: boolean): readonly ConfigLine[] {
  const found: ConfigLine[] = [];
  let pending = "";
  let from = 0;
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const bare = raw.replace(/(^|\s)#.*$/, "").trimEnd();
    if (pending === "") from = i + 1;
    if (joins && bare.endsWith("\\")) {
      pending += `${bare.slice(0, -1)} `;
      continue;
    }
    const whole = (pending + bare).trim();
    pending = "";
    if (whole !== "") found.push({ line: from, text: whole });
  }
  if (pending.trim() !== "") found.push({ line: from, text: pending.trim() });
  return found;
}
