import { isIP } from "node:net";
import { HttpRefusal } from "./http-refusal.ts";
import type { ControlRequest } from "./message.ts";

/**
 * Throws for what a web page in somebody's browser may have sent: the protocol is not for browsers, and an operator's browser stands
 * in the agent's network.
 *
 * A page of another site is known by Origin and Sec-Fetch-Site (Fetch Metadata); one whose name was made to lead to the agent's
 * address (DNS rebinding) by Host, which then is neither an address nor one of the agent's `names`.
 */
export function refuseBrowsers(request: ControlRequest, names: readonly string[]): void {
  const host = request.header("host");
  if (host === undefined) throw new HttpRefusal(400, "E_PROTOCOL", "a request without Host");
  const name = hostName(host);
  if (name === undefined || !(isIP(name) > 0 || names.some((n) => plain(n) === name))) {
    throw forbidden("the Host of a request is an address of the agent, or one of its names");
  }
  if (request.header("origin") !== undefined) {
    throw forbidden("requests of web pages (Origin) are not answered");
  }
  const site = request.header("sec-fetch-site");
  if (site !== undefined && site !== "none") {
    throw forbidden("requests of web pages (Sec-Fetch-Site) are not answered");
  }
}

/** The name or address of a Host header (RFC 9110 section 7.2) without its port; undefined when it is neither. */
function hostName(host: string): string | undefined {
  const address = /^\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\](?::\d{0,5})?$/.exec(host)?.[1];
  if (address !== undefined) return isIP(address) === 6 ? address.toLowerCase() : undefined;
  const name = /^([^:/@\s]+)(?::\d{0,5})?$/.exec(host)?.[1];
  return name === undefined ? undefined : plain(name);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function forbidden(message: string): HttpRefusal {
  return new HttpRefusal(403, "E_FORBIDDEN", message, {
    cure: "Use `pilotlight`, curl or another program; with a name, one that the agent announces.",
  });
}
