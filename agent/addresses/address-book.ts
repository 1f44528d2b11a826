import { type Ipv4, sameNetwork } from "../../protocols/wire/ipv4-address.ts";
import type { MacText } from "../../protocols/wire/mac-address.ts";
import type { Site, Subnet } from "../site/site.ts";
import { type Client, clientOf, FOREVER, type Lease } from "./lease.ts";
import { type Choice, LeaseBook } from "./lease-book.ts";
import { type ClockMark, LeaseClock } from "./lease-clock.ts";
import { ForgottenLeases, type LeaseKeeping } from "./lease-store.ts";
import { Pool } from "./pool.ts";

/** A lease is kept for another length of it after what was promised, and for this long at least, s: an idle rack writes nothing. */
const LEAST_SPARE_S = 600;

/** What the address book of a site is opened with. */
export interface AddressBookInput {
  readonly site: Site;
  readonly leases: LeaseKeeping;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Of the host's clock since 1970, undefined while it cannot be right. */
  readonly wallMs: () => number | undefined;
}

/**
 * All addresses of a site, whichever way they are asked for: RARP, BOOTP and DHCP share it, so that a machine has one address
 * however it asks.
 */
export class AddressBook {
  private site: Site;
  private books: ReadonlyMap<string, LeaseBook> = new Map();
  private readonly clock: LeaseClock;
  private readonly store: LeaseKeeping;
  private readonly wallMs: () => number | undefined;

  /** Takes up the leases of the last run. Throws E_STATE. */
  constructor(input: AddressBookInput) {
    this.site = input.site;
    this.wallMs = input.wallMs;
    this.store = input.leases;
    const { leases, mark } = this.store.read();
    this.clock = new LeaseClock(mark, input.now, input.wallMs);
    this.open(leases);
  }

  /** A book that is forgotten with its process: for replays and rehearsals, which promise nothing to anybody. */
  static forgetful(site: Site, now: () => number): AddressBook {
    return new AddressBook({ site, leases: new ForgottenLeases(), now, wallMs: () => undefined });
  }

  get subnets(): readonly Subnet[] {
    return this.site.network.subnets;
  }

  /** Goes over to another site: leases of addresses that it does not give any more are forgotten. */
  adopt(site: Site): void {
    const leases = [...this.leases()];
    this.site = site;
    this.open(leases);
  }

  /** The subnet that an address is in. */
  subnetOf(address: Ipv4): Subnet | undefined {
    return this.subnets.find((s) => sameNetwork(address, s.prefix, s.mask));
  }

  /** `id`: option 61 in hex digits. */
  client(subnet: Subnet, mac: MacText, id?: string): Client {
    return clientOf(mac, id, subnet.identity);
  }

  /** The address that a client would get there. Nothing changes by asking. `wish`: 0 for none. */
  choose(subnet: Subnet, client: Client, wish: Ipv4): Choice {
    return this.book(subnet).choose(client, wish, this.clock.seconds());
  }

  /** Keeps an address for a client for as long as it may take to answer an offer. */
  offer(subnet: Subnet, client: Client, address: Ipv4): void {
    this.book(subnet).offer(client, address, this.clock.seconds(), this.wallMs() ?? 0);
  }

  mayHave(subnet: Subnet, client: Client, address: Ipv4): boolean {
    return this.book(subnet).mayHave(client, address, this.clock.seconds());
  }

  /** What is known of an address; its lease may be over. */
  at(address: Ipv4): Lease | undefined {
    const subnet = this.subnetOf(address);
    return subnet && this.book(subnet).at(address);
  }

  /** Whether this client has that address now, or had it last. */
  isKnown(subnet: Subnet, client: Client, address: Ipv4): boolean {
    const lease = this.book(subnet).at(address);
    return lease?.key === client.key && lease.state === "bound";
  }

  /** Whether this client has a reservation or a lease there, which may be over. */
  known(subnet: Subnet, client: Client): boolean {
    const book = this.book(subnet);
    return book.reservationOf(client) !== undefined || book.of(client)?.state === "bound";
  }

