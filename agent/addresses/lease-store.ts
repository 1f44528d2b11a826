import { hexIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Database, Table } from "../state/database.ts";
import type { Lease, LeaseSeconds } from "./lease.ts";
import { type ClockMark, isApart } from "./lease-clock.ts";

const LEASES_TABLE = "dhcp.leases";
const CLOCK_TABLE = "dhcp.clock";
const CLOCK_KEY = "mark";
/** The mark of the clock is written with a batch when the last one is older than this, or leads astray, s. */
const MARK_AGE_S = 300;
/** Names and identifiers that changed wait for so long for a batch, s. */
const DETAILS_AGE_S = 600;
/** Offers that a batch takes along at the most: a flood of DISCOVERs must not fill the disk. */
const MAX_OFFERS = 32;
/** Infinity has no place among plain numbers. */
const FOREVER_S = -1;

/** A lease as it is kept. `mac`, `id` and so on: as in `Lease`. */
interface LeaseRecord {
  readonly address: number;
  readonly key: string;
  readonly mac: string;
  readonly id?: string;
  readonly state: "bound" | "declined";
  readonly reserved: boolean;
  readonly sinceMs: number;
  /** Until when the address may be promised to this client: never earlier than what the client was told. */
  readonly endsS: number;
  readonly hostname: string;
}

/** What was kept of the last run. */
export interface KeptLeases {
  readonly leases: readonly Lease[];
  readonly mark: ClockMark | undefined;
}

/** Where leases are kept. */
export interface LeaseKeeping {
  read(): KeptLeases;
  /** A lease changed, or is no more. `spareS`: for how much longer than promised it is kept. */
  changed(address: Ipv4, lease: Lease | undefined, spareS: LeaseSeconds): void;
  /** Resolves when every lease that was bound so far is durable. `mark`: of the lease clock when it is written. */
  durable(mark: () => ClockMark): Promise<void>;
  /** Writes what is left. */
  close(mark: () => ClockMark): Promise<void>;
  /** Batches written so far. */
  readonly batches: number;
}

/** Forgets everything with the process: for replays, which promise nothing to anybody. */
export class ForgottenLeases implements LeaseKeeping {
  readonly batches: number = 0;

  read(): KeptLeases {
    return { leases: [], mark: undefined };
  }

  changed(): void {}

