/** Something in a site file that keeps it from being used, and how to mend it. */
export interface SiteProblem {
  /** The site file, as it was named. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** What is wrong. */
  readonly message: string;
  /** How to mend it. */
  readonly cure: string;
  /** The line of the file that is meant, without its end. */
  readonly source: string;
}

/** Keys from the root of the document down; list items count from "0". */
export type Path = readonly string[];

/** Where a key and its value are, as offsets in the text. */
export interface Place {
  /** Absent for list items and the root. */
  readonly key?: number;
  /** Absent where there is nothing after the colon. */
  readonly value?: number;
  /** A scalar as it was written, quotes excluded. */
  readonly written?: string;
}

/** Gathers the problems of one file; every reader of the file adds to it and goes on. */
export class Problems {
  private readonly found: SiteProblem[] = [];
  private readonly places = new Map<string, Place>();
  private readonly excused = new Set<string>();
  private readonly hidden: { readonly from: number; readonly to: number }[] = [];
  private readonly file: string;
  private readonly text: string;
  /** Offset of each line's first character. */
  private readonly starts: readonly number[];
  /** Where the last thing on the last line ends. */
  private readonly end: number;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
    this.end = text.trimEnd().length;
  }

  /** Remembers where a path is. */
  place(path: Path, place: Place): void {
    this.places.set(keyOf(path), place);
  }

  /** A scalar as it was written; undefined for maps, lists and what is not in the file. */
  written(path: Path): string | undefined {
    return this.places.get(keyOf(path))?.written;
  }

  /** Whether a path is in the file as such: one value that stands for a list of one has no items there. */
  isPlaced(path: Path): boolean {
    return this.places.has(keyOf(path));
  }

  /** The line on which a path's key is, from 1. */
  lineOf(path: Path): number {
    return this.position(this.offset(path, "key")).line;
  }

  /** A problem with the value at a path; with `key`, with the key itself. */
  add(path: Path, message: string, cure: string, at: "key" | "value" = "value"): void {
    this.excused.add(keyOf(path));
    this.addAt(this.offset(path, at), message, cure);
  }

  /** The line of an offset, from 1. */
  lineAt(offset: number): number {
    return this.position(offset).line;
  }

  /** A problem at an offset of the text. */
  addAt(offset: number, message: string, cure: string): void {
    const { line, column } = this.position(offset);
    const start = this.starts[line - 1] ?? 0;
    const source = this.text.slice(start, this.starts[line]).replace(/\r?\n$/, "");
    this.found.push({ path: this.file, line, column, message, cure, source });
  }

  /** A required key is missing from the map at `parent`. Nothing is said when what stands in its place was reported. */
  addMissing(parent: Path, key: string, message: string, cure: string): void {
    if (this.isExcused([...parent, key])) return;
    this.addAt(this.offset(parent, "key"), message, cure);
  }

  /** From here on nobody is told that this path is missing: a better problem was reported. */
  excuse(path: Path): void {
    this.excused.add(keyOf(path));
  }

  /** Whether a problem with exactly this path was reported, so that its absence needs no other. */
  isExcused(path: Path): boolean {
    return this.excused.has(keyOf(path));
  }

  /** The same for this path or any below it. */
  isExcusedWithin(path: Path): boolean {
    const key = keyOf(path);
    for (const other of this.excused) {
      if (other === key || other.startsWith(`${key}\0`)) return true;
    }
    return false;
  }

  /** From here on no problem shows this part of the text: a credential, or what may be one. Offsets. */
  hide(from: number, to: number): void {
    this.hidden.push({ from, to });
  }

  get count(): number {
    return this.found.length;
  }

  /** In the order of the file. */
  list(): readonly SiteProblem[] {
    const sorted = this.found.toSorted((a, b) => a.line - b.line || a.column - b.column);
    if (this.hidden.length === 0) return sorted;
    const text = this.withoutHidden();
    return sorted.map((p) => {
      const start = this.starts[p.line - 1] ?? 0;
      return { ...p, source: text.slice(start, start + p.source.length) };
    });
  }

  /** One asterisk for each character that is hidden, so that every offset stays right. */
  private withoutHidden(): string {
    const parts: string[] = [];
    let at = 0;
    for (const { from, to } of this.hidden.toSorted((a, b) => a.from - b.from)) {
      if (to <= at) continue;
      const start = Math.max(from, at);
      parts.push(this.text.slice(at, start), "*".repeat(to - start));
      at = to;
    }
    return parts.join("") + this.text.slice(at);
  }

  private offset(path: Path, at: "key" | "value"): number {
    const place = this.places.get(keyOf(path));
    return (at === "key" ? (place?.key ?? place?.value) : (place?.value ?? place?.key)) ?? 0;
  }

  /** Counted here: the parser's own LineCounter is a line off after some unclosed brackets (yaml 2.9.1). */
  private position(offset: number): { line: number; column: number } {
    // An offset at the very end (an unclosed quote) is on a line that is not there: point at the last one's end.
    const clamped = Math.min(offset, this.end);
    let line = 1;
    for (let above = this.starts.length; line < above; ) {
      const middle = (line + above + 1) >> 1;
      if ((this.starts[middle - 1] ?? 0) <= clamped) line = middle;
      else above = middle - 1;
    }
    return { line, column: clamped - (this.starts[line - 1] ?? 0) + 1 };
  }
}

/**
 * One problem in the form that compilers use, so that editors can jump to it:
 *
 *     site.yaml:12:11: unknown key "profle" in machine "v100"
 *         did you mean "profile"?
 *        12 |   v100: { profle: netbsd }
 *           |           ^
 */
export function formatProblem(p: SiteProblem): string {
  const number = String(p.line).padStart(7);
  // A caret under a tab lands only if the line above has the same tabs.
  const indent = p.source.slice(0, p.column - 1).replace(/[^\t]/g, " ");
  return [
    `${p.path}:${p.line}:${p.column}: ${p.message}`,
    `    ${p.cure}`,
    `${number} | ${p.source}`.trimEnd(),
    `${" ".repeat(number.length)} | ${indent}^`,
  ].join("\n");
}

/** All of them, an empty line between two. */
export function formatProblems(problems: readonly SiteProblem[]): string {
  return problems.map(formatProblem).join("\n\n");
}

function keyOf(path: Path): string {
  return path.join("\0");
}
