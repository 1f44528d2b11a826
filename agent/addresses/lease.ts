import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { IdentityPolicy } from "../site/site.ts";

/**
 * Seconds of the lease clock, which only goes forward: it counts the time that leases have run, whatever the host's clock
 * says. See `lease-clock.ts`.
 */
export type LeaseSeconds = number;

/** How long a BOOTP client keeps its address: it does not know of leases (RFC 1534 section 2). */
export const FOREVER: LeaseSeconds = Number.POSITIVE_INFINITY;

/**
 * `offered`: nobody was promised anything yet. `bound`: promised. `declined`: a client found somebody else at this address,
 * so it is set aside for a while.
 */
export type LeaseState = "offered" | "bound" | "declined";

/** Who asks for an address. */
export interface Client {
  /** What identifies it by the policy of its network. */
  readonly key: string;
  readonly mac: MacText;
  /** Option 61 in hex digits, its type octet first; undefined: it sends none. */
  readonly id: string | undefined;
}

export function clientOf(mac: MacText, id: string | undefined, policy: IdentityPolicy): Client {
  return { key: policy === "client-id" && id !== undefined ? `id ${id}` : mac, mac, id };
}

/** What one address is used for. */
export interface Lease {
  readonly address: Ipv4;
  readonly key: string;
  readonly mac: MacText;
  readonly id: string | undefined;
  readonly state: LeaseState;
  /** Whether the site gives this address to this machine; else it is of a pool. */
  readonly reserved: boolean;
  /** When it was first bound in a row, for people: milliseconds since 1970 by the host's clock. */
  readonly sinceMs: number;
  readonly endsS: LeaseSeconds;
  /** Option 12, or the machine's name; "" when neither is known. */
  readonly hostname: string;
}
