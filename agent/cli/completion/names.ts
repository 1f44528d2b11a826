import { operatorHome } from "../../operator/home.ts";
import { NameCache } from "../../operator/name-cache.ts";

/** The names of a kind that are known here, without asking anybody. What cannot be read has no names. */
export async function knownNames(kind: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  try {
    const home = operatorHome(env);
    const agents = [...(new NameCache(home).all()?.values() ?? [])];
    if (kind === "machine") return sorted(agents.flatMap(({ machines }) => machines));
    if (kind === "profile") return sorted(agents.flatMap(({ profiles }) => profiles));
    if (kind !== "agent") return [];
    if (agents.length > 0) return sorted(agents.map(({ name }) => name));
    // The pins were edited by hand, or this is their first use.
    const { KnownAgents } = await import("../../operator/known-agents.ts");
    return sorted(new KnownAgents(home).list().map(({ name }) => name));
  } catch {
    return [];
  }
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => name !== "" && !/[\r\n]/.test(name)).sort();
}
