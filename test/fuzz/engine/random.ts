import { prng } from "../../support/prng.ts";

/** Choices that a seed decides. */
export class Random {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = prng(seed);
  }

  /** A whole number from 0 to n - 1; 0 for n below 1. */
  below(n: number): number {
    return Math.floor(this.next() * Math.max(n, 1));
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
}
