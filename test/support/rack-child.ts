import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { CaptureStatus } from "../../agent/control/messages.ts";
import { NET } from "./boot-site.ts";
import type { Namespace, PipedChild } from "./netns.ts";

const PROGRAM: string = fileURLToPath(new URL("rack-child.mjs", import.meta.url));

/** The agent's captures and Wake-on-LAN on the rack's interface of a namespace. */
export class RackChild {
  private readonly child: PipedChild;
  private readonly lines: AsyncIterator<string>;
  private complaint = "";

  private constructor(child: PipedChild) {
    this.child = child;
    const reader: Interface = createInterface({ input: child.stdout });
    this.lines = reader[Symbol.asyncIterator]();
    child.stderr.on("data", (piece: Buffer) => {
      this.complaint += piece.toString();
    });
  }

  static async open(ns: Namespace, stateDir: string): Promise<RackChild> {
    const words = [PROGRAM, NET.rack, NET.agent, NET.broadcast, stateDir];
    const child = new RackChild(ns.spawn(process.execPath, ...words));
    await child.next();
    return child;
  }

  start(filter: string, maxOctets?: number): Promise<CaptureStatus> {
    return this.ask({ do: "start", filter, maxOctets }) as Promise<CaptureStatus>;
  }

  stop(id: string): Promise<CaptureStatus> {
    return this.ask({ do: "stop", id }) as Promise<CaptureStatus>;
  }

  list(): Promise<readonly CaptureStatus[]> {
    return this.ask({ do: "list" }) as Promise<readonly CaptureStatus[]>;
  }

  async wake(mac: string): Promise<void> {
    await this.ask({ do: "wake", mac });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async close(): Promise<void> {
    const closed = once(this.child, "close");
    this.child.stdin.end();
    await closed;
  }

  /** Rejects with an error that has the agent's code as its name. */
  private async ask(request: object): Promise<unknown> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, code, message } = await this.next();
    if (code === undefined) return value;
    const error = new Error(message);
    error.name = code;
    throw error;
  }

  private async next(): Promise<{
    readonly value?: unknown;
    readonly code?: string;
    readonly message?: string;
  }> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`it ended: ${this.complaint}`);
    return JSON.parse(value);
  }
}
