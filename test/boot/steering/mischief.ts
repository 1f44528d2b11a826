import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Namespace, PipedChild } from "../../support/netns.ts";
import { until } from "../../support/until.ts";

const HOSTILE = fileURLToPath(new URL("../../support/hostile.mjs", import.meta.url));
const PATIENCE_MS = 90_000;

/** A program of the stranger's, as `hostile.mjs` knows it. */
export class Mischief {
  readonly lines: string[] = [];
  private readonly child: PipedChild;
  private stderr = "";

  constructor(stranger: Namespace, ...args: readonly string[]) {
    this.child = stranger.spawn(process.execPath, HOSTILE, ...args);
    this.child.stdout.on("data", (piece: Buffer) => {
      this.lines.push(...piece.toString().trim().split("\n"));
    });
    this.child.stderr.on("data", (piece: Buffer) => {
      this.stderr += piece.toString();
    });
  }

  async saying(found: (lines: readonly string[]) => boolean): Promise<this> {
    await until(
      () => `the stranger: ${this.lines.slice(-3)} ${this.stderr}`,
      () => found(this.lines),
      PATIENCE_MS,
    );
    return this;
  }

  up(): Promise<this> {
    return this.saying((lines) => lines.includes("up"));
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}
