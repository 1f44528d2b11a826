/** DNS-SD service types (RFC 6763). */
export const AGENT_SERVICE = "_pilotlight._tcp";
export const CONFIG_SERVICE = "_pilotlight-config._tcp";

/** What an agent is doing, as announced and as told in its status. */
export type AgentState = "unconfigured" | "serving" | "degraded";

/** What an agent says of itself on its management interfaces. */
export interface Announcement {
  /** The instance name that it wants; conflicts get " (2)" and so on. */
  readonly name: string;
  readonly board: string;
  readonly version: string;
  /** The key `site:`; undefined when it has none. */
  readonly site: string | undefined;
  readonly state: AgentState;
  /** Of the control protocol. */
  readonly port: number;
  /** Of the identity key. */
  readonly fingerprint: string;
}

/** An agent that was found. Nothing of it is proven: that is what the pinned identity is for. */
export interface FoundAgent extends Announcement {
  /** As announced, after conflict renaming. */
  readonly instance: string;
  /** Texts; link-local IPv6 addresses with their zone: "fe80::1%eth0". IPv4 first. */
  readonly addresses: readonly string[];
  /** The interface that it was heard on; undefined by unicast DNS. */
  readonly interface: string | undefined;
}

/** A configuration server that was found. */
export interface FoundConfigServer {
  readonly instance: string;
  readonly addresses: readonly string[];
  readonly port: number;
  /** Of the URL, with a leading slash. */
  readonly path: string;
  /** Of the operator's key that signs its bundles and holds its TLS certificate, as it claims. */
  readonly fingerprint: string;
  readonly interface: string | undefined;
}

/** What keeps an announcement alive. */
export interface Announcer {
  /** "avahi" or "in process". */
  readonly responder: string;
  /** The instance name in use, which a conflict may have changed. */
  readonly instance: string;
  /** Announces what has changed. */
  update(announcement: Announcement): void;
  /** Says goodbye (TTL 0), and ends. */
  stop(): Promise<void>;
}
