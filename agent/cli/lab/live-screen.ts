import type { MachineRun } from "./machine-run.ts";
import { screenLines } from "./screen.ts";

const FRAME_MS = 100;
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_SCREEN = "\x1b[2J\x1b[H";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_LINE_END = "\x1b[K";
/** What a terminal is that does not tell its size. */
const USUAL = { columns: 80, rows: 24 };

/**
 * Draws the machines in place, ten times a second at most.
 *
 * It draws where the cursor is and leaves its last picture standing, so that what was on the terminal before is kept. When
 * the terminal changes its size, lines wrap and nothing is where it was: then it starts on a clean screen.
 */
export class LiveScreen {
  private readonly out: NodeJS.WriteStream;
  private readonly title: string;
  private readonly runs: readonly MachineRun[];
  private readonly startMs: number;
  private readonly colour: boolean;
  private readonly timer: NodeJS.Timeout;
  private height = 0;
  private last = "";
  private resized = false;
  private readonly onResize = (): void => {
    this.resized = true;
  };

  constructor(
    out: NodeJS.WriteStream,
    title: string,
    runs: readonly MachineRun[],
    startMs: number,
    colour: boolean,
  ) {
    this.out = out;
    this.title = title;
    this.runs = runs;
    this.startMs = startMs;
    this.colour = colour;
    out.write(HIDE_CURSOR);
    out.on("resize", this.onResize);
    this.timer = setInterval(() => this.draw(), FRAME_MS);
    this.draw();
  }

  /** Draws a last time and gives the terminal back. */
  close(): void {
    clearInterval(this.timer);
    this.out.off("resize", this.onResize);
    this.draw();
    this.out.write(SHOW_CURSOR);
  }

  private draw(): void {
    if (this.out.writableNeedDrain) return; // a slow line: the next frame says it all
    const size = { columns: this.out.columns || USUAL.columns, rows: this.out.rows || USUAL.rows };
    const head = { title: this.title, elapsedMs: Date.now() - this.startMs };
    const lines = screenLines(head, this.runs, size, this.colour);
    const picture = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join("");
    if (picture === this.last && !this.resized) return;
    const back = this.height > 0 ? `\x1b[${this.height}A\r` : "";
    this.out.write(`${this.resized ? CLEAR_SCREEN : back}${picture}${CLEAR_BELOW}`);
    this.resized = false;
    this.height = lines.length;
    this.last = picture;
  }
}
