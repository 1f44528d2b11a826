/** An invariant that did not hold; its message names it. */
export class Violation extends Error {}

type Value = number | string | boolean | undefined;

/** Octets of what an offset without a length of its own points at. */
const FIXED: Readonly<Record<string, number>> = {
  dstAt: 6,
  srcAt: 6,
  shaAt: 6,
  thaAt: 6,
  chaddrAt: 16,
  fhandleAt: 32,
  dirAt: 32,
  fromDirAt: 32,
  toDirAt: 32,
};

interface Getter {
  readonly name: string;
  /** Of an offset: the getter of its length, "" without one. */
  readonly lenName: string | undefined;
}

const SHAPES = new Map<object, readonly Getter[]>();

/**
 * What a target read in its input. Executions of the same octets at different places must leave equal traces: offsets are
 * kept relative to the window, and only where there is something at them.
 */
export class Trace {
  readonly values: Value[] = [];
  private at = 0;
  private end = 0;

  begin(at: number, len: number): void {
    this.values.length = 0;
    this.at = at;
    this.end = at + len;
  }

  add(...values: readonly Value[]): void {
    for (const value of values) this.values.push(value);
  }

  /** A range inside the window; an empty one points nowhere. */
  range(name: string, at: number, len: number): void {
    this.values.push(len);
    if (len === 0) return;
    if (!(len > 0 && at >= this.at && at + len <= this.end)) {
      throw new Violation(`${name} leaves the window: ${at - this.at} +${len}`);
    }
    this.values.push(at - this.at);
  }

  /** Every getter of a view, nested views included, and its ranges. */
  view(view: object): void {
    const shape = view as Record<string, unknown>;
    for (const { name, lenName } of gettersOf(view)) {
      const value = shape[name];
      if (typeof value === "object" && value !== null) this.view(value);
      else if (lenName === undefined) this.values.push(value as Value);
      else if (lenName !== "") this.range(name, Number(value), Number(shape[lenName]));
      else if (Number(value) >= 0) this.range(name, Number(value), FIXED[name] ?? 1);
    }
  }

  /** Says that something must hold. */
  check(holds: boolean, invariant: string): void {
    if (!holds) throw new Violation(invariant);
  }

  /** Where two traces part; -1 when they are equal. */
  differsFrom(other: Trace): number {
    const { values } = this;
    const n = Math.max(values.length, other.values.length);
    for (let i = 0; i < n; i++) if (!Object.is(values[i], other.values[i])) return i;
    return -1;
  }
}

function gettersOf(view: object): readonly Getter[] {
  const proto: object = Object.getPrototypeOf(view);
  let shape = SHAPES.get(proto);
  if (!shape) {
    const names = Object.entries(Object.getOwnPropertyDescriptors(proto)).flatMap(([name, d]) =>
      d.get ? [name] : [],
    );
    shape = names.map((name) => {
      if (!name.endsWith("At")) return { name, lenName: undefined };
      const lenName = `${name.slice(0, -2)}Len`;
      return { name, lenName: names.includes(lenName) ? lenName : "" };
    });
    SHAPES.set(proto, shape);
  }
  return shape;
}
