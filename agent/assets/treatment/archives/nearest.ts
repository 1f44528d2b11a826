import { editDistance } from "../../../site/suggest.ts";

const MAX_NAMES = 10;
/** Letters of a name that are compared and printed at most; the archive decides how long its names are. */
const MAX_LEN = 120;

/** The names most like a wanted one, of any number of them. */
export class Nearest {
  private readonly wanted: string;
  private readonly best: { readonly name: string; readonly distance: number }[] = [];

  constructor(wanted: string) {
    this.wanted = wanted.toLowerCase();
  }

  add(name: string): void {
    const distance = this.distance(name.toLowerCase());
    const worst = this.best.at(-1);
    if (this.best.length >= MAX_NAMES && worst !== undefined && distance >= worst.distance) return;
    const at = this.best.findIndex((other) => other.distance > distance);
    const shown = name.length > MAX_LEN ? `${name.slice(0, MAX_LEN)}…` : name;
    this.best.splice(at < 0 ? this.best.length : at, 0, { name: shown, distance });
    if (this.best.length > MAX_NAMES) this.best.pop();
  }

  /** The nearest first, at most ten. */
  names(): readonly string[] {
    return this.best.map(({ name }) => name);
  }

  /** A file of the same name elsewhere is nearest; else a file of a similar name. */
  private distance(name: string): number {
    const mine = baseName(this.wanted);
    const its = baseName(name);
    if (mine === its) return 0;
    const part = its.startsWith(mine) || its.endsWith(mine) ? 0.5 : 1;
    const [a, b] = [mine.slice(0, MAX_LEN), its.slice(0, MAX_LEN)];
    return part * editDistance(a, b);
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
