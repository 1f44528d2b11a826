import { DhcpMessageType } from "../../../protocols/dhcp/options.ts";
import { formatIpv4, type Ipv4, sameNetwork } from "../../../protocols/wire/ipv4-address.ts";
import type { AddressBook } from "../../addresses/address-book.ts";
import { type Client, FOREVER } from "../../addresses/lease.ts";
import type { Subnet } from "../../site/site.ts";

/** What a message says that its answer depends on; outlives the packet. */
export interface AddressQuestion {
  /** Option 53; 0 is BOOTP. */
  readonly type: number;
  readonly client: Client;
  readonly subnet: Subnet;
  readonly ciaddr: Ipv4;
  /** Option 50; 0: not there. */
  readonly requested: Ipv4;
  /** Option 54; 0: not there. */
  readonly server: Ipv4;
  /** Option 80 is there. */
  readonly rapid: boolean;
  /** Option 51: how long a lease the client wishes for, seconds; 0: it does not say. */
  readonly wishS: number;
}

/** What is to be done about it. */
export type AddressDecision =
  /** Keep the address for the client and offer it. */
  | {
      readonly deed: "offer";
      readonly address: Ipv4;
      readonly lengthS: number;
      /** Of a pool and nobody's lease: whether somebody has it without our knowing is to be found out first. */
      readonly fresh: boolean;
      readonly why: string;
    }
  /** Bind the address and, when that is durable, confirm it. */
  | {
      readonly deed: "bind";
      readonly address: Ipv4;
      readonly lengthS: number;
      readonly fresh: boolean;
      readonly why: string;
    }
  /** Tell all but an address. */
  | { readonly deed: "inform"; readonly why: string }
  | { readonly deed: "refuse"; readonly why: string }
  | { readonly deed: "decline" | "release"; readonly address: Ipv4; readonly why: string }
  | { readonly deed: "none"; readonly why: string };

/** Shorter leases than this nobody can wish for, s. */
const SHORTEST_WISH_S = 120;

/**
 * What RFC 2131 section 4.3 makes of a client's message. `ours`: our address, the server identifier.
 *
 * Of an address that we know nothing of we say nothing (section 4.3.2): another server may have given it. Where a network has
 * no record of a client that wants an address of another network, it is told so, since it cannot work where it is.
 */
export function decideAddress(q: AddressQuestion, book: AddressBook, ours: Ipv4): AddressDecision {
  switch (q.type) {
    case 0:
      return bootp(q, book);
    case DhcpMessageType.Discover:
      return discover(q, book);
    case DhcpMessageType.Request:
      return request(q, book, ours);
    case DhcpMessageType.Inform:
      return { deed: "inform", why: "has an address and wants the rest" };
    case DhcpMessageType.Release:
      return giveBack(q, book, ours);
    case DhcpMessageType.Decline:
      return decline(q, book, ours);
    default:
      return { deed: "none", why: "not a message that a client sends" };
  }
}

function bootp(q: AddressQuestion, book: AddressBook): AddressDecision {
  const { subnet, client } = q;
  const choice = book.choose(subnet, client, q.requested);
  if (choice.address === undefined) return { deed: "none", why: choice.why };
  const { address, reserved, why } = choice;
  const words = reserved ? why : `${why}, for ever: BOOTP has no leases`;
  const fresh = !reserved && !book.isKnown(subnet, client, address);
  return { deed: "bind", address, lengthS: FOREVER, fresh, why: words };
}

function discover(q: AddressQuestion, book: AddressBook): AddressDecision {
  const { subnet, client } = q;
  const choice = book.choose(subnet, client, q.requested);
  if (choice.address === undefined) return { deed: "none", why: choice.why };
  const { address, reserved, why } = choice;
  const fresh = !reserved && !book.isKnown(subnet, client, address);
  const deed = q.rapid ? "bind" : "offer";
  return { deed, address, lengthS: lengthOf(q), fresh, why };
}

function request(q: AddressQuestion, book: AddressBook, ours: Ipv4): AddressDecision {
  if (q.server !== 0) return selecting(q, book, ours);
  if (q.ciaddr !== 0) return renewing(q, book);
  return q.requested === 0 ? { deed: "none", why: "asks for no address at all" } : reboot(q, book);
}

