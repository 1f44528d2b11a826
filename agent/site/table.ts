import * as v from "valibot";
import { type Leaf, shown } from "./leaves.ts";
import { didYouMean, quote } from "./wording.ts";

/** What `table` reports of a key: `shape.ts` places it at the key and names the map it is in. */
export interface KeyIssue {
  readonly kind: "unknown" | "unsupported";
  readonly key: string;
  readonly cure: string;
  /** The keys that the author may have meant: if one of these is missing, nobody needs to be told. */
  readonly meant: readonly string[];
}

const marks = new WeakMap<object, KeyIssue>();

/** What `table` has to say about the key that an issue is about; undefined for all other issues. */
export function keyIssueOf(issue: v.BaseIssue<unknown>): KeyIssue | undefined {
  const last = issue.path?.at(-1);
  return last === undefined ? undefined : marks.get(last);
}

/** Keys that belong to later versions, with what to write instead, and which key that stands in for. */
export type Unsupported = Readonly<
  Record<string, { readonly cure: string; readonly for?: string }>
>;

/**
 * A map with known keys. All unknown ones are reported, each with what was probably meant; valibot's own
 * `strictObject` reports only the first, and `looseObject` takes a list for a map.
 */
export function table<E extends v.ObjectEntries>(
  entries: E,
  unsupported: Unsupported = {},
): v.GenericSchema<unknown, v.InferOutput<v.LooseObjectSchema<E, undefined>>> {
  const known = Object.keys(entries);
  return v.pipe(
    aMap(),
    v.looseObject(entries),
    v.rawCheck(({ dataset, addIssue }) => {
      const input: unknown = dataset.value;
      if (typeof input !== "object" || input === null) return;
      for (const [key, value] of Object.entries(input)) {
        if (Object.hasOwn(entries, key)) continue;
        const item = { type: "object", origin: "key", input, key, value } as const;
        marks.set(item, judge(key, known, unsupported));
        addIssue({ message: "unknown key", path: [item as unknown as v.IssuePathItem] });
      }
    }),
  ) as v.GenericSchema<unknown, v.InferOutput<v.LooseObjectSchema<E, undefined>>>;
}

/** A map from names to things of one kind. */
export function mapOf<T>(
  name: v.GenericSchema<unknown, string>,
  value: v.GenericSchema<unknown, T>,
): v.GenericSchema<unknown, Record<string, T>> {
  return v.pipe(aMap(), v.record(name as v.GenericSchema<string, string>, value));
}

/** Either one text or a map: which of the two was meant decides what is reported. */
export function textOr<T>(
  text: Leaf<string>,
  other: v.GenericSchema<unknown, T>,
): v.GenericSchema<unknown, string | T> {
  return v.lazy(
    (x): v.GenericSchema<unknown, string | T> => (typeof x === "string" ? text : other),
  );
}

/** A list; with `orOne`, a single item may stand for a list of one. */
export function listOf<T>(
  item: v.GenericSchema<unknown, T>,
  orOne: boolean,
): v.GenericSchema<unknown, readonly T[]> {
  const list = v.array(
    item,
    (i) => `${shown(i.input)} where a list belongs\nwrite it in brackets: [${wouldBe(i.input)}]`,
  );
  if (!orOne) return list;
  const one = v.pipe(
    item,
    v.transform((x) => [x]),
  );
  return v.lazy((x): v.GenericSchema<unknown, readonly T[]> => (Array.isArray(x) ? list : one));
}

function wouldBe(x: unknown): string {
  return typeof x === "object" ? "…" : String(x);
}

function aMap(): v.GenericSchema<unknown, Record<string, unknown>> {
  return v.custom<Record<string, unknown>>(
    (x) => typeof x === "object" && x !== null && !Array.isArray(x),
    (i) =>
      `${shown(i.input)} where a map belongs\nwrite "key: value" lines below it, or { key: value }`,
  );
}

function judge(key: string, known: readonly string[], unsupported: Unsupported): KeyIssue {
  const later = Object.hasOwn(unsupported, key) ? unsupported[key] : undefined;
  if (later !== undefined) {
    return { kind: "unsupported", key, cure: later.cure, meant: later.for ? [later.for] : [] };
  }
  const glued = /^(\w+):(.+)$/.exec(key);
  if (glued?.[1] !== undefined && known.includes(glued[1])) {
    const cure = `put a space after the colon: ${glued[1]}: ${glued[2]}`;
    return { kind: "unknown", key, cure, meant: [glued[1]] };
  }
  const cure = didYouMean(key, known, "remove it");
  const meant = known.filter((k) => cure === `did you mean ${quote(k)}?`);
  return { kind: "unknown", key, cure, meant };
}
