import { HttpRefusal } from "./http-refusal.ts";
import { MAX_BODY_OCTETS } from "./message.ts";

/** Octets of requests that may wait for their end, of all connections together: two of the largest. */
export const MAX_WAITING_OCTETS: number = 10 * 1024 * 1024;
/** Octets of answers that askers have not taken yet. */
export const MAX_ANSWER_OCTETS: number = 16 * 1024 * 1024;

/** A body that is not over yet. */
export interface WaitingBody {
  octets: number;
  /** Told when it has to give its room to others. */
  readonly drop: (why: HttpRefusal) => void;
}

/**
 * Bounds what bodies take that never end, of requests or of answers. Where the room is used up, the long body goes that began first:
 * whoever lets bodies hang loses them, and who sends or takes one at a stretch has it. A single one is never dropped.
 */
export class BodyRoom {
  private readonly bodies = new Set<WaitingBody>();
  private readonly limit: number;
  private octets = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  enter(drop: WaitingBody["drop"]): WaitingBody {
    const body: WaitingBody = { octets: 0, drop };
    this.bodies.add(body);
    return body;
  }

  /** More of a body is there. It may be the one that is dropped. */
  grow(body: WaitingBody, octets: number): void {
    if (!this.bodies.has(body)) return;
    body.octets += octets;
    this.octets += octets;
    while (this.octets > this.limit) {
      const [first, second] = [...this.bodies].filter((b) => b.octets > MAX_BODY_OCTETS);
      if (!first || !second) return;
      this.leave(first);
      first.drop(new HttpRefusal(503, "E_BUSY", "more is being sent than the agent has room for"));
    }
  }

  /** It is whole, or over. */
  leave(body: WaitingBody): void {
    if (this.bodies.delete(body)) this.octets -= body.octets;
  }

  /** What waits now. */
  get waiting(): number {
    return this.octets;
  }
}
