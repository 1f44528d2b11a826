import { operatorHome } from "../../operator/home.ts";
import { KnownAgents } from "../../operator/known-agents.ts";
import { NameCache } from "../../operator/name-cache.ts";

/** The names of a kind that are known here, without asking anybody. What cannot be read has no names. */
export function knownNames(kind: string, env: NodeJS.ProcessEnv): readonly string[] {
  try {
    const home = operatorHome(env);
    const known = new KnownAgents(home).list();
    if (kind === "agent") return sorted(known.map(({ name }) => name));
    const cached = new NameCache(home).all();
    const names = known.flatMap(({ fingerprint }) => {
      const of = cached.get(fingerprint);
      return (kind === "machine" ? of?.machines : kind === "profile" ? of?.profiles : []) ?? [];
    });
    return sorted(names);
  } catch {
    return [];
  }
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => !/[\r\n]/.test(name)).sort();
}
