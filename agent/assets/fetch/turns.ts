/** Lets one after the other at what has a name. */
export class Turns {
  private readonly last = new Map<string, Promise<void>>();

  /** Runs `work` when all that came before it under this name has ended. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(name) ?? Promise.resolve();
    const { promise: mine, resolve: done } = withResolvers();
    const tail = before.then(() => mine);
    this.last.set(name, tail);
    await before;
    try {
      return await work();
    } finally {
      done();
      if (this.last.get(name) === tail) this.last.delete(name);
    }
  }
}

/** A promise and what resolves it (`Promise.withResolvers` is not in Node 20). */
export function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
