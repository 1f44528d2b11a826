import { hexIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Database, Table } from "../state/database.ts";
import type { Lease, LeaseSeconds } from "./lease.ts";
import type { ClockMark } from "./lease-clock.ts";

const LEASES_TABLE = "dhcp.leases";
const CLOCK_TABLE = "dhcp.clock";
const CLOCK_KEY = "mark";
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
 * writes and not one for each machine. Two things more are gentle to an SD card: a lease is kept for longer than it was
 * promised, so that most renewals have been promised already; and what nobody was promised (a lease that was given back)
 * waits for the next batch, or for the end.
 */
export class LeaseStore implements LeaseKeeping {
  batches = 0;
  private readonly database: Database;
  private readonly leases: Table<LeaseRecord>;
  private readonly clock: Table<ClockMark>;
  private pending = new Map<Ipv4, LeaseRecord | undefined>();
  /** What is being written. */
  private flying: ReadonlyMap<Ipv4, LeaseRecord | undefined> = new Map();
  private urgent = false;
  private writing: Promise<void> | undefined;

  constructor(database: Database) {
    this.database = database;
    this.leases = database.table<LeaseRecord>(LEASES_TABLE);
    this.clock = database.table<ClockMark>(CLOCK_TABLE);
  }

  /** Throws E_STATE. */
  read(): KeptLeases {
    const leases: Lease[] = [];
    for (const { value } of this.leases.getRange()) leases.push(leaseOf(value));
    return { leases, mark: this.clock.get(CLOCK_KEY) };
  }

  changed(address: Ipv4, lease: Lease | undefined, spareS: LeaseSeconds): void {
    if (!lease || lease.state === "offered") {
      this.pending.set(address, undefined);
      return;
    }
    if (lease.state === "bound" && this.promised(lease)) return;
    this.pending.set(address, recordOf(lease, spareS));
    if (lease.state === "bound") this.urgent = true;
  }

  /** Rejects with E_STATE when the disk does not take it. */
  async durable(mark: () => ClockMark): Promise<void> {
    // What is being written now does not hold what came after it began.
    while (this.urgent || this.writing) await this.write(mark);
  }

  async close(mark: () => ClockMark): Promise<void> {
    if (this.pending.size > 0) this.urgent = true;
    await this.durable(mark);
  }

  /** Whether what is on disk, or on its way, allows for this lease already. */
  private promised(lease: Lease): boolean {
    const { address } = lease;
    const newest = [this.pending, this.flying].find((map) => map.has(address));
    const kept = newest ? newest.get(address) : this.leases.get(hexIpv4(address));
    if (kept?.state !== "bound" || kept.key !== lease.key || kept.mac !== lease.mac) return false;
    if (kept.id !== lease.id || kept.hostname !== lease.hostname) return false;
    return kept.endsS === FOREVER_S || kept.endsS >= lease.endsS;
  }

  private write(mark: () => ClockMark): Promise<void> {
    this.writing ??= this.writeBatch(mark).finally(() => {
      this.writing = undefined;
    });
    return this.writing;
  }

  private async writeBatch(mark: () => ClockMark): Promise<void> {
    // Whatever else arrives in this turn of the event loop belongs to the same batch.
    await Promise.resolve();
    const batch = this.pending;
    this.pending = new Map();
    this.flying = batch;
    this.urgent = false;
    const now = mark();
    try {
      await this.database.transaction(() => {
        for (const [address, record] of batch) {
          const key = hexIpv4(address);
          if (record) this.leases.putSync(key, record);
          else this.leases.removeSync(key);
        }
        this.clock.putSync(CLOCK_KEY, now);
      });
      this.batches += 1;
    } catch (error) {
      // Nothing was promised. It is tried again with the next lease.
      for (const [address, record] of batch) {
        if (!this.pending.has(address)) this.pending.set(address, record);
      }
      throw error;
    } finally {
      this.flying = new Map();
    }
  }
}

function recordOf(lease: Lease, spareS: LeaseSeconds): LeaseRecord {
  const { address, key, mac, id, reserved, sinceMs, endsS, hostname } = lease;
  return {
    address,
    key,
    mac,
    ...(id === undefined ? {} : { id }),
    state: lease.state === "declined" ? "declined" : "bound",
    reserved,
    sinceMs,
    endsS: endsS === Number.POSITIVE_INFINITY ? FOREVER_S : endsS + spareS,
    hostname,
  };
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
