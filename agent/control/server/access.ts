import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "../caller.ts";
import type { VerbName } from "../messages.ts";
import { VERBS } from "../verbs.ts";
import { HttpRefusal } from "./http-refusal.ts";
import type { Channel, ControlRequest } from "./message.ts";
import type { ReadPolicy } from "./parts.ts";

/** Throws E_FORBIDDEN for a confidential verb that was asked in plain text. */
export function refusePlain(verb: VerbName, channel: Channel): void {
  if (!VERBS[verb].confidential || channel !== "plain") return;
  throw new HttpRefusal(403, "E_FORBIDDEN", `${verb} is answered over https alone`, {
    cure: "Ask the same port with https.",
  });
}

/** Who reads by GET. Throws E_FORBIDDEN for whom the site does not let read. */
export function readerOf(verb: VerbName, request: ControlRequest, policy: ReadPolicy): Caller {
  if (request.channel === "local") return { kind: "local" };
  const reader: Caller = { kind: "reader", address: request.address };
  const { access } = VERBS[verb];
  if (access === "open" || (access === "read" && policy.kind === "open")) return reader;
  if (policy.kind !== "token") {
    const what = access === "private" ? verb : "this agent";
    throw new HttpRefusal(403, "E_FORBIDDEN", `${what} is read by operators alone`, {
      cure: "Sign the request with a key that the agent trusts, as `pilotlight` does, or ask on its host.",
    });
  }
  const headers = { "www-authenticate": "Bearer" };
  const given = /^bearer +(\S+)$/i.exec(request.header("authorization") ?? "")?.[1];
  if (given === undefined) {
    throw new HttpRefusal(401, "E_FORBIDDEN", "reading this agent needs its token", {
      headers,
      cure: "Send `Authorization: Bearer TOKEN` over https, or sign the request.",
    });
  }
  if (request.channel === "plain") {
    throw new HttpRefusal(403, "E_FORBIDDEN", "a token is taken over https alone", {
      cure: "Ask with https; whoever listened has the token now, so give the site another one.",
    });
  }
  if (!isSame(given, policy.token))
    throw new HttpRefusal(401, "E_FORBIDDEN", "this is not the agent's token", { headers });
  return reader;
}

/** Compares secrets in a time that tells nothing of them. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
