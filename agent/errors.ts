/** The stable codes. */
export type ErrorCode =
  | "E_USAGE"
  | "E_SITE_READ"
  | "E_SITE_INVALID"
  | "E_BOARD_UNKNOWN"
  | "E_INTERFACE"
  | "E_RP_FILTER"
  | "E_PORT_IN_USE"
  | "E_CAPABILITY"
  | "E_NAMESPACE"
  | "E_CAPTURE"
  | "E_ASSET_MISSING"
  | "E_ASSET_READ"
  | "E_ASSET_DIGEST"
  | "E_ASSET_CHANGED"
  | "E_TEMPLATE";

/** What a code means, and what the operator does about it. */
export interface ErrorEntry {
  readonly title: string;
  readonly cure: string;
}

/**
 * Every way in which an operation of the agent can fail for a reason outside its own code, with what the operator
 * does about it. Codes are stable: scripts and monitoring match on them, so a code is never renamed or given
 * another meaning. docs/errors.md has the same table; a test holds the two together.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = {
  E_USAGE: {
    title: "The command line was not understood.",
    cure: "Run the command with --help: it shows every option and an example.",
  },
  E_SITE_READ: {
    title: "The site file could not be read.",
    cure: "Check the path given to --site, and that the user the agent runs as may read it.",
  },
  E_SITE_INVALID: {
    title: "The site file has mistakes.",
    cure: "Mend each place that is listed, then run `pilotlight check` until it is silent.",
  },
  E_BOARD_UNKNOWN: {
    title: "No board has this id.",
    cure: "Give --board one of the listed ids, or leave it out to have the board recognised.",
  },
  E_INTERFACE: {
    title: "The network interface cannot be used.",
    cure: "Check with `ip address` that it is there, is up and has the address that the site gives it.",
  },
  E_RP_FILTER: {
    title: "Strict reverse-path filtering is off on the rack interface.",
    cure: "Set net.ipv4.conf.INTERFACE.rp_filter to 1 and net.ipv4.conf.all.rp_filter to 0 or 1 with sysctl (the larger counts): otherwise packets for the rack that come in by another interface are accepted.",
  },
  E_PORT_IN_USE: {
    title: "Another program holds a port that the agent needs.",
    cure: "Find it with `ss -lunpt`, stop it (dnsmasq, rpcbind, tftpd and inetd are the usual ones), and start the agent again.",
  },
  E_CAPABILITY: {
    title: "The agent lacks a privilege.",
    cure: "Type the command again with `sudo` in front of it, or use the systemd unit, which grants CAP_NET_RAW, CAP_NET_BIND_SERVICE and CAP_NET_ADMIN.",
  },
  E_NAMESPACE: {
    title: "A network namespace could not be made.",
    cure: "Run the lab as root, or allow unprivileged user namespaces; check that `ip` and `unshare` are installed.",
  },
  E_CAPTURE: {
    title: "The capture file could not be read.",
    cure: "Give a pcap or pcapng file; capture it again if it was cut off.",
  },
  E_ASSET_MISSING: {
    title: "A file that the site names as an asset is not there.",
    cure: "Put the file in place or correct its path in the site; paths are relative to the site file.",
  },
  E_ASSET_READ: {
    title: "An asset is there but could not be read.",
    cure: "Check that it is a regular file that the user the agent runs as may read, and that the disk is sound.",
  },
  E_ASSET_DIGEST: {
    title: "An asset is not the one whose digest is pinned or was recorded.",
    cure: "Put the right file back; if the change was meant, pin the new digest in the site (`sha256sum FILE`).",
  },
  E_ASSET_CHANGED: {
    title: "A file changed on disk after it was verified.",
    cure: "Restart the agent to verify and serve the new file; replace files while the agent is stopped.",
  },
  E_TEMPLATE: {
    title: "A template could not be rendered.",
    cure: "Mend the line that is named; a variable that is missing belongs under the machine's vars.",
  },
};

/** What goes with an {@link AgentError} beside its message. */
export interface AgentErrorOptions {
  /** The error or finding that led here, for logs. */
  readonly cause?: unknown;
  /** A cure that fits this case better than the table's. */
  readonly cure?: string;
}

/**
 * An operation failed for a reason that an operator can mend. What peers send is never one of these: that is a
 * `Status`. A bug of ours is not either: that is whatever was thrown.
 */
export class AgentError extends Error {
  override readonly name: string = "AgentError";
  readonly code: ErrorCode;
  /** What to do next, in one sentence. */
  readonly cure: string;

  /** `message`: what failed, with the names, paths and numbers of this case. */
  constructor(code: ErrorCode, message: string, options: AgentErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.cure = options.cure ?? ERRORS[code].cure;
  }
}

/** An error as the commands print it: code and message, then the cure. */
export function formatAgentError(error: AgentError): string {
  return `${error.code}: ${error.message}\n    ${error.cure}`;
}
