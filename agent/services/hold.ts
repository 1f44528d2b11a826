import { onSettled } from "../assets/settling.ts";
import type { Slot } from "../assets/slot.ts";
import type { Clock } from "../link/clock.ts";
import { firstWait } from "../plan/needs.ts";
import { LONGEST_PAUSE_MS } from "../plan/patience.ts";

/** A question that is being held. */
export interface Question {
  /** What is asked: the same text for a repetition. */
  readonly what: string;
  /** What must be there before it is answered. */
  readonly slots: readonly Slot[];
  /** How long it may stay unanswered, ms; Infinity: until nobody repeats it any more. */
  readonly patienceMs: number;
  /** It is answered now: all is there or cannot be had, or the patience is over. `heldMs`: since it was first asked. */
  readonly release: (heldMs: number, patienceOver: boolean) => void;
}

interface Held {
  question: Question;
  readonly sinceMs: number;
  /** When it was last asked. */
  askedMs: number;
  cancelTimer: (() => void) | undefined;
  cancelWait: (() => void) | undefined;
  /** What was waited for last: once it has resolved it is of no more use. */
  settled: Promise<void> | undefined;
}

/**
 * Questions that wait for assets, by who asks them.
 *
 * The newest form of a question is the one that is answered, and as soon as that is possible: firmware listens between its
 * repetitions. Who did not repeat a question that it would repeat for ever is gone, and gets no answer.
 */
export class HeldQuestions {
  private readonly clock: Clock;
  private readonly held = new Map<string, Held>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** How many are held: services count them against their budgets. */
  get size(): number {
    return this.held.size;
  }

  /** How many are held whose keys begin so. */
  sizeOf(start: string): number {
    let count = 0;
    for (const key of this.held.keys()) if (key.startsWith(start)) count += 1;
    return count;
  }

  has(key: string): boolean {
    return this.held.has(key);
  }

  /** Holds a question, or takes it for a repetition of the one that is held. True when it is new. */
  hold(key: string, question: Question): boolean {
    const nowMs = this.clock.now();
    const known = this.held.get(key);
    if (known && known.question.what === question.what && !this.isStale(known, nowMs)) {
      known.question = question;
      known.askedMs = nowMs;
      if (!firstWait(question.slots)) this.release(key, known, false);
      return false;
    }
    if (known) this.drop(key);
    const held: Held = {
      question,
      sinceMs: nowMs,
      askedMs: nowMs,
      cancelTimer: undefined,
      cancelWait: undefined,
      settled: undefined,
    };
    this.held.set(key, held);
    this.setTimer(key, held);
    this.wait(key, held);
    return true;
  }

  /** Who asked is gone, is answered otherwise, or asks something else. Returns for how long it was held, ms; 0: it was not. */
  drop(key: string): number {
    const held = this.held.get(key);
    if (!held) return 0;
    held.cancelTimer?.();
    held.cancelWait?.();
    this.held.delete(key);
    return this.clock.now() - held.sinceMs;
  }

  /** Forgets all without an answer. */
  clear(): void {
    for (const key of [...this.held.keys()]) this.drop(key);
  }

  /** Waits for the first of its assets that is on its way; what is waited for may change from one to the next. */
  private wait(key: string, held: Held): void {
    const state = firstWait(held.question.slots);
    if (!state) {
      this.release(key, held, false);
      return;
    }
    if (state.settled === held.settled) return; // resolved, and nothing new was said: a repetition or the end of patience goes on
    held.settled = state.settled;
    held.cancelWait = onSettled(state.settled, () => {
      if (this.held.get(key) === held) this.wait(key, held);
    });
  }

  private setTimer(key: string, held: Held): void {
    const { patienceMs } = held.question;
    const endless = !Number.isFinite(patienceMs);
    const endMs = endless ? held.askedMs + LONGEST_PAUSE_MS : held.sinceMs + patienceMs;
    held.cancelTimer = this.clock.after(Math.max(1, endMs - this.clock.now()), () => {
      if (!endless) this.release(key, held, true);
      else if (this.isStale(held, this.clock.now())) this.drop(key);
      else this.setTimer(key, held);
    });
  }

  private isStale({ question, askedMs }: Held, nowMs: number): boolean {
    return !Number.isFinite(question.patienceMs) && nowMs - askedMs >= LONGEST_PAUSE_MS;
  }

  private release(key: string, held: Held, patienceOver: boolean): void {
    this.drop(key);
    held.question.release(this.clock.now() - held.sinceMs, patienceOver);
  }
}

/** The words of a journal entry for a question that is held. */
export function heldBecause(why: string): string {
  return `held: ${why}`;
}

/** What the journal says of a question that was held, when it goes on: "; held for 3.2 s". */
export function heldFor(heldMs: number): string {
  return heldMs > 0 ? `; held for ${(heldMs / 1000).toFixed(1)} s` : "";
}
