/** Gives what was put in by its order, and by age where that is the same. A binary heap. */
export class OrderHeap<T> {
  private readonly heap: { readonly order: number; readonly age: number; readonly item: T }[] = [];
  private age = 0;

  push(item: T, order: number): void {
    const { heap } = this;
    const node = { order, age: this.age, item };
    this.age += 1;
    let at = heap.length;
    heap.push(node);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!this.swap(up, at)) return;
      at = up;
    }
  }

  pop(): T | undefined {
    const { heap } = this;
    const [top] = heap;
    const last = heap.pop();
    if (!top || !last || heap.length === 0) return top?.item;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const down = this.isBefore(left + 1, left) ? left + 1 : left;
      if (!this.swap(at, down)) return top.item;
      at = down;
    }
  }

  /** Puts two in order; false when they were. */
  private swap(above: number, below: number): boolean {
    const { heap } = this;
    const a = heap[above];
    const b = heap[below];
    if (!a || !b || !this.isBefore(below, above)) return false;
    heap[above] = b;
    heap[below] = a;
    return true;
  }

  private isBefore(i: number, j: number): boolean {
    const a = this.heap[i];
    const b = this.heap[j];
    if (!a || !b) return false;
    return a.order < b.order || (a.order === b.order && a.age < b.age);
  }
}
