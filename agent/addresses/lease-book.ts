import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Client, Lease, LeaseSeconds } from "./lease.ts";
import type { Pool, PoolState } from "./pool.ts";

/** An offer is kept for this long, s: a client answers within seconds, one behind a slow relay within a few more. */
export const OFFER_S = 30;
/** A client that is flooded with offers takes one at once: an older offer gives way when the pool has no other address, s. */
const OFFER_FLOOR_S = 4;
/** An address at which a client found somebody else is not tried again for this long, s. */
export const DECLINED_S: number = 3600;

/** What a subnet's book is opened with. */
export interface LeaseBookInput {
  readonly pool: Pool;
  /** The address that the site reserves for a machine within this subnet. */
  readonly reservation: (client: Client) => Ipv4 | undefined;
  /** Whether the site reserves an address for somebody. */
  readonly isReserved: (address: Ipv4) => boolean;
  /** Told of each lease or offer that changed, and of those that are no more: what is kept on disk follows. */
  readonly changed: (address: Ipv4, lease: Lease | undefined) => void;
}

/** What changes of a lease while its client has the address. */
type Use = Pick<Lease, "state" | "sinceMs" | "endsS" | "hostname">;
/** A lease as the book keeps it: who holds one sees it change. */
type Kept = Omit<Lease, keyof Use> & { -readonly [K in keyof Use]: Use[K] };

/** Which address a client would get. */
export type Choice =
  | { readonly address: Ipv4; readonly reserved: boolean; readonly why: string }
  | { readonly address: undefined; readonly why: string };

/**
 * Who has which address of one subnet. All operations take constant time; time is an argument.
 *
 * A client that is new by its key, but was here with the same card or the same identifier, gets the address of that lease
 * again once it is over: a replaced card keeps its address, and of two machines with one disk image none gets that of the other.
 */
export class LeaseBook {
  private readonly o: LeaseBookInput;
  private readonly leases = new Map<Ipv4, Kept>();
  private readonly byKey = new Map<string, Ipv4>();
  /** The address that a card, or an identifier, had last. */
  private readonly byMac = new Map<MacText, Ipv4>();
  private readonly byId = new Map<string, Ipv4>();

  constructor(input: LeaseBookInput) {
    this.o = input;
  }

  get pool(): Pool {
    return this.o.pool;
  }

  /** Takes up a lease of the last run. One whose address the pool or the site does not have any more is forgotten. */
  restore(lease: Lease): boolean {
    const { address } = lease;
    if (!this.o.pool.has(address) && !this.o.isReserved(address)) return false;
    this.enter(lease);
    return true;
  }

  /** All leases, in no particular order. */
  all(): Iterable<Lease> {
    return this.leases.values();
  }

  at(address: Ipv4): Lease | undefined {
    return this.leases.get(address);
  }

  /** The address that the site reserves for a client in this subnet. */
  reservationOf(client: Client): Ipv4 | undefined {
    return this.o.reservation(client);
  }

  /** What this client has or had; the lease may be over. */
  of(client: Client): Lease | undefined {
    const address = this.byKey.get(client.key);
    return address === undefined ? undefined : this.leases.get(address);
  }

  /**
   * The address that a client would get: its reservation, what it has, what it had, what it wishes for, or another free one.
   * Nothing changes by asking.
   */
  choose(client: Client, wish: Ipv4, nowS: LeaseSeconds): Choice {
    const reserved = this.o.reservation(client);
    if (reserved !== undefined) {
      return { address: reserved, reserved: true, why: "its reservation" };
    }
    const own = this.of(client);
    if (own && this.o.pool.has(own.address)) {
      const now = own.state === "bound" ? "its lease" : "what it was offered";
      const why = own.endsS > nowS ? now : "what it had before";
      return { address: own.address, reserved: false, why };
    }
    const hinted = this.hinted(client, nowS);
    if (hinted !== undefined) {
      return { address: hinted, reserved: false, why: "what it had before by another name" };
    }
    this.sweep(nowS);
    if (wish !== 0 && this.o.pool.stateOf(wish) === "free") {
      return { address: wish, reserved: false, why: "what it asked for" };
    }
    const free = this.o.pool.longestFree() ?? this.oldOffer(nowS);
    if (free === undefined) {
      const { size } = this.o.pool;
      const why =
        size === 0 ? "there is no pool for it" : `all ${size} addresses of the pool are taken`;
      return { address: undefined, why };
    }
    return { address: free, reserved: false, why: "a free address of the pool" };
  }

