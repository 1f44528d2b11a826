import { cut } from "./progress-bar.ts";

/** A column of a table: its title, and on which side its cells stand. */
export interface Column {
  readonly title: string;
  readonly right?: true;
  /** Where the rows are too wide, cells of this column are cut to no less than this many characters. */
  readonly least?: number;
}

/** Characters between two columns. */
const GAP = 2;

/**
 * Rows below their titles in at most `width` columns. Columns with `least` give way first, from the right; whatever is too
 * wide even then is cut at the end of its line.
 *
 *     NAME    BOARD         STATE
 *     rack7   generic-x86   serving
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => length(row[i] ?? ""))),
  );
  let over = widths.reduce((a, b) => a + b, 0) + GAP * (columns.length - 1) - width;
  for (let i = columns.length - 1; i >= 0 && over > 0; i--) {
    const { least, title } = columns[i] ?? { title: "" };
    const now = widths[i] ?? 0;
    if (least === undefined) continue;
    const next = Math.max(least, title.length, now - over);
    if (next >= now) continue;
    widths[i] = next;
    over -= now - next;
  }
  return [columns.map(({ title }) => title), ...rows].map((row) =>
    cut(
      row
        .map((cell, i) => placed(cell, widths[i] ?? 0, columns[i]?.right === true))
        .join(" ".repeat(GAP)),
      width,
    ),
  );
}

function placed(cell: string, width: number, right: boolean): string {
  const text = cut(cell, width);
  const blanks = " ".repeat(Math.max(0, width - length(text)));
  return right ? blanks + text : text + blanks;
}

function length(text: string): number {
  return [...text].length;
}
