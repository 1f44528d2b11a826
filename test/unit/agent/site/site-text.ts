import { parseSite, type SiteResult } from "../../../../agent/site/load.ts";
import type { Site } from "../../../../agent/site/site.ts";

/** A public key as signify and minisign write it: "Ed", the key's number, the key. */
export const KEY: string = Buffer.from(`Ed${"k".repeat(40)}`).toString("base64");
/** Files with public keys, and one with a secret one. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ["/rack/base.pub", `untrusted comment: openbsd 7.7 base public key\n${KEY}\n`],
  ["/rack/secret.key", `untrusted comment: signify secret key\nRWRCSw${"A".repeat(132)}\n`],
  ["/rack/other.txt", "hunter2\n"],
]);

/** Reads site text as /rack/site.yaml; `templates` are the files that are there. */
export function read(text: string, templates: readonly string[] = []): SiteResult {
  const isThere = (file: string): boolean => templates.includes(file);
  return parseSite(text, "/rack/site.yaml", isThere, (file) => KEYS.get(file));
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
