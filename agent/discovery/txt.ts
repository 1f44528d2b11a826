import type { FoundService } from "./mdns/browser.ts";
import { cutTo } from "./mdns/names.ts";
import { writeTxt } from "./mdns/txt-strings.ts";
import type { AgentState, Announcement, FoundAgent, FoundConfigServer } from "./services.ts";

/** Version of these keys. */
const TXT_VERSION = "1";
/** Version of the control protocol. */
const PROTOCOL = "1";
/** Octets of a value: nothing of it may be cut, or it is for people only. */
const MAX_VALUE_LEN = 63;
const FINGERPRINT = /^[a-z2-7]{52}$/;
const STATES: readonly AgentState[] = ["unconfigured", "serving", "degraded"];
const MAX_PORT = 0xffff;

/** What an agent says of itself (docs/protocols/mdns.md has the keys). */
export function agentTxt(a: Announcement): readonly Uint8Array[] {
  return writeTxt([
    ["txtvers", TXT_VERSION],
    ["id", a.fingerprint],
    ["state", a.state],
    ["proto", PROTOCOL],
    ["board", short(a.board)],
    ["ver", short(a.version)],
    ...(a.site === undefined ? [] : ([["site", short(a.site)]] as const)),
  ]);
}

/** What an operator's tool says that gives configuration away. */
export interface ConfigAnnouncement {
  /** The instance name that it wants. */
  readonly name: string;
  readonly port: number;
  /** Of the URL, with a leading slash; at most 200 octets. */
  readonly path: string;
  /** Of the operator's key. */
  readonly fingerprint: string;
}

export function configTxt(a: ConfigAnnouncement): readonly Uint8Array[] {
  return writeTxt([
    ["txtvers", TXT_VERSION],
    ["id", a.fingerprint],
    ["path", a.path],
  ]);
}

/** The agent that a service instance is; undefined when what it says of itself is not that of an agent. */
export function agentOf(service: FoundService): FoundAgent | undefined {
  const { instance, port, txt, addresses } = service;
  const fingerprint = txt.get("id") ?? "";
  const state = STATES.find((s) => s === txt.get("state"));
  if (!FINGERPRINT.test(fingerprint) || state === undefined || !isPort(port)) return;
  if (addresses.length === 0) return;
  return {
    name: instance,
    instance,
    board: short(txt.get("board") ?? ""),
    version: short(txt.get("ver") ?? ""),
    site: txt.has("site") ? short(txt.get("site") ?? "") : undefined,
    state,
    port,
    fingerprint,
    addresses,
    interface: service.interface,
  };
}

/** The configuration server that a service instance is; undefined when what it says of itself is not that of one. */
export function configServerOf(service: FoundService): FoundConfigServer | undefined {
  const { instance, port, txt, addresses } = service;
  const fingerprint = txt.get("id") ?? "";
  const path = txt.get("path") ?? "/";
  if (!FINGERPRINT.test(fingerprint) || !isPort(port) || addresses.length === 0) return;
  // Only what a path is made of (RFC 3986 section 3.3): nothing of it may reach the host or the query.
  if (!/^\/[\w\-.~!$&'()*+,;=:@%/]{0,200}$/.test(path) || path.startsWith("//")) return;
  return { instance, addresses, port, path, fingerprint, interface: service.interface };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= MAX_PORT;
}

function short(text: string): string {
  return cutTo(text, MAX_VALUE_LEN);
}
