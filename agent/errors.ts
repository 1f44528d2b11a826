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
  | "E_ASSET_DAMAGED"
  | "E_ASSET_PENDING"
  | "E_TREATMENT"
  | "E_TREE_IMAGE"
  | "E_CHECKSUMS"
  | "E_STORE_UNREACHABLE"
  | "E_STORE_REFUSED"
  | "E_STORE_MISSING"
  | "E_STORE_BROKEN"
  | "E_STORE_TLS"
  | "E_CLOCK"
  | "E_SECRET"
  | "E_STATE"
  | "E_CACHE"
  | "E_CACHE_FULL"
  | "E_TEMPLATE"
  | "E_KEY"
  | "E_TRUST"
  | "E_CLAIM"
  | "E_BUNDLE"
  | "E_BUNDLE_REFUSED"
  | "E_CONFIG"
  | "E_PROTOCOL"
  | "E_FORBIDDEN"
  | "E_NOT_FOUND"
  | "E_BUSY"
  | "E_UNREACHABLE"
  | "E_IDENTITY"
  | "E_DISCOVERY"
  | "E_BUG";

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
    cure: "Check the path of the site file, and that the user the command runs as may read it.",
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
    cure: "Find it with `ss -lunpt`, stop it (dnsmasq, tftpd, mountd and inetd are the usual ones; rpcbind may stay), and start the agent again.",
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
  E_ASSET_DAMAGED: {
    title: "A file in the cache is damaged.",
    cure: "Nothing of it is served; it is fetched again as soon as a store has it. If it happens again, the disk is failing.",
  },
  E_ASSET_PENDING: {
    title: "An asset is not in the cache yet.",
    cure: "Wait for it to be fetched (`pilotlight cache status` shows how far it is); the machine asks again by itself.",
  },
  E_TREATMENT: {
    title: "An asset was fetched, but could not be unpacked as the site says.",
    cure: "Correct `extract` or `decompress` of the asset; the message says what is in the archive.",
  },
  E_TREE_IMAGE: {
    title: "An image cannot be served as a root.",
    cure: "Make it a tar or cpio archive that is not compressed, or set `decompress` of the asset; the message says what is wrong with this one.",
  },
  E_CHECKSUMS: {
    title: "The published digest of an asset could not be had or is not to be trusted.",
    cure: "Check the `checksums` of the asset: address, entry and key. Nothing is fetched until the list is good.",
  },
  E_STORE_UNREACHABLE: {
    title: "A store did not answer.",
    cure: "Check the uplink, the name service and the address of the store; it is tried again by itself, and what is cached goes on being served.",
  },
  E_STORE_REFUSED: {
    title: "A store refused our credentials, or wants some.",
    cure: "Check the entry of the store under `stores`, and what its secrets refer to.",
  },
  E_STORE_MISSING: {
    title: "A store does not have the object.",
    cure: "Correct the address of the asset, or put the object into the store (`pilotlight cache push`).",
  },
  E_STORE_BROKEN: {
    title: "A store gave something else than it announced.",
    cure: "Look at the store and at proxies on the way to it; it is tried again by itself.",
  },
  E_STORE_TLS: {
    title: "The certificate of a store is not trusted.",
    cure: "If it has a private authority, name that authority's certificate as `ca` of the store under `stores`.",
  },
  E_CLOCK: {
    title: "The host's clock is wrong, so certificates cannot be checked.",
    cure: "Set the clock (`timedatectl`, or a time server that is reached without TLS); the agent never sets it. What is cached goes on being served.",
  },
  E_SECRET: {
    title: "A credential that the site refers to is not there.",
    cure: "Set the variable in the agent's environment, or put the file in place, readable by the agent's user alone.",
  },
  E_STATE: {
    title: "The agent's records cannot be used.",
    cure: "Check that the state folder is there, is on a sound disk and belongs to the user the agent runs as.",
  },
  E_CACHE: {
    title: "The cache cannot be used.",
    cure: "Check that the state folder is there, is on a sound disk and belongs to the user the agent runs as.",
  },
  E_CACHE_FULL: {
    title: "There is no room for an asset.",
    cure: "Free space on the disk, raise `cache.size` in the site, or take assets out of it; `pilotlight cache ls` shows what is large.",
  },
  E_TEMPLATE: {
    title: "A template could not be rendered.",
    cure: "Mend the line that is named; a variable that is missing belongs under the machine's vars.",
  },
  E_KEY: {
    title: "An operator's key cannot be used.",
    cure: "Make one with `pilotlight keygen`, or name another with --key.",
  },
  E_TRUST: {
    title: "The list of trusted operators cannot be changed like this.",
    cure: "Look at `pilotlight trust list AGENT`; on the agent's own host `pilotlight trust` works without a key.",
  },
  E_CLAIM: {
    title: "The agent could not be claimed.",
    cure: "Read the code anew from the agent's console or log; where somebody has claimed it already, ask them for `pilotlight trust add`.",
  },
  E_BUNDLE: {
    title: "This is not a configuration bundle.",
    cure: "Make it with `pilotlight push` or `pilotlight publish`, and copy it as a whole.",
  },
  E_BUNDLE_REFUSED: {
    title: "A configuration bundle is not accepted.",
    cure: "The message says which rule forbids it: who signed it, for whom, which serial number, and when.",
  },
  E_CONFIG: {
    title: "A configuration could not be applied.",
    cure: "The one before it is served on. Mend what the message names, then push again.",
  },
  E_PROTOCOL: {
    title: "A message of the control protocol is not well-formed.",
    cure: "Use a version of `pilotlight` that speaks the agent's protocol version; docs/control.md has the form of every message.",
  },
  E_FORBIDDEN: {
    title: "The agent does not do this for whoever asks.",
    cure: "Sign the request with a key that the agent trusts (`pilotlight trust list AGENT`), over https where the message says so.",
  },
  E_NOT_FOUND: {
    title: "The agent does not have what was asked for.",
    cure: "The message says what there is.",
  },
  E_BUSY: {
    title: "The agent has too much to do to take this now.",
    cure: "Try again in a few seconds.",
  },
  E_UNREACHABLE: {
    title: "An agent could not be reached.",
    cure: "Check that it is on and on this network: `pilotlight discover`; then its address and port.",
  },
  E_IDENTITY: {
    title: "An agent has another identity key than when it was first met.",
    cure: "Do not trust it before you know why. If it was flashed anew, forget the old key: `pilotlight trust forget AGENT`.",
  },
  E_DISCOVERY: {
    title: "Nothing can be announced or found by mDNS here.",
    cure: "Check that the interface is up and does multicast, and that a firewall lets UDP port 5353 through.",
  },
  E_BUG: {
    title: "The agent met a mistake of its own.",
    cure: "Its log says more; please report those lines.",
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
