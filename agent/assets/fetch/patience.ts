import type { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";

/**
 * How long one conversation with a store may keep us waiting, and the signal that ends it.
 *
 * A store that does not heed the signal is left behind all the same: nobody waits for it any more.
 */
export class Patience {
  private readonly controller = new AbortController();
  private readonly clock: Clock;
  private readonly parent: AbortSignal;
  private readonly relay = (): void => this.end(this.parent.reason);
  private giveUp: ((reason: unknown) => void) | undefined;

  constructor(clock: Clock, parent: AbortSignal) {
    this.clock = clock;
    this.parent = parent;
    if (parent.aborted) this.controller.abort(parent.reason);
    else parent.addEventListener("abort", this.relay);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** What `work` resolves to. Rejects with `late()` after `ms`, or with the parent signal's reason; one at a time. */
  wait<T>(work: Promise<T>, ms: number, late: () => AgentError): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.clock.after(ms, () => this.end(late()));
      const settle = (): void => {
        cancel();
        this.giveUp = undefined;
      };
      this.giveUp = (reason) => {
        settle();
        reject(reason);
      };
      work.then(
        (value) => {
          if (this.signal.aborted) return;
          settle();
          resolve(value);
        },
        (error: unknown) => {
          if (this.signal.aborted) return;
          settle();
          reject(error);
        },
      );
      if (this.signal.aborted) this.giveUp(this.signal.reason);
    });
  }

  /** Ends the conversation: what was waited for rejects with `reason`. */
  end(reason: unknown): void {
    this.controller.abort(reason);
    this.giveUp?.(reason);
  }

  /** The conversation is over; a store that still sends is told so. */
  close(): void {
    this.parent.removeEventListener("abort", this.relay);
    this.controller.abort(new Error("the transfer is over"));
  }
}
