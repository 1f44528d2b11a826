import { OneAtATime } from "../../cache/one-at-a-time.ts";

/** Lets one piece of work after the other at a thing that has a number; nothing is kept of things that nobody works at. */
export class KeyLocks {
  private readonly locks = new Map<number, { readonly turn: OneAtATime; waiting: number }>();

  async run<T>(key: number, work: () => Promise<T>): Promise<T> {
    const lock = this.locks.get(key) ?? { turn: new OneAtATime(), waiting: 0 };
    this.locks.set(key, lock);
    lock.waiting += 1;
    try {
      return await lock.turn.run(work);
    } finally {
      lock.waiting -= 1;
      if (lock.waiting === 0) this.locks.delete(key);
    }
  }
}
