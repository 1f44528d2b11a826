import type { Octets } from "../protocols/wire/octets.ts";
import { BootFailure, type BootScript } from "./boot-script.ts";
import type { Firmware, FirmwareEvent } from "./firmware.ts";
import type { HostStack } from "./stack/host-stack.ts";

/** What a boot script may use: its network stack and a place to tell what it does. */
export interface BootContext {
  readonly host: HostStack;
  readonly say: (event: FirmwareEvent) => void;
}

/** Runs one boot script on one network stack. The script's result is the number of octets that were booted. */
export class BootMachine implements Firmware {
  readonly name: string;
  readonly host: HostStack;
  private readonly start: (context: BootContext) => BootScript<number>;
  private readonly events: FirmwareEvent[] = [];
  private script: BootScript<number> | undefined;
  private deadlineMs = Number.POSITIVE_INFINITY;
  private done = false;

  constructor(name: string, host: HostStack, start: (context: BootContext) => BootScript<number>) {
    this.name = name;
    this.host = host;
    this.start = start;
  }

  get finished(): boolean {
    return this.done;
  }

  powerOn(nowMs: number): void {
    this.host.nowMs = nowMs;
    this.script = this.start({ host: this.host, say: (event) => this.events.push(event) });
    this.resume();
  }

  handleFrame(o: Octets, at: number, len: number, nowMs: number): void {
    if (!this.script) return; // not powered on: the network card is dark
    this.host.nowMs = nowMs;
    this.host.handleFrame(o, at, len);
    this.resume();
  }

  pollTransmit(o: Octets, at: number, nowMs: number): number {
    this.host.nowMs = nowMs;
    return this.host.pollTransmit(o, at);
  }

  pollTimeout(): number {
    return this.deadlineMs;
  }

  handleTimeout(nowMs: number): void {
    this.host.nowMs = nowMs;
    this.resume();
  }

  pollEvent(): FirmwareEvent | undefined {
    return this.events.shift();
  }

  private resume(): void {
    if (!this.script || this.done) return;
    try {
      const step = this.script.next();
      if (!step.done) {
        this.deadlineMs = step.value;
        return;
      }
      this.events.push({ kind: "booted", octets: step.value });
    } catch (error) {
      if (!(error instanceof BootFailure)) throw error;
      this.events.push({ kind: "failed", stage: error.stage, reason: error.message });
    }
    this.done = true;
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }
}
