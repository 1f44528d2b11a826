import { AgentError } from "../../errors.ts";
import type { Handlers } from "../verbs.ts";
import type { AgentParts } from "./parts.ts";

const DEFAULT_LIMIT = 1_000;
const MOST = 100_000;

/** The boot journal. */
export function journalHandlers({ journal }: AgentParts): Pick<Handlers, "journal.get"> {
  return {
    "journal.get": async ({ machine, limit = DEFAULT_LIMIT }) => {
      if (!Number.isSafeInteger(limit) || limit < 1 || limit > MOST) {
        throw new AgentError("E_USAGE", `limit is 1 to ${MOST}, not ${limit}`);
      }
      const entries = journal.entries();
      const of =
        machine === undefined ? entries : entries.filter((entry) => entry.machine === machine);
      return { entries: of.slice(-limit) };
    },
  };
}
