import { parseSite, type SiteResult } from "../../../../agent/site/load.ts";
import type { Site } from "../../../../agent/site/site.ts";

/** Reads site text as /rack/site.yaml; `templates` are the files that are there. */
export function read(text: string, templates: readonly string[] = []): SiteResult {
  return parseSite(text, "/rack/site.yaml", (file) => templates.includes(file));
}

/** The same, where a site is expected; anything else fails the test with all problems. */
export function site(text: string, templates: readonly string[] = []): Site {
  const result = read(text, templates);
  if (result.site === undefined) throw new Error(JSON.stringify(result.problems, null, 2));
  return result.site;
}

/** Problems as "line:column message / cure". */
export function problems(text: string, templates: readonly string[] = []): readonly string[] {
  const list = read(text, templates).problems ?? [];
  return list.map((p) => `${p.line}:${p.column} ${p.message} / ${p.cure}`);
}
