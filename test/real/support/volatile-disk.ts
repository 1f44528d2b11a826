import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { serveNbd } from "./nbd-session.ts";

/** What a disk writes in one piece, whatever happens. Octets. */
export const SECTOR = 4096;
/** Octets that its cache holds; beyond that the oldest are written to the medium. */
const CACHE_LEN: number = 32 * 1024 * 1024;

/** The instant at which power fails: at once, or just before or after a request is done. */
export type Instant = "now" | "before write" | "before flush" | "after flush";

interface Write {
  readonly at: number;
  readonly octets: Buffer;
}

/**
 * A disk with a volatile write cache, as QEMU sees it over NBD on a Unix socket.
 *
 * What was written is on the medium only after a flush; until then a power cut loses any part of it, in any order, sector by
 * sector. The octets are in this process: a QEMU that is killed takes none of them with it.
 */
export class VolatileDisk {
  /** Of the Unix socket, for QEMU. */
  readonly socket: string;
  /** Requests since the power came on last. */
  writes = 0;
  flushes = 0;
  private readonly dir: string;
  private readonly medium: Buffer;
  /** What the guest reads: the medium and, over it, the cache. */
  private readonly seen: Buffer;
  private cache: Write[] = [];
  private cached = 0;
  private readonly server: Server;
  private readonly connections = new Set<Socket>();
  private armed: Instant | undefined;
  private failed: (() => void) | undefined;
  private off = false;

  /** `image`: what is on the medium at first; the disk takes it over. */
  private constructor(image: Buffer) {
    this.medium = image;
    this.seen = Buffer.from(image);
    this.dir = mkdtempSync(path.join(tmpdir(), "pilotlight-disk-"));
    this.socket = path.join(this.dir, "nbd");
    this.server = createServer((connection) => {
      this.connections.add(connection);
      connection.on("close", () => this.connections.delete(connection));
      serveNbd(connection, this);
    });
  }

  static async start(image: Buffer): Promise<VolatileDisk> {
    const disk = new VolatileDisk(image);
    await new Promise<void>((resolve, reject) => {
      disk.server.once("error", reject);
      disk.server.listen(disk.socket, resolve);
    });
    return disk;
  }

  get size(): number {
    return this.medium.length;
  }

  /** Without power a disk answers nothing. */
  get powered(): boolean {
    return !this.off;
  }

  read(at: number, len: number): Buffer {
    return this.seen.subarray(at, at + len);
  }

  /** False: the power failed before. */
  write(at: number, octets: Buffer): boolean {
    if (this.fails("before write")) return false;
    this.writes++;
    octets.copy(this.seen, at);
    this.cache.push({ at, octets: Buffer.from(octets) });
    this.cached += octets.length;
    while (this.cached > CACHE_LEN) this.settle(this.cache.shift());
    return true;
  }

  /** False: the power failed before it could be confirmed. */
  flush(): boolean {
    if (this.fails("before flush")) return false;
    this.flushes++;
    for (const write of this.cache) this.settle(write);
    this.cache = [];
    return !this.fails("after flush");
  }

  /** Resolves when the power is off: at this instant, or when the guest's next request of that kind comes. */
  async powerFails(instant: Instant): Promise<void> {
    this.armed = instant;
    if (this.fails("now")) return;
    await new Promise<void>((resolve) => {
      this.failed = resolve;
    });
  }

  /**
   * The power comes back. Of each sector that was in the cache, `survives` says whether it had been written to the medium.
   * Returns how many were lost. The guest must be gone.
   */
  powerReturns(survives: () => boolean): number {
    let lost = 0;
    for (const { at, octets } of this.cache) {
      for (let from = 0; from < octets.length; from += SECTOR) {
        if (survives()) octets.copy(this.medium, at + from, from, from + SECTOR);
        else lost++;
      }
    }
    for (const connection of this.connections) connection.destroy();
    this.cache = [];
    this.cached = 0;
    this.medium.copy(this.seen);
    this.writes = 0;
    this.flushes = 0;
    this.armed = undefined;
    this.off = false;
    return lost;
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  private settle(write: Write | undefined): void {
    if (!write) return;
    write.octets.copy(this.medium, write.at);
    this.cached -= write.octets.length;
  }

  private fails(at: Instant): boolean {
    if (this.off) return true;
    if (this.armed !== at) return false;
    this.off = true;
    this.failed?.();
    return true;
  }
}
