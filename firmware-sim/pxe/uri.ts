import { type Ipv4, parseIpv4 } from "../../protocols/wire/ipv4-address.ts";

/** A place that this firmware can load from. The host is an IPv4 address: there is no DNS here. */
export interface BootUri {
  readonly scheme: "http" | "tftp";
  readonly host: string;
  readonly address: Ipv4;
  readonly port: number;
  /** From the first slash on. */
  readonly path: string;
  readonly text: string;
}

const DEFAULT_PORT = { http: 80, tftp: 69 } as const;

/** Reads an absolute URI; a text says what is wrong with it. */
export function parseBootUri(text: string): BootUri | string {
  const [, scheme = "", host = "", digits = "", path = ""] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/:]*)(?::(\d+))?(.*)$/i.exec(text) ?? [];
  const known = scheme.toLowerCase();
  if (known !== "http" && known !== "tftp") {
    return scheme === "" ? `not a URI: ${text}` : `the protocol ${scheme} is not simulated`;
  }
  const address = parseIpv4(host);
  if (address === undefined) return `${host} is not an IPv4 address, and there is no DNS here`;
  if (address === 0) return `${text} has no server address`;
  const port = digits === "" ? DEFAULT_PORT[known] : Number(digits);
  return { scheme: known, host, address, port, path: path === "" ? "/" : path, text };
}

/** Whether the text carries its own protocol. */
export function isAbsoluteUri(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** A URI as it stands in a script that came from `base` (RFC 3986 section 5.2, without dot segments). */
export function resolveBootUri(base: BootUri, text: string): BootUri | string {
  if (isAbsoluteUri(text)) return parseBootUri(text);
  const authority =
    base.port === DEFAULT_PORT[base.scheme] ? base.host : `${base.host}:${base.port}`;
  const folder = base.path.slice(0, base.path.lastIndexOf("/") + 1);
  const path = text.startsWith("/") ? text : folder + text;
  return parseBootUri(`${base.scheme}://${authority}${path}`);
}
