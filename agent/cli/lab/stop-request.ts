import { Socket } from "node:net";
import type { CommandHost } from "../host.ts";
import { LIFELINE_FD } from "./enter.ts";

const FAILED = 1;
const STUCK_MS = 5_000;

/** SIGINT, SIGTERM, or the end of the outer process, which closes the lifeline however it ends. */
export class StopRequest {
  asked = false;
  private readonly lifeline: Socket;
  private act: () => void = () => {};

  constructor(host: CommandHost) {
    host.onStopSignal(() => this.ask());
    this.lifeline = new Socket({ fd: LIFELINE_FD });
    this.lifeline.on("close", () => this.ask());
    this.lifeline.on("error", () => {});
    this.lifeline.resume();
  }

  whenAsked(act: () => void): void {
    this.act = act;
    if (this.asked) act();
  }

  close(): void {
    this.lifeline.removeAllListeners("close");
    this.lifeline.destroy();
  }

  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.act();
    // As the first process here, our end is the end of everything in this namespace.
    setTimeout(() => process.exit(FAILED), STUCK_MS).unref();
  }
}
