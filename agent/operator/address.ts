import { isIP } from "node:net";
import { CONTROL_PORT } from "../control/messages.ts";

/** Where something listens. */
export interface HostPort {
  /** A name or an address, without brackets; a link-local one with its zone. */
  readonly host: string;
  readonly port: number;
}

/**
 * What was typed as an address: "10.0.0.7", "10.0.0.7:7458", "fe80::1%eth0", "[fe80::1%eth0]:7458", "rack7.example.org",
 * "rack7:7458". Undefined: it is a name without a dot or a port, which may be an agent's.
 */
export function parseAddress(text: string): HostPort | undefined {
  if (isIP(text) > 0) return { host: text, port: CONTROL_PORT };
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  if (bracketed) {
    const [, host = "", port] = bracketed;
    return isIP(host) === 6 ? placed(host, port) : undefined;
  }
  const [, host = "", port] = /^([\w.-]+?)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === "" || (port === undefined && !host.includes(".") && host !== "localhost")) {
    return undefined;
  }
  return placed(host, port);
}

function placed(host: string, port: string | undefined): HostPort | undefined {
  const number = port === undefined ? CONTROL_PORT : Number(port);
  return number > 0 && number < 65_536 ? { host, port: number } : undefined;
}
