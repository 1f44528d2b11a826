import type { VerbName, Verbs } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import type { AgentConnection } from "../../operator/connection.ts";

/** Reads from an agent: as anybody may, and where its site lets only operators read, by a signed request. */
export async function readVerb<V extends VerbName>(
  agent: AgentConnection,
  verb: V,
  args: Verbs[V]["args"],
): Promise<Verbs[V]["result"]> {
  try {
    return await agent.get(verb, args);
  } catch (error) {
    if (error instanceof AgentError && error.code === "E_FORBIDDEN") return agent.call(verb, args);
    throw error;
  }
}
