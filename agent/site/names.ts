import type { Path, Problems } from "./problems.ts";
import { didYouMean, place, quote } from "./wording.ts";

/** The things of one kind that a site declares, by name, and the one way to look them up. */
export class Names<T> {
  private readonly things = new Map<string, T>();
  private readonly declared: readonly string[];
  private readonly problems: Problems;
  private readonly kind: string;
  private readonly section: string;

  /** `declared`: the section as it stands in the file, wrong entries included. */
  constructor(kind: string, section: string, declared: unknown, problems: Problems) {
    this.kind = kind;
    this.section = section;
    this.declared = typeof declared === "object" && declared !== null ? Object.keys(declared) : [];
    this.problems = problems;
  }

  get resolved(): ReadonlyMap<string, T> {
    return this.things;
  }

  add(name: string, thing: T): void {
    this.things.set(name, thing);
  }

  /**
   * The thing that the value at `at` names. Undefined if there is none, which is reported, or if it is
   * declared but wrong, which was reported where it is declared.
   */
  find(name: string, at: Path): T | undefined {
    const thing = this.things.get(name);
    if (thing !== undefined || this.declared.includes(name)) return thing;
    const cure = didYouMean(
      name,
      this.declared,
      `there are no ${this.section} yet: declare it under "${this.section}:"`,
    );
    this.problems.add(at, `unknown ${this.kind} ${quote(name)} in ${place(inside(at))}`, cure);
    return undefined;
  }
}

/** The map that the value is in: list items count as their list. */
function inside(at: Path): Path {
  return at.slice(0, /^\d+$/.test(at.at(-1) ?? "") ? -2 : -1);
}
