/** What is known of one version of an object in a store; a store fills in what it can. */
export interface ObjectVersion {
  /** Octets of the whole object. */
  readonly size?: number;
  /** HTTP's ETag as sent, quotes and W/ included; of other stores whatever changes with the octets. */
  readonly etag?: string;
  /** As HTTP sends it. */
  readonly lastModified?: string;
  /** SHA-256 in hex where the store itself names objects by it (OCI). */
  readonly sha256?: string;
  /** Milliseconds since 1970. */
  readonly mtimeMs?: number;
  /** What the object is called, where its name tells what it is ("ipxe.efi"). */
  readonly fileName?: string;
}

/** What a store answers when it is asked whether it still has the version that we have. */
export type Probe =
  | { readonly changed: false }
  | { readonly changed: true; readonly version: ObjectVersion };

export interface OpenRequest {
  /** First octet wanted: above 0 to go on where an earlier transfer ended. */
  readonly from: number;
  /** The version that the octets before `from` belong to. */
  readonly version?: ObjectVersion;
  /** Ends the transfer; its reader then gets the signal's reason. */
  readonly signal: AbortSignal;
  /**
   * Called with octets that the store sent and that do not show in `octets`, before or after the object's own: an image that is
   * searched for a file can take minutes, and its store is alive meanwhile. May be called often.
   */
  readonly heard?: (octets: number) => void;
}

export interface OpenObject {
  /** Where `octets` begin: the `from` that was asked for, or 0 when the store cannot go on there or has another version by now. */
  readonly from: number;
  readonly version: ObjectVersion;
  /**
   * The octets as they come, in pieces of any length. Ends exactly at the object's end: what ends before throws E_STORE_BROKEN.
   */
  readonly octets: AsyncIterable<Uint8Array>;
  /** False: each piece is memory that nobody else looks at again, so its reader may give it back. Absent: it is only lent. */
  readonly lent?: boolean;
}

/**
 * One object in one store. A mirror is a second Source of the same asset.
 *
 * Both methods reject with AgentError (E_STORE_UNREACHABLE, E_STORE_REFUSED, E_STORE_MISSING, E_STORE_BROKEN, E_STORE_TLS,
 * E_CLOCK, E_SECRET), or with the signal's reason. They do not retry: who asks decides that.
 */
export interface Source {
  /** The same text for the same object, across restarts, without credentials: what partial transfers are kept under. */
  readonly id: string;
  /** In words, for journals and errors: "https://cdn.netbsd.org/…/ofwboot.net". No credentials. */
  readonly label: string;
  /** Whether it lies on this host, so that no uplink is needed. */
  readonly local: boolean;
  /** Asks without fetching the octets. Without `known` it always says changed. */
  probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe>;
  open(request: OpenRequest): Promise<OpenObject>;
}
