import type { AgentState } from "../discovery/services.ts";
import type { AgentEvent, BundleRecord } from "./messages.ts";

/** What becomes of an agent, for those who follow it: its state, and the bundles that it applies and goes back from. */
export class AgentNews {
  private readonly listeners = new Set<(event: AgentEvent) => void>();
  private readonly wallMs: () => number;
  private told = "";

  /** `wallMs`: milliseconds since 1970. */
  constructor(wallMs: () => number) {
    this.wallMs = wallMs;
  }

  /** The agent's state; the same once more is no news. */
  state(state: AgentState, reasons: readonly string[]): void {
    const text = JSON.stringify([state, reasons]);
    if (text === this.told) return;
    this.told = text;
    this.tell({ type: "state", time: this.time(), state, reasons });
  }

  /** A bundle was applied, confirmed or gone back from. */
  site(bundle: BundleRecord): void {
    this.tell({ type: "site", time: this.time(), bundle });
  }

  /** Calls `listener` for each from now on; returns what ends that. */
  follow(listener: (event: AgentEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(event: AgentEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  private time(): string {
    return new Date(this.wallMs()).toISOString();
  }
}
