import type { Octets } from "../../protocols/wire/octets.ts";
import { AgentError } from "../errors.ts";
import type { FrameLane } from "./frame-lane.ts";

/** Opens a lane; `lost` is called when its interface went down or away. */
export type OpenLane = (lost: () => void) => FrameLane;

/** A lane that is lost as soon as it is opened is not opened again before this, ms. */
const PAUSE_MS = 500;

/** A frame lane that outlives its interface: what is sent while it is down is lost, and it hears again after `reopen`. */
export class LastingLane implements FrameLane {
  private readonly open: OpenLane;
  private inner: FrameLane;
  private handler: (len: number) => void = () => {};
  private down = false;
  private closed = false;
  private openedMs = Number.NEGATIVE_INFINITY;
  private readonly told: () => void;

  /** `told`: called when the interface went down or away. Throws what `open` throws. */
  constructor(open: OpenLane, told: () => void) {
    this.open = open;
    this.told = told;
    this.inner = open(() => this.lose());
  }

  get rx(): Octets {
    return this.inner.rx;
  }

  get tx(): Octets {
    return this.inner.tx;
  }

  /** Whether the interface went down since the lane was opened. */
  get lost(): boolean {
    return this.down;
  }

  onFrame(handler: (len: number) => void): void {
    this.handler = handler;
    this.inner.onFrame(handler);
  }

  send(len: number): void {
    this.inner.send(len);
  }

  offer(len: number): boolean {
    return !this.down && (this.inner.offer?.(len) ?? false);
  }

  /** The interface is back: false when it cannot be opened all the same. */
  reopen(): boolean {
    if (this.closed || !this.down) return true;
    const nowMs = performance.now();
    if (nowMs - this.openedMs < PAUSE_MS) return false;
    this.openedMs = nowMs;
    try {
      this.inner = this.open(() => this.lose());
    } catch (error) {
      if (error instanceof AgentError) return false;
      throw error;
    }
    this.down = false;
    this.inner.onFrame(this.handler);
    return true;
  }

  check(): void {
    if (!this.down) this.inner.check?.();
  }

  /** The interface is not there: whatever the lane hears after that is not relied on. */
  drop(): void {
    if (this.down || this.closed) return;
    this.down = true;
    this.inner.close();
  }

  close(): void {
    this.closed = true;
    this.inner.close();
  }

  private lose(): void {
    this.down = true;
    this.told();
  }
}
