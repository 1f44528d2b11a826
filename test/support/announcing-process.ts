import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Announcement } from "../../agent/discovery/services.ts";
import type { PipedChild } from "./netns.ts";
import { until } from "./until.ts";

const SCRIPT: string = fileURLToPath(new URL("announce.mjs", import.meta.url));

export const ANNOUNCED: Announcement = {
  name: "rack7",
  board: "rpi4",
  version: "0.1.0",
  site: "cellar",
  state: "serving",
  port: 7458,
  fingerprint: "k7xqm2ab".padEnd(52, "a"),
};

export interface AnnouncingOptions {
  readonly announcement: unknown;
  readonly interfaces: readonly string[];
  /** Whether Avahi is used where it runs. */
  readonly avahi: boolean;
}

/** A process that announces as the product does. */
export class AnnouncingProcess {
  responder = "";
  instance = "";
  readonly log: string[] = [];
  stderr = "";
  private readonly child: PipedChild;

  /** `spawn`: starts a command where it shall announce. */
  constructor(spawn: (...argv: readonly string[]) => PipedChild, options: AnnouncingOptions) {
    this.child = spawn(process.execPath, SCRIPT, JSON.stringify(options));
    this.child.stderr.on("data", (piece: Buffer) => {
      this.stderr += piece.toString();
    });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const said = JSON.parse(line) as { responder?: string; instance?: string; log?: string };
      if (said.log !== undefined) this.log.push(said.log);
      this.responder = said.responder ?? this.responder;
      this.instance = said.instance ?? this.instance;
    });
  }

  async by(responder: "avahi" | "in process"): Promise<this> {
    await until(
      () => `announcing by ${responder}, it is by "${this.responder}": ${this.stderr}`,
      () => {
        if (this.child.exitCode !== null) throw new Error(`the announcer ended: ${this.stderr}`);
        return this.responder === responder;
      },
      30_000,
    );
    return this;
  }

  update(announcement: unknown): void {
    this.child.stdin.write(`${JSON.stringify(announcement)}\n`);
  }

  /** Says goodbye and ends. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.stdin.end();
    await closed;
  }

  /** Ends without a word. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}
