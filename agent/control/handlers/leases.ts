import { formatIpv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { AddressBook } from "../../addresses/address-book.ts";
import type { Lease } from "../../addresses/lease.ts";
import { AgentError } from "../../errors.ts";
import type { LeaseStatus, PoolStatus } from "../messages.ts";
import type { Handlers } from "../verbs.ts";
import { type AgentParts, callerName, isoTime, type RunningSite, theSite } from "./parts.ts";

/** The answer to the largest pool is still no burden to a small board. */
const MOST_LISTED = 10_000;
/** Addresses in a message about several. */
const MOST_NAMED = 5;

/** Who has which address. */
export function leaseHandlers(parts: AgentParts): Pick<Handlers, "leases.list" | "leases.release"> {
  return {
    "leases.list": async () => {
      const running = parts.running();
      const book = running?.addresses;
      if (!book) return { leases: [], pools: [], more: 0 };
      const all = [...book.leases()].sort((a, b) => (a.address >>> 0) - (b.address >>> 0));
      return {
        leases: all.slice(0, MOST_LISTED).map((lease) => leaseStatus(running, book, lease)),
        pools: poolsOf(book, all),
        more: Math.max(0, all.length - MOST_LISTED),
      };
    },
    "leases.release": async ({ lease: what }, { caller }) => {
      const running = theSite(parts);
      const book = running.addresses;
      if (!book) throw new AgentError("E_NOT_FOUND", "this agent gives no addresses");
      const found = meant(running, book, what);
      book.free(found.address);
      const { hostname, mac, ...lease } = leaseStatus(running, book, found);
      parts.journal.note({
        protocol: "dhcp",
        event: `${lease.address} of ${lease.machine ?? hostname ?? mac} is free`,
        decision: `asked for by ${callerName(caller)}`,
        outcome: "noted",
      });
      return leaseStatus(running, book, book.at(found.address) ?? found);
    },
  };
}

/** By what runs now: a pool itself notes only when somebody asks for an address that another one's time is over. */
function poolsOf(book: AddressBook, leases: readonly Lease[]): readonly PoolStatus[] {
  const taken = new Map<string, number>();
  for (const lease of leases) {
    const subnet = book.subnetOf(lease.address);
    if (!subnet || book.leftS(lease) === 0 || !book.pool(subnet).has(lease.address)) continue;
    taken.set(subnet.name, (taken.get(subnet.name) ?? 0) + 1);
  }
  return book.subnets.map((subnet) => {
    const { size } = book.pool(subnet);
    return { network: subnet.name, size, free: size - (taken.get(subnet.name) ?? 0) };
  });
}

function leaseStatus({ planner }: RunningSite, book: AddressBook, lease: Lease): LeaseStatus {
  const { address, mac, id, hostname, reserved, sinceMs, state } = lease;
  const machine = planner.site.machineByMac.get(mac)?.name;
  const leftS = book.leftS(lease);
  return {
    address: formatIpv4(address),
    network: book.subnetOf(address)?.name ?? "",
    mac,
    ...(id === undefined ? {} : { id }),
    ...(machine === undefined ? {} : { machine }),
    ...(hostname === "" ? {} : { hostname }),
    state: leftS > 0 ? state : "over",
    reserved,
    leftS: leftS === Number.POSITIVE_INFINITY ? null : leftS,
    ...(sinceMs > 0 ? { since: isoTime(sinceMs) } : {}),
  };
}

/** The lease that somebody means. Throws E_NOT_FOUND, also when there are several. */
function meant({ planner }: RunningSite, book: AddressBook, what: string): Lease {
  const address = parseIpv4(what);
  const mac = what.toLowerCase().replaceAll("-", ":");
  const { machineByMac } = planner.site;
  const running = [...book.leases()].filter((lease) => book.leftS(lease) > 0);
  // What is more exact comes first: a machine may call itself like another one of the site.
  for (const is of [
    (lease: Lease) => lease.address === address,
    (lease: Lease) => lease.mac === mac,
    (lease: Lease) => machineByMac.get(lease.mac)?.name === what,
    (lease: Lease) => lease.hostname.toLowerCase() === what.toLowerCase(),
  ]) {
    const [one, ...more] = running.filter(is);
    if (one && more.length === 0) return one;
    if (!one) continue;
    const each = [one, ...more].slice(0, MOST_NAMED).map((lease) => formatIpv4(lease.address));
    throw new AgentError("E_NOT_FOUND", `${what} has ${more.length + 1} addresses`, {
      cure: `Say which one: ${each.join(", ")}${more.length < MOST_NAMED ? "" : " …"}.`,
    });
  }
  throw new AgentError("E_NOT_FOUND", `nobody has a lease as ${what}`, {
    cure: "`pilotlight leases` lists those that there are.",
  });
}