  /** Whether `address` may be given to this client now. */
  mayHave(client: Client, address: Ipv4, nowS: LeaseSeconds): boolean {
    const reserved = this.o.reservation(client);
    if (reserved !== undefined) return address === reserved;
    if (this.o.isReserved(address) || !this.o.pool.has(address)) return false;
    const lease = this.leases.get(address);
    return (
      !lease || lease.endsS <= nowS || (lease.state !== "declined" && lease.key === client.key)
    );
  }

  /** Keeps an address for a client that was offered it. What is bound already stays bound. */
  offer(client: Client, address: Ipv4, nowS: LeaseSeconds, wallMs: number): void {
    const lease = this.leases.get(address);
    if (lease?.state === "bound" && lease.endsS > nowS && lease.key === client.key) return;
    const offer = this.put(client, address, lease, {
      state: "offered",
      sinceMs: wallMs,
      endsS: nowS + OFFER_S,
      hostname: "",
    });
    this.o.changed(address, offer);
  }

  /** Binds an address to a client. The lease is promised only once it is durable. */
  bind(
    client: Client,
    address: Ipv4,
    endsS: LeaseSeconds,
    hostname: string,
    wallMs: number,
  ): Lease {
    const before = this.leases.get(address);
    const goesOn = before?.state === "bound" && before.key === client.key;
    const sinceMs = goesOn ? before.sinceMs : wallMs;
    const lease = this.put(client, address, before, { state: "bound", sinceMs, endsS, hostname });
    this.o.changed(address, lease);
    return lease;
  }

  /**
   * Enters what an address is used for. A client that was there before keeps its entry, in which that changes: renewals make no
   * work for the collector, however many leases there are.
   */
  private put(client: Client, address: Ipv4, before: Kept | undefined, use: Use): Lease {
    const { key, mac, id } = client;
    const stays =
      before !== undefined &&
      before.state !== "declined" &&
      before.key === key &&
      before.mac === mac &&
      before.id === id &&
      this.byKey.get(key) === address;
    if (!stays) {
      const { state, sinceMs, endsS, hostname } = use;
      const reserved = this.o.isReserved(address);
      const lease = { address, key, mac, id, state, reserved, sinceMs, endsS, hostname };
      this.replace(lease, before);
      return lease;
    }
    before.state = use.state;
    before.sinceMs = use.sinceMs;
    before.endsS = use.endsS;
    before.hostname = use.hostname;
    this.enter(before);
    return before;
  }

  /** A client found somebody else at its address. False: it did not have that address, so its word counts for nothing. */
  decline(client: Client, address: Ipv4, nowS: LeaseSeconds): boolean {
    const lease = this.leases.get(address);
    if (!lease || lease.key !== client.key || lease.state === "declined") return false;
    this.setAside(lease, nowS);
    return true;
  }

  /** Somebody answers at an address that is nobody's lease: it is not given to anybody for a while. */
  occupied(address: Ipv4, nowS: LeaseSeconds): void {
    if (!this.o.pool.has(address)) return;
    const lease = this.leases.get(address);
    if (lease?.state === "bound" && lease.endsS > nowS) return;
    this.setAside(lease ?? nobodyAt(address), nowS);
  }

  /** A client gives its address back. False: it did not have it. */
  release(client: Client, address: Ipv4, nowS: LeaseSeconds): boolean {
    const lease = this.leases.get(address);
    if (!lease || lease.key !== client.key || lease.state !== "bound") return false;
    this.end(lease, nowS);
    return true;
  }

