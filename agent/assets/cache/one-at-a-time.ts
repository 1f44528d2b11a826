/** Does one piece of work after the other; one that fails does not keep the next from its turn. */
export class OneAtATime {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when nothing is being done. */
  async idle(): Promise<void> {
    await this.last;
  }
}
