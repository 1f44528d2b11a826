import { PROTOCOL_VERSION, type VerbName } from "../messages.ts";
import { VERBS } from "../verbs.ts";
import { HttpRefusal } from "./http-refusal.ts";

const PREFIX = `/v${PROTOCOL_VERSION}`;
/** Where those who collect metrics look unless they are told otherwise. */
const METRICS = "/metrics";

/** What a path stands for. */
export type Route =
  | { readonly kind: "about" | "nonce" | "call" | "claim" | "metrics" }
  | {
      readonly kind: "read";
      readonly verb: VerbName;
      readonly args: Readonly<Record<string, string>>;
    };

const READS: readonly { readonly verb: VerbName; readonly segments: readonly string[] }[] = (
  Object.keys(VERBS) as VerbName[]
).flatMap((verb) => {
  const { path } = VERBS[verb];
  return path === undefined ? [] : [{ verb, segments: path.split("/").slice(1) }];
});

const METHODS = {
  read: "GET, HEAD",
  about: "GET, HEAD",
  nonce: "GET, HEAD",
  metrics: "GET, HEAD",
  call: "POST",
  claim: "POST",
} as const;

/** The route of a request's target. Throws 400, 404 or 405. */
export function routeOf(method: string, target: string): Route {
  if (!target.startsWith("/"))
    throw new HttpRefusal(400, "E_PROTOCOL", "the target of a request is a path");
  const [path = "", query] = target.split("?", 2);
  const route = match(path, query ?? "");
  if (!route) {
    throw new HttpRefusal(404, "E_NOT_FOUND", "there is nothing at this path", {
      cure: `This agent speaks version ${PROTOCOL_VERSION}: GET ${PREFIX}/ lists its verbs and their paths.`,
    });
  }
  const allowed = METHODS[route.kind];
  if (!allowed.split(", ").includes(method)) {
    throw new HttpRefusal(405, "E_PROTOCOL", `this path takes ${allowed}`, {
      headers: { allow: allowed },
    });
  }
  return route;
}

function match(path: string, query: string): Route | undefined {
  if (path === METRICS) return { kind: "metrics" };
  if (path === PREFIX || path === `${PREFIX}/`) return { kind: "about" };
  if (path === `${PREFIX}/nonce`) return { kind: "nonce" };
  if (path === `${PREFIX}/call`) return { kind: "call" };
  if (path === `${PREFIX}/claim`) return { kind: "claim" };
  if (!path.startsWith(`${PREFIX}/`)) return undefined;
  const found = path.slice(PREFIX.length + 1).split("/");
  for (const { verb, segments } of READS) {
    if (segments.length !== found.length) continue;
    const named = new Map<string, string>();
    const fits = segments.every((segment, i) => {
      const text = found[i] ?? "";
      if (!segment.startsWith(":")) return segment === text;
      named.set(segment.slice(1), decoded(text));
      return text !== "";
    });
    if (fits) return { kind: "read", verb, args: withQuery(named, query) };
  }
  return undefined;
}

/** The query's members beside those of the path, which count more. */
function withQuery(named: Map<string, string>, query: string): Readonly<Record<string, string>> {
  for (const [name, value] of new URLSearchParams(query)) {
    if (named.has(name)) throw new HttpRefusal(400, "E_PROTOCOL", "an argument is there twice");
    named.set(name, value);
  }
  return Object.fromEntries(named);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new HttpRefusal(400, "E_PROTOCOL", "the path is not UTF-8 in percent encoding", {
      cause,
    });
  }
}