  /** Takes an address from whoever has it, by the operator's word. */
  free(address: Ipv4, nowS: LeaseSeconds): boolean {
    const lease = this.leases.get(address);
    if (!lease) return false;
    this.end(lease, nowS);
    return true;
  }

  /** The lease is over; its client is remembered until somebody else gets the address. */
  private end(lease: Lease, nowS: LeaseSeconds): void {
    const over: Lease = { ...lease, state: "bound", endsS: nowS };
    this.leases.set(lease.address, over);
    this.o.pool.put(lease.address, "free", nowS);
    this.o.changed(lease.address, undefined);
  }

  private setAside(lease: Lease, nowS: LeaseSeconds): void {
    this.forget(lease);
    const aside: Lease = { ...lease, state: "declined", endsS: nowS + DECLINED_S };
    this.leases.set(lease.address, aside);
    this.o.pool.put(lease.address, "declined", aside.endsS);
    this.o.changed(lease.address, aside);
  }

  /** Puts what is over back to the free addresses: constant time for each that was put there before. */
  private sweep(nowS: LeaseSeconds): void {
    for (const state of ["offered", "bound", "declined"] as const) this.sweepQueue(state, nowS);
  }

  private sweepQueue(state: Exclude<PoolState, "free">, nowS: LeaseSeconds): void {
    const { pool } = this.o;
    for (;;) {
      const address = pool.firstOver(state, nowS);
      if (address === undefined) return;
      pool.put(address, "free", nowS);
      if (state !== "bound") this.drop(address);
      this.o.changed(address, undefined);
    }
  }

  private oldOffer(nowS: LeaseSeconds): Ipv4 | undefined {
    const address = this.o.pool.firstOffered();
    const lease = address === undefined ? undefined : this.leases.get(address);
    return lease && lease.endsS - OFFER_S + OFFER_FLOOR_S <= nowS ? address : undefined;
  }

  private replace(lease: Lease, before: Lease | undefined): void {
    if (before) this.forget(before);
    const other = this.of(lease);
    // A client has one address: what it was offered or had in another place goes back.
    if (other && other.address !== lease.address) this.giveBack(other);
    this.enter(lease);
  }

  private giveBack(lease: Lease): void {
    this.drop(lease.address);
    this.o.pool.put(lease.address, "free", 0);
    this.o.changed(lease.address, undefined);
  }

  private enter(lease: Lease): void {
    const { address, key, mac, id, state, endsS } = lease;
    this.leases.set(address, lease);
    this.o.pool.put(address, state, endsS);
    if (state === "declined") return;
    this.byKey.set(key, address);
    this.byMac.set(mac, address);
    if (id !== undefined) this.byId.set(id, address);
  }

  private drop(address: Ipv4): void {
    const lease = this.leases.get(address);
    if (lease) this.forget(lease);
    this.leases.delete(address);
  }

  /** Takes the ways to a lease away. */
  private forget({ address, key, mac, id }: Lease): void {
    if (this.byKey.get(key) === address) this.byKey.delete(key);
    if (this.byMac.get(mac) === address) this.byMac.delete(mac);
    if (id !== undefined && this.byId.get(id) === address) this.byId.delete(id);
  }

  /** A free address that was last that of the same card or identifier. */
  private hinted({ mac, id }: Client, nowS: LeaseSeconds): Ipv4 | undefined {
    const own = this.freeAt(this.byMac.get(mac), nowS);
    return own ?? (id === undefined ? undefined : this.freeAt(this.byId.get(id), nowS));
  }

  private freeAt(address: Ipv4 | undefined, nowS: LeaseSeconds): Ipv4 | undefined {
    const lease = address === undefined ? undefined : this.leases.get(address);
    const free = lease && lease.endsS <= nowS && this.o.pool.has(lease.address);
    return free ? lease.address : undefined;
  }
}

function nobodyAt(address: Ipv4): Lease {
  return {
    address,
    key: "",
    mac: "",
    id: undefined,
    state: "declined",
    reserved: false,
    sinceMs: 0,
    endsS: 0,
    hostname: "",
  };
}
