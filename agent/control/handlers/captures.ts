import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName, theSite } from "./parts.ts";

type Verbs = "capture.list" | "capture.start" | "capture.stop" | "capture.get";

/** Captures of the rack's interface. */
export function captureHandlers(parts: AgentParts): Pick<Handlers, Verbs> {
  const { captures } = parts;
  return {
    "capture.list": async () => ({ captures: captures.list() }),
    "capture.start": async ({ filter = "", maxOctets, maxS }, { caller }) =>
      captures.start({
        interfaceName: theSite(parts).interfaceName,
        filter,
        by: callerName(caller),
        ...(maxOctets === undefined ? {} : { maxOctets }),
        ...(maxS === undefined ? {} : { maxS }),
      }),
    "capture.stop": ({ id }) => captures.stop(id),
    "capture.get": ({ id }, { signal }) => captures.read(id, signal),
  };
}
