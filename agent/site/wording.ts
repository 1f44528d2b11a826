import type { Path } from "./problems.ts";
import { suggest } from "./suggest.ts";

/** A Map, since a section may be called anything, "valueOf" as well. */
const SINGULAR: ReadonlyMap<string, string> = new Map([
  ["assets", "asset"],
  ["stores", "store"],
  ["profiles", "profile"],
  ["machines", "machine"],
  ["unknown", "rule"],
]);

/** A place in the file as one says it: `machine "v100"`, `bsd of profile "netbsd"`, `network`. */
export function place(path: Path): string {
  const [section, name, ...rest] = path;
  if (section === undefined) return "the site file";
  const singular = SINGULAR.get(section);
  if (singular === undefined) return path.join(".");
  if (name === undefined) return section;
  const thing = `${singular} ${quote(name)}`;
  if (rest.at(-2) === "items") {
    const item = `item ${Number(rest.at(-1)) + 1}`;
    return `${item} of the ${rest.slice(0, -2).join(".")} of ${thing}`;
  }
  return rest.length === 0 ? thing : `${rest.join(".")} of ${thing}`;
}

/** Text in quotes on one line, whatever is in it. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

/** The cure for a name that is not known: what was meant, or else what there is. */
export function didYouMean(word: string, known: readonly string[], otherwise: string): string {
  const near = suggest(word, known);
  if (near !== undefined) return `did you mean ${quote(near)}?`;
  return known.length === 0 ? otherwise : `known here: ${listed(known)}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 16).join(", ");
  return names.length > 16 ? `${shown}, and ${names.length - 16} more` : shown;
}
