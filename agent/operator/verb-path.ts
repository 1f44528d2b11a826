import type { VerbName } from "../control/messages.ts";
import { PROTOCOL_VERSION } from "../control/messages.ts";
import { VERBS } from "../control/verbs.ts";

/** The first part of every path. */
export const ROOT: string = `/v${PROTOCOL_VERSION}`;

/**
 * The path and query by which a verb is read: "/v1/machines/v100", "/v1/journal?limit=20". Undefined for a verb that is
 * only called.
 */
export function verbPath(verb: VerbName, args: object): string | undefined {
  const { path } = VERBS[verb];
  if (path === undefined) return undefined;
  const left = new Map<string, unknown>(Object.entries(args));
  const filled = path.replace(/:(\w+)/g, (_, name: string) => {
    const value = String(left.get(name));
    left.delete(name);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of left) if (value !== undefined) query.append(name, String(value));
  return `${ROOT}${filled}${query.size > 0 ? `?${query}` : ""}`;
}
