const EVERY_MS = 200;
const CLEAR_LINE = "\r\u001b[K";
const MEGABYTE = 1e6;

/** A line on the terminal that says how far the reading of a file is. Silent where standard error is no terminal. */
export class Progress {
  private readonly stream: NodeJS.WriteStream;
  private readonly total: number | undefined;
  private visible = false;
  private shownMs = 0;

  /** `total`: octets of the file; undefined for a pipe. */
  constructor(stream: NodeJS.WriteStream, total: number | undefined) {
    this.stream = stream;
    this.total = total;
  }

  /** Shows the state, a few times a second at most. */
  show(octets: number, frames: number): void {
    if (!this.stream.isTTY) return;
    const nowMs = performance.now();
    if (nowMs - this.shownMs < EVERY_MS) return;
    this.shownMs = nowMs;
    this.visible = true;
    const { total } = this;
    const of =
      total === undefined || total === 0
        ? ""
        : ` of ${megabytes(total)}, ${Math.floor((octets / total) * 100)} %`;
    this.stream.write(`${CLEAR_LINE}read ${megabytes(octets)}${of}, ${frames} frames`);
  }

  /** Takes the line away: before other text is written, and at the end. */
  clear(): void {
    if (!this.visible) return;
    this.visible = false;
    this.stream.write(CLEAR_LINE);
  }
}

function megabytes(octets: number): string {
  return `${(octets / MEGABYTE).toFixed(octets < 10 * MEGABYTE ? 1 : 0)} MB`;
}