/** It takes an offer: ours, or another server's. */
function selecting(q: AddressQuestion, book: AddressBook, ours: Ipv4): AddressDecision {
  if (q.server !== ours) {
    return { deed: "none", why: `took the offer of another server, ${formatIpv4(q.server)}` };
  }
  // Section 4.3.2 wants option 50 here; some firmware puts what it was offered into ciaddr.
  const wanted = q.requested !== 0 ? q.requested : q.ciaddr;
  if (wanted === 0) return { deed: "none", why: "takes our offer, but names no address" };
  return book.mayHave(q.subnet, q.client, wanted)
    ? bind(q, wanted, "it took our offer")
    : refuse(q, book, wanted);
}

/** INIT-REBOOT: it remembers an address and wants to know whether that still holds. */
function reboot(q: AddressQuestion, book: AddressBook): AddressDecision {
  const { subnet, client, requested } = q;
  if (!sameNetwork(requested, subnet.prefix, subnet.mask)) return refuse(q, book, requested);
  if (book.isKnown(subnet, client, requested) && book.mayHave(subnet, client, requested)) {
    return bind(q, requested, "it remembers its lease");
  }
  if (isReservedFor(q, book, requested)) return bind(q, requested, "its reservation");
  if (knows(q, book)) return refuse(q, book, requested);
  return { deed: "none", why: `remembers ${formatIpv4(requested)}, of which we have no record` };
}

/** RENEWING, by unicast, or REBINDING, by broadcast. */
function renewing(q: AddressQuestion, book: AddressBook): AddressDecision {
  const { subnet, client, ciaddr } = q;
  const known = book.isKnown(subnet, client, ciaddr) && book.mayHave(subnet, client, ciaddr);
  if (known || isReservedFor(q, book, ciaddr)) return bind(q, ciaddr, "renews its lease");
  if (!sameNetwork(ciaddr, subnet.prefix, subnet.mask) || knows(q, book)) {
    return refuse(q, book, ciaddr);
  }
  return { deed: "none", why: `renews ${formatIpv4(ciaddr)}, of which we have no record` };
}

function giveBack(q: AddressQuestion, book: AddressBook, ours: Ipv4): AddressDecision {
  if (q.server !== 0 && q.server !== ours) {
    return {
      deed: "none",
      why: `gives an address back to another server, ${formatIpv4(q.server)}`,
    };
  }
  const address = q.ciaddr;
  if (!book.isKnown(q.subnet, q.client, address)) {
    return {
      deed: "none",
      why: `gives ${formatIpv4(address)} back, which it does not have from us`,
    };
  }
  return { deed: "release", address, why: `gave ${formatIpv4(address)} back` };
}

function decline(q: AddressQuestion, book: AddressBook, ours: Ipv4): AddressDecision {
  if (q.server !== 0 && q.server !== ours) {
    return { deed: "none", why: `declines what another server gave, ${formatIpv4(q.server)}` };
  }
  const address = q.requested !== 0 ? q.requested : q.ciaddr;
  const where = formatIpv4(address);
  if (isReservedFor(q, book, address)) {
    const why = `says that somebody else uses ${where}: look for a second host with that address`;
    return { deed: "none", why };
  }
  const lease = book.at(address);
  if (!lease || lease.key !== q.client.key) {
    return { deed: "none", why: `declines ${where}, which it does not have from us` };
  }
  const why = `found somebody else at ${where}: the address is set aside for an hour`;
  return { deed: "decline", address, why };
}

function bind(q: AddressQuestion, address: Ipv4, why: string): AddressDecision {
  return { deed: "bind", address, lengthS: lengthOf(q), fresh: false, why };
}

function refuse(q: AddressQuestion, book: AddressBook, wanted: Ipv4): AddressDecision {
  const { subnet, client } = q;
  const elsewhere = !sameNetwork(wanted, subnet.prefix, subnet.mask);
  const { address } = book.choose(subnet, client, 0);
  const its = address === undefined ? "" : `; it may have ${formatIpv4(address)}`;
  const why = elsewhere ? ", which is of another network" : ", which is not its own";
  return { deed: "refuse", why: `wants ${formatIpv4(wanted)}${why}${its}` };
}

/** Whether we have a record of this client in this network. */
function knows(q: AddressQuestion, book: AddressBook): boolean {
  return book.known(q.subnet, q.client);
}

function isReservedFor(q: AddressQuestion, book: AddressBook, address: Ipv4): boolean {
  return book.reservationOf(q.subnet, q.client) === address;
}

/** What the client wishes for, where that is less than we give. */
function lengthOf({ subnet, wishS }: AddressQuestion): number {
  if (wishS === 0) return subnet.leaseS;
  return Math.min(subnet.leaseS, Math.max(wishS, SHORTEST_WISH_S));
}
