import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Namespace, PipedChild } from "./netns.ts";
import { until } from "./until.ts";

const PROGRAM: string = fileURLToPath(new URL("live-tap.mjs", import.meta.url));
const HEADER_LEN = 4;

/** Listens to an interface of a namespace: through the agent's frame lane, or through node-pcap. */
export class LiveTap {
  /** Everything that the interface carried since `open`, both ways. */
  readonly frames: Buffer[] = [];
  /** When each of them was taken from the pipe, ms since 1970. */
  readonly timesMs: number[] = [];
  private readonly child: PipedChild;
  private readonly ended: Promise<unknown>;
  private waiting: Buffer = Buffer.alloc(0);
  private ready = false;

  private constructor(child: PipedChild) {
    this.child = child;
    this.ended = once(child, "close");
    child.stdout.on("data", (piece: Buffer) => this.take(piece));
  }

  static async open(ns: Namespace, kind: "lane" | "pcap", interfaceName: string): Promise<LiveTap> {
    const child = ns.spawn(process.execPath, PROGRAM, kind, interfaceName);
    let complaint = "";
    child.stderr.on("data", (piece: Buffer) => {
      complaint += piece.toString();
    });
    const tap = new LiveTap(child);
    await until(
      () => `${kind} on ${interfaceName}: ${complaint}`,
      () => tap.ready,
    );
    return tap;
  }

  async close(): Promise<void> {
    this.child.stdin.end();
    await this.ended;
  }

  private take(piece: Buffer): void {
    this.waiting = Buffer.concat([this.waiting, piece]);
    while (this.waiting.length >= HEADER_LEN) {
      const end = HEADER_LEN + this.waiting.readUInt32BE(0);
      if (this.waiting.length < end) return;
      if (end === HEADER_LEN) this.ready = true;
      else this.keep(this.waiting.subarray(HEADER_LEN, end));
      this.waiting = this.waiting.subarray(end);
    }
  }

  private keep(frame: Buffer): void {
    this.frames.push(Buffer.from(frame));
    this.timesMs.push(Date.now());
  }
}
