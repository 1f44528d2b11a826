import type { Tone } from "./machine-run.ts";

/** A line of the display: its text, and how all of it is painted. */
export interface Cell {
  readonly text: string;
  readonly style: Style;
}

export type Style = Tone | "title" | "dim" | "bar";

const CODES: Readonly<Record<Style, string>> = {
  plain: "",
  agent: "\x1b[2m",
  dim: "\x1b[2m",
  good: "\x1b[1;32m",
  bad: "\x1b[31m",
  title: "\x1b[1m",
  bar: "\x1b[36m",
};

/** The text with the style's colour around it, where colours are wanted. */
export function paint(text: string, style: Style, colour: boolean): string {
  const code = CODES[style];
  return colour && code !== "" ? `${code}${text}\x1b[0m` : text;
}

/** The text cut or filled up to exactly `width` columns; what is cut ends with "…". */
export function toWidth(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text + " ".repeat(width - characters.length);
  return width > 0 ? `${characters.slice(0, width - 1).join("")}…` : "";
}

/** The text cut to `width` columns from the left: of a path, the end says most. */
export function endToWidth(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text + " ".repeat(width - characters.length);
  return width > 0 ? `…${characters.slice(characters.length - width + 1).join("")}` : "";
}

/** Colours only for a terminal, and never where NO_COLOR is set (no-color.org). */
export function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, TERM } = env;
  return isTerminal && !NO_COLOR && TERM !== "dumb";
}
