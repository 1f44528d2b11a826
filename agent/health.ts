import type { AgentState } from "./discovery/services.ts";

/** Who may have something to say of the agent's health; each speaks for itself and replaces what it said before. */
export type HealthPart =
  | "configuration"
  | "site-file"
  | "interface"
  | "network"
  /** Another DHCP server beside an authoritative one. */
  | "foreign"
  /** The host's rpcbind, where port 111 is its. */
  | "portmap"
  | "assets"
  | "medium"
  | "identity"
  | "token"
  | "control"
  | "discovery";

/** What the agent is doing, and why not better. */
export interface HealthState {
  readonly state: AgentState;
  /** A sentence each. */
  readonly reasons: readonly string[];
}

/** Reasons that one part may give. */
const MAX_REASONS = 8;
/** Characters of one reason: it goes into announcements' neighbours, status and logs. */
const MAX_LEN = 300;

/**
 * How the agent is, put together from what its parts say: unconfigured without a site, degraded while any part has a reason,
 * else serving. Announcements, status and light follow it.
 */
export class Health {
  private readonly parts = new Map<HealthPart, readonly string[]>();
  private readonly followers = new Set<(now: HealthState) => void>();
  private configured = false;
  private told = "";

  get now(): HealthState {
    const reasons = [...this.parts.values()].flat();
    const state = !this.configured ? "unconfigured" : reasons.length > 0 ? "degraded" : "serving";
    return { state, reasons };
  }

  /** Whether there is a site that is served. */
  site(served: boolean): void {
    this.configured = served;
    this.tell();
  }

  /** What is wrong with a part; nothing: it is well. */
  say(part: HealthPart, ...reasons: readonly string[]): void {
    const words = reasons
      .slice(0, MAX_REASONS)
      .map((r) => r.replace(/\s+/g, " ").slice(0, MAX_LEN));
    if (words.length === 0) this.parts.delete(part);
    else this.parts.set(part, words);
    this.tell();
  }

  /** Calls `fn` at each change from now on; the returned function ends that. */
  follow(fn: (now: HealthState) => void): () => void {
    this.followers.add(fn);
    return () => this.followers.delete(fn);
  }

  private tell(): void {
    const { now } = this;
    const text = JSON.stringify(now);
    if (text === this.told) return;
    this.told = text;
    for (const fn of [...this.followers]) fn(now);
  }
}
