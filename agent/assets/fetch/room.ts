import { AgentError } from "../../errors.ts";
import type { Cache } from "../cache/cache.ts";

/** Octets that are reserved at once while nobody knows how many come; fewer where there is no room for so many. */
const STEPS = [64 * 1024 * 1024, 4 * 1024 * 1024];

/** Room that one transfer was promised and has not used up. */
export class Reservation {
  private leftOctets = 0;
  private readonly room: Room;

  constructor(room: Room) {
    this.room = room;
  }

  get left(): number {
    return this.leftOctets;
  }

  /** Sees to it that there is room for `octets` more. Rejects with E_CACHE_FULL: then it holds nothing. */
  async need(octets: number): Promise<void> {
    this.leftOctets = octets;
    try {
      await this.room.make();
    } catch (error) {
      this.leftOctets = 0;
      throw error;
    }
  }

  /** `octets` of an unknown number are about to be written: reserves in steps. */
  async grow(octets: number): Promise<void> {
    if (octets > this.leftOctets) await this.needAtLeast(octets, STEPS);
    this.used(octets);
  }

  /** The first of `wishes` that there is room for, and at least `octets`. Rejects with E_CACHE_FULL. */
  async needAtLeast(octets: number, wishes: readonly number[]): Promise<void> {
    for (const wish of wishes) {
      if (wish <= octets) continue;
      try {
        await this.need(wish);
        return;
      } catch (error) {
        if (!(error instanceof AgentError && error.code === "E_CACHE_FULL")) throw error;
      }
    }
    await this.need(octets);
  }

  /** `octets` were written. */
  used(octets: number): void {
    this.leftOctets = Math.max(0, this.leftOctets - octets);
  }

  release(): void {
    this.leftOctets = 0;
    this.room.forget(this);
  }
}

/**
 * Keeps transfers that run at the same time from being promised the same free octets.
 *
 * `evicted` is told how many octets had to go.
 */
export class Room {
  private readonly reservations = new Set<Reservation>();
  private readonly cache: Cache;
  private readonly evicted: (blobs: number, octets: number) => void;
  private turn: Promise<void> = Promise.resolve();

  constructor(cache: Cache, evicted: (blobs: number, octets: number) => void) {
    this.cache = cache;
    this.evicted = evicted;
  }

  open(): Reservation {
    const reservation = new Reservation(this);
    this.reservations.add(reservation);
    return reservation;
  }

  forget(reservation: Reservation): void {
    this.reservations.delete(reservation);
  }

  /** Frees what all reservations together need, one after the other. */
  make(): Promise<void> {
    const mine = this.turn.then(async () => {
      let octets = 0;
      for (const r of this.reservations) octets += r.left;
      const before = await this.cache.usage();
      await this.cache.makeRoom(octets);
      const after = await this.cache.usage();
      if (after.blobs < before.blobs) {
        this.evicted(before.blobs - after.blobs, Math.max(0, before.used - after.used));
      }
    });
    this.turn = mine.catch(() => {
      // Whoever asked is told; who comes next asks for itself.
    });
    return mine;
  }
}
