import { type Prng, prng } from "./prng.ts";

/** What the wire does to packets; chances are 0 to 1. */
export interface LinkFaults {
  readonly loss: number;
  /** The second copy takes 1 ms longer, so that the first one has been answered by then. */
  readonly duplication: number;
  /** A packet takes between 1 ms and 1 ms + jitter, so any jitter above 0 reorders. */
  readonly jitterMs: number;
}

export const PERFECT: LinkFaults = { loss: 0, duplication: 0, jitterMs: 0 };

interface InFlight<T> {
  readonly dueMs: number;
  readonly order: number;
  readonly packet: T;
}

/** One direction of a wire on a virtual clock, with faults that a seed decides. Packets are the caller's values. */
export class FaultyLink<T> {
  sent = 0;
  private readonly faults: LinkFaults;
  private readonly random: Prng;
  private flying: InFlight<T>[] = [];
  private order = 0;

  constructor(faults: LinkFaults, seed: number) {
    this.faults = faults;
    this.random = prng(seed);
  }

  send(packet: T, nowMs: number): void {
    this.sent += 1;
    if (this.random() < this.faults.loss) return;
    this.launch(packet, nowMs);
    if (this.random() < this.faults.duplication) this.launch(packet, nowMs + 1);
  }

  /** When the next packet arrives; Infinity when none is on its way. */
  nextMs(): number {
    return this.flying[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** The next packet that has arrived by now. */
  take(nowMs: number): T | undefined {
    return this.nextMs() <= nowMs ? this.flying.shift()?.packet : undefined;
  }

  private launch(packet: T, nowMs: number): void {
    const dueMs = nowMs + 1 + Math.floor(this.random() * this.faults.jitterMs);
    this.flying.push({ dueMs, order: this.order++, packet });
    this.flying.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
  }
}