  /** The address that the site reserves for this client there. */
  reservationOf(subnet: Subnet, client: Client): Ipv4 | undefined {
    return this.book(subnet).reservationOf(client);
  }

  /** Whether a lease runs. */
  runs(lease: Lease): boolean {
    return lease.state === "bound" && lease.endsS > this.clock.seconds();
  }

  /** The seconds that a lease still runs; Infinity for BOOTP, 0 when it is over. */
  leftS(lease: Lease): number {
    return Math.max(0, lease.endsS - this.clock.seconds());
  }

  /**
   * Binds an address. The promise resolves when the lease is durable; nobody is told of it before. Rejects with E_STATE, and
   * then nothing was promised. `lengthS`: FOREVER for BOOTP.
   */
  bind(
    subnet: Subnet,
    client: Client,
    address: Ipv4,
    lengthS: number,
    hostname: string,
  ): Promise<void> {
    const endsS = lengthS === FOREVER ? FOREVER : this.clock.seconds() + lengthS;
    this.book(subnet).bind(client, address, endsS, hostname, this.wallMs() ?? 0);
    return this.store.durable(this.mark);
  }

  release(subnet: Subnet, client: Client, address: Ipv4): boolean {
    return this.book(subnet).release(client, address, this.clock.seconds());
  }

  decline(subnet: Subnet, client: Client, address: Ipv4): boolean {
    return this.book(subnet).decline(client, address, this.clock.seconds());
  }

  /** Somebody answers at an address of the pool that is nobody's. */
  occupied(subnet: Subnet, address: Ipv4): void {
    this.book(subnet).occupied(address, this.clock.seconds());
  }

  /** Takes an address from whoever has it, by the operator's word. */
  free(address: Ipv4): boolean {
    const subnet = this.subnetOf(address);
    return subnet !== undefined && this.book(subnet).free(address, this.clock.seconds());
  }

  /** All leases, of all subnets. */
  *leases(): Iterable<Lease> {
    for (const book of this.books.values()) yield* book.all();
  }

  pool(subnet: Subnet): Pool {
    return this.book(subnet).pool;
  }

  /** Batches written so far, for those who look after the disk. */
  get batches(): number {
    return this.store.batches;
  }

  /** Writes what is left. The database stays open. */
  close(): Promise<void> {
    return this.store.close(this.mark);
  }

  private readonly mark = (): ClockMark => this.clock.mark();

  private open(leases: Iterable<Lease>): void {
    this.books = new Map(this.subnets.map((subnet) => [subnet.name, this.openBook(subnet)]));
    for (const lease of leases) {
      const subnet = this.subnetOf(lease.address);
      const kept = subnet !== undefined && this.book(subnet).restore(lease);
      // The site has changed: what it does not give any more is forgotten.
      if (!kept) this.store.changed(lease.address, undefined, 0);
    }
  }

  private openBook(subnet: Subnet): LeaseBook {
    const { machineByMac, machineByIp, network } = this.site;
    const without = new Set<Ipv4>(machineByIp.keys());
    for (const address of [network.address, subnet.router, ...network.relays, ...subnet.dns]) {
      if (address !== undefined) without.add(address);
    }
    const spareS = Math.max(subnet.leaseS, LEAST_SPARE_S);
    return new LeaseBook({
      pool: new Pool(subnet.pool, without),
      reservation: ({ mac }) => {
        const ip = machineByMac.get(mac)?.ip;
        return ip !== undefined && sameNetwork(ip, subnet.prefix, subnet.mask) ? ip : undefined;
      },
      isReserved: (address) => machineByIp.has(address),
      changed: (address, lease) => this.store.changed(address, lease, spareS),
    });
  }

  private book(subnet: Subnet): LeaseBook {
    const book = this.books.get(subnet.name);
    if (!book) throw new Error(`no address book for ${subnet.name}`);
    return book;
  }
}
