import { AgentError, ERRORS, type ErrorCode } from "../errors.ts";
import { printableCut } from "../log/printable.ts";
import { errorCode } from "../state/folder.ts";

const MAX_TEXT = 2_000;

const WAYS: Readonly<Record<string, readonly [message: string, cure: string]>> = {
  ECONNREFUSED: [
    "nothing listens there",
    "Check that the agent runs, that this is one of its management interfaces, and the port: `pilotlight discover`.",
  ],
  ETIMEDOUT: [
    "there is no answer",
    "Check that it is on, its address (`pilotlight discover`), and that no firewall drops TCP port 7458.",
  ],
  EHOSTUNREACH: [
    "there is no way to it",
    "Check that it is on and on this network: `pilotlight discover`.",
  ],
  ENETUNREACH: [
    "this host has no route to it",
    "Check this host's own network: `ip address`, `ip route`.",
  ],
  ENOTFOUND: [
    "there is no such host name",
    "Give an address, or a name that `pilotlight discover` shows.",
  ],
  EAI_AGAIN: ["the name service does not answer", "Give an address instead of a host name."],
  ECONNRESET: [
    "it hung up",
    "It may be full of connections or restarting; try again in a few seconds.",
  ],
  EPIPE: ["it hung up", "It may be full of connections or restarting; try again in a few seconds."],
};

/** What went wrong with `where` ("rack7 (10.0.0.7:7458)"), for the operator. What is an AgentError already gets `where` in front. */
export function linkFailure(error: unknown, where: string): AgentError {
  if (error instanceof AgentError) {
    const { code, message, cure, cause } = error;
    return new AgentError(code, `${where}: ${message}`, { cure, cause: cause ?? error });
  }
  const code = errorCode(error) ?? "";
  const [message, cure] = WAYS[code] ?? [];
  if (message !== undefined && cure !== undefined) {
    return new AgentError("E_UNREACHABLE", `${where}: ${message}`, { cause: error, cure });
  }
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") {
    return new AgentError("E_UNREACHABLE", `${where}: what listens there does not speak TLS 1.3`, {
      cause: error,
      cure: "Check the address and the port: this is no agent of a version that can be steered.",
    });
  }
  if (code.startsWith("HPE_")) {
    return new AgentError("E_PROTOCOL", `${where}: its answer is not HTTP`, { cause: error });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new AgentError("E_UNREACHABLE", `${where}: ${printableCut(why, MAX_TEXT)}`, {
    cause: error,
  });
}

/** The error that an agent answered with: its code, message and cure. */
export function answeredError(answer: unknown, where: string): AgentError {
  const { code, message, cure } = (answer ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || typeof message !== "string") {
    return new AgentError("E_PROTOCOL", `${where}: it says no, and not why`);
  }
  const words = printableCut(message, MAX_TEXT);
  // An agent of a newer version may have codes that are not known here.
  const known = Object.hasOwn(ERRORS, code);
  return new AgentError(
    known ? (code as ErrorCode) : "E_PROTOCOL",
    `${where}: ${known ? words : `${printableCut(code, 40)}: ${words}`}`,
    typeof cure === "string" ? { cure: printableCut(cure, MAX_TEXT) } : {},
  );
}