  durable(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Leases on disk. A lease that is `durable` is not lost, whatever happens to the power.
 *
 * Everything that changes while a batch is being written goes into the next one, so that a rack that wakes up costs a few
 * writes and not one for each machine. More is gentle to an SD card: a lease is kept for longer than it was promised, so that
 * most renewals have been promised already, and those of a rack that will not be the next time go with one batch; offers go with the batch of another machine, so that many a REQUEST costs no write;
 * and what nobody was promised (a lease that was given back, another host name) waits for a batch, or for the end.
 */
export class LeaseStore implements LeaseKeeping {
  batches = 0;
  private readonly database: Database;
  private readonly leases: Table<LeaseRecord>;
  private readonly clock: Table<ClockMark>;
  private pending = new Map<Ipv4, LeaseRecord | undefined>();
  /** What is being written. */
  private flying: ReadonlyMap<Ipv4, LeaseRecord | undefined> = new Map();
  /** As they will be once they are taken, in the order in which they were made. */
  private readonly offers = new Map<Ipv4, Offer>();
  /** What is promised by another record already, with the details of today. */
  private readonly details = new Map<Ipv4, LeaseRecord>();
  private detailsAtS: LeaseSeconds = 0;
  /** What is promised by another record still, but not when it is renewed the next time. */
  private readonly soon = new Map<Ipv4, LeaseRecord>();
  private kept: ClockMark | undefined;
  private urgent = false;
  private writing: Promise<void> | undefined;
  /** The batch after that. */
  private following: Promise<void> | undefined;

  constructor(database: Database) {
    this.database = database;
    this.leases = database.table<LeaseRecord>(LEASES_TABLE);
    this.clock = database.table<ClockMark>(CLOCK_TABLE);
  }

  /** Throws E_STATE. */
  read(): KeptLeases {
    const leases: Lease[] = [];
    for (const { value } of this.leases.getRange()) leases.push(leaseOf(value));
    this.kept = this.clock.get(CLOCK_KEY);
    return { leases, mark: this.kept };
  }

  changed(address: Ipv4, lease: Lease | undefined, spareS: LeaseSeconds): void {
    this.offers.delete(address);
    this.details.delete(address);
    this.soon.delete(address);
    if (!lease) {
      if (this.newest(address)) this.pending.set(address, undefined);
      return;
    }
    if (lease.state === "offered") {
      this.offered(lease, spareS);
      return;
    }
    const record = recordOf(lease, spareS);
    const newest = this.newest(address);
    if (lease.state === "bound" && promises(newest, lease)) {
      if (spareOf(newest, lease) < spareS / 2) this.soon.set(address, record);
      else if (!sameDetails(newest, record)) this.details.set(address, record);
      return;
    }
    this.pending.set(address, record);
    if (lease.state === "bound") this.urgent = true;
  }

  /**
   * Rejects with E_STATE when the disk does not take it. Waits for one batch and not for those after it: while machines keep
   * asking there is always another one.
   */
  durable(mark: () => ClockMark): Promise<void> {
    if (this.kept && isApart(this.kept, mark())) this.urgent = true;
    // What is being written now does not hold what came after it began.
    if (this.urgent) return this.nextBatch(mark);
    return this.writing ?? Promise.resolve();
  }

  async close(mark: () => ClockMark): Promise<void> {
    this.offers.clear();
    this.detailsAtS = Number.NEGATIVE_INFINITY;
    if (this.pending.size + this.details.size + this.soon.size > 0) this.urgent = true;
    await this.durable(mark);
  }

  /** What is on disk of an address, or on its way. */
  private newest(address: Ipv4): LeaseRecord | undefined {
    const map = [this.pending, this.flying].find((m) => m.has(address));
    return map ? map.get(address) : this.leases.get(hexIpv4(address));
  }

  private offered(offer: Lease, spareS: LeaseSeconds): void {
    // A lease begins before its offer is over; from then on it is kept as others are.
    const record = recordOf({ ...offer, state: "bound" }, 2 * spareS);
    this.offers.set(offer.address, { record, overS: offer.endsS });
    if (this.offers.size <= MAX_OFFERS) return;
    for (const oldest of this.offers.keys()) {
      this.offers.delete(oldest);
      return;
    }
  }

  /** The batch that takes along all that is pending; it begins when the one before it is written. */
  private nextBatch(mark: () => ClockMark): Promise<void> {
    this.following ??= this.follow(this.writing, mark);
    return this.following;
  }

  private async follow(before: Promise<void> | undefined, mark: () => ClockMark): Promise<void> {
    // Who waits for that before is told of its fault. Whatever else arrives in this turn of the event loop belongs to the same batch.
    await before?.catch(() => undefined);
    let batch: Batch | undefined;
    try {
      await this.database.transaction(() => {
        // Only now, since the disk takes its time until it listens: who came meanwhile goes along.
        batch = this.takeBatch(mark());
        this.writing = this.following;
        this.following = undefined;
        this.flying = batch.records;
        this.put(batch);
      });
      if (batch?.mark) this.kept = batch.mark;
      this.batches += 1;
    } catch (error) {
      // Nothing was promised. It is tried again with the next lease.
      for (const [address, record] of batch?.records ?? []) {
        if (!this.pending.has(address)) this.pending.set(address, record);
      }
      if (!batch) this.following = undefined;
      this.urgent = true;
      throw error;
    } finally {
      this.writing = undefined;
      this.flying = new Map();
    }
  }

  private put({ records, mark }: Batch): void {
    for (const [address, record] of records) {
      const key = hexIpv4(address);
      if (record) this.leases.putSync(key, record);
      else this.leases.removeSync(key);
    }
    if (mark) this.clock.putSync(CLOCK_KEY, mark);
  }

  /** All that goes into a batch now. */
  private takeBatch(now: ClockMark): Batch {
    const { kept, pending: batch } = this;
    const { leaseS: nowS } = now;
    this.pending = new Map();
    this.urgent = false;
    if (nowS - this.detailsAtS > DETAILS_AGE_S) {
      for (const [address, record] of this.details) batch.set(address, record);
      this.details.clear();
      this.detailsAtS = nowS;
    }
    for (const [address, { record, overS }] of this.offers) {
      if (overS > nowS) batch.set(address, record);
    }
    this.offers.clear();
    for (const [address, record] of this.soon) batch.set(address, record);
    this.soon.clear();
    const marked = !kept || isApart(kept, now) || nowS - kept.leaseS > MARK_AGE_S;
    return { records: batch, mark: marked ? now : undefined };
  }
}

/** What is written at once. */
interface Batch {
  readonly records: ReadonlyMap<Ipv4, LeaseRecord | undefined>;
  /** Of the clock, when it is to be kept. */
  readonly mark: ClockMark | undefined;
}

interface Offer {
  readonly record: LeaseRecord;
  /** When it lapses. */
  readonly overS: LeaseSeconds;
}

/** Whether a record allows for this lease already. */
function promises(kept: LeaseRecord | undefined, lease: Lease): boolean {
  if (kept?.state !== "bound" || kept.key !== lease.key || kept.mac !== lease.mac) return false;
  return kept.endsS === FOREVER_S || kept.endsS >= lease.endsS;
}

/** For how much longer than this lease a record promises. */
function spareOf(kept: LeaseRecord | undefined, lease: Lease): LeaseSeconds {
  if (kept === undefined || kept.endsS === FOREVER_S) return Number.POSITIVE_INFINITY;
  return kept.endsS - lease.endsS;
}

function sameDetails(a: LeaseRecord | undefined, b: LeaseRecord): boolean {
  return a?.id === b.id && a?.hostname === b.hostname;
}

function recordOf(lease: Lease, spareS: LeaseSeconds): LeaseRecord {
  const { address, key, mac, id, reserved, sinceMs, hostname } = lease;
  const state = lease.state === "declined" ? "declined" : "bound";
  const endsS = lease.endsS === Number.POSITIVE_INFINITY ? FOREVER_S : lease.endsS + spareS;
  return id === undefined
    ? { address, key, mac, state, reserved, sinceMs, endsS, hostname }
    : { address, key, mac, id, state, reserved, sinceMs, endsS, hostname };
}

function leaseOf(r: LeaseRecord): Lease {
  const { address, key, mac, id, state, reserved, sinceMs, endsS, hostname } = r;
  return {
    address,
    key,
    mac,
    id,
    state,
    reserved,
    sinceMs,
    endsS: endsS === FOREVER_S ? Number.POSITIVE_INFINITY : endsS,
    hostname,
  };
}
