import * as v from "valibot";
import { shown } from "./leaves.ts";
import type { Path, Problems } from "./problems.ts";
import { type RawSite, SITE } from "./schema.ts";
import { isSecretKey } from "./secrets.ts";
import { keyIssueOf } from "./table.ts";
import { place, quote } from "./wording.ts";

/**
 * Checks the form of every key and value and reports all that are wrong. What comes back is the rest: the file
 * without the wrong parts, so that the names and addresses in it can be checked in the same run.
 */
export function checkShape(data: Record<string, unknown>, problems: Problems): RawSite {
  let rest: unknown = data;
  let result = v.safeParse(SITE, rest);
  for (const issue of result.issues ?? []) report(issue, problems);
  // A list without its wrong items is left out as a whole, and one pass may uncover nothing new: two are enough,
  // and a third would be our own mistake.
  for (let pass = 0; !result.success && pass < 2; pass++) {
    rest = without(rest, result.issues.map(pathOf));
    result = v.safeParse(SITE, rest);
  }
  if (!result.success) throw new Error(`site schema: cannot prune ${result.issues[0].message}`);
  return result.output;
}

function report(issue: v.BaseIssue<unknown>, problems: Problems): void {
  const path = pathOf(issue);
  if (problems.isExcused(path)) return;
  // A list with a wrong item is left out as a whole, and is not missing for that.
  for (const [i, item] of (issue.path ?? []).entries()) {
    if (item.type === "array") problems.excuse(path.slice(0, i));
  }
  const parent = path.slice(0, -1);
  const field = path.at(-1) ?? "";
  const about = keyIssueOf(issue);
  if (about !== undefined) {
    for (const key of about.meant) problems.excuse([...parent, key]);
    const where = place(parent);
    const [before = "", rest = ""] = isSecretKey(parent, field) ? splitAtColon(field) : [];
    const named = quote(rest === "" ? field : `${before}:…`);
    const cure = rest === "" ? about.cure : about.cure.replace(rest, () => "…");
    const message =
      about.kind === "unknown"
        ? `unknown key ${named} in ${where}`
        : `${named} in ${where} is not supported by this version`;
    problems.add(path, message, cure, "key");
    return;
  }
  const at = issue.path?.at(-1)?.origin === "key" ? "key" : "value";
  if (issue.input === null) {
    const cure = "give it a value, or remove the key";
    problems.add(path, `${quote(field)} in ${place(parent)} has no value`, cure, "key");
    return;
  }
  const written = problems.written(path);
  // As it was written: the parser has made 1122334455 of 001122334455, and 10.1 of 10.10.
  const given = shown(issue.input);
  const asWritten = typeof issue.input === "number" ? `the number ${written}` : given;
  const [message = "", cure] = issue.message.split("\n");
  if (cure !== undefined) {
    problems.add(
      path,
      message.replace(given, () => asWritten),
      cure,
      at,
    );
    return;
  }
  problems.add(
    path,
    `${quote(field)} in ${place(parent)} must be text, not ${asWritten}`,
    written === undefined ? "write one text" : `put it in quotes: "${written}"`,
  );
}

function splitAtColon(key: string): readonly [string, string] {
  const colon = key.indexOf(":");
  return [key.slice(0, colon), key.slice(colon + 1)];
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map((item) => String(item.key));
}

/** A copy without the values at these paths; a list that would lose an item goes altogether. */
function without(data: unknown, paths: readonly Path[]): unknown {
  if (typeof data !== "object" || data === null) return data;
  const byKey = new Map<string, Path[]>();
  for (const [key = "", ...below] of paths) {
    const list = byKey.get(key);
    if (list === undefined) byKey.set(key, [below]);
    else list.push(below);
  }
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(data)) {
    const below = byKey.get(key) ?? [];
    if (below.some((p) => p.length === 0 || Array.isArray(value))) continue;
    copy[key] = below.length === 0 ? value : without(value, below);
  }
  return copy;
}
