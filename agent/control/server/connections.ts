import type { Socket } from "node:net";
import type { Clock } from "../../link/clock.ts";
import { peerKey } from "./peer-key.ts";

/** How many connections there are, and how long each step of one may take, ms. */
export interface ConnectionLimits {
  readonly all: number;
  readonly anAddress: number;
  /** From the beginning, or from the last answer, to the end of a header. A TLS handshake is within. */
  readonly headerMs: number;
  /** From the same instant to the end of the body. */
  readonly requestMs: number;
  /** An asker that takes nothing of its answer for so long. */
  readonly stalledMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  all: 256,
  anAddress: 16,
  headerMs: 5_000,
  requestMs: 10_000,
  stalledMs: 30_000,
};

/** Why connections were ended or not taken; all that is counted of them. */
export type ConnectionEnd =
  | "full"
  | "displaced"
  | "slow header"
  | "slow request"
  | "stalled answer"
  | "pipelined"
  | "not HTTP"
  | "elsewhere";

/** How often slow ones are looked for, ms. */
const SWEEP_MS = 250;

/** One connection from its acceptance to its end. */
export class Connection {
  readonly socket: Socket;
  readonly key: string;
  /** What answers are written to: the socket, or TLS on it. */
  carrier: Socket;
  phase: "header" | "body" | "answer" = "header";
  /** When it began to owe a request; in the answer, when octets were last taken. */
  sinceMs: number;
  /** Octets of the answer that the asker has not taken, when last looked at. */
  waiting = 0;

  constructor(socket: Socket, key: string, nowMs: number) {
    this.socket = socket;
    this.carrier = socket;
    this.key = key;
    this.sinceMs = nowMs;
  }
}

/**
 * Keeps slow and idle connections from taking the place of those that ask something.
 *
 * Where there is no room, that of an address or of all, the connection goes that has owed a whole request for the longest
 * time, of the addresses that have most of such; then one whose asker takes nothing of its answer. Whoever opens thousands therefore
 * displaces its own.
 */
export class Connections {
  private readonly open = new Set<Connection>();
  private readonly counts = new Map<ConnectionEnd, number>();
  private readonly clock: Clock;
  private readonly limits: ConnectionLimits;
  private stopSweep: (() => void) | undefined;

  constructor(clock: Clock, limits: ConnectionLimits = CONNECTION_LIMITS) {
    this.clock = clock;
    this.limits = limits;
  }

  /** Takes a connection, or destroys it and returns undefined. */
  admit(socket: Socket): Connection | undefined {
    const key = peerKey(socket.remoteAddress ?? "");
    const ofAddress = [...this.open].filter((c) => c.key === key);
    const room =
      (ofAddress.length < this.limits.anAddress || this.displace(ofAddress)) &&
      (this.open.size < this.limits.all || this.displace([...this.open]));
    if (!room) {
      this.reject(socket, "full");
      return undefined;
    }
    const connection = new Connection(socket, key, this.clock.now());
    this.open.add(connection);
    socket.once("close", () => this.open.delete(connection));
    this.scheduleSweep();
    return connection;
  }

  /** A header is whole that came by `carrier`. False: the answer before is not over, and the connection was ended. */
  headerDone(connection: Connection, carrier: Socket): boolean {
    if (connection.phase === "header") {
      connection.carrier = carrier;
      connection.phase = "body";
      return true;
    }
    this.end(connection, "pipelined");
    return false;
  }

  bodyDone(connection: Connection): void {
    if (connection.phase === "body") this.enter(connection, "answer");
  }

  /** The answer is sent, and the connection may bring another request. */
  answered(connection: Connection): void {
    this.enter(connection, "header");
  }

  /** Destroys a connection that is not to be taken at all. */
  reject(socket: Socket, why: ConnectionEnd): void {
    this.count(why);
    socket.destroy();
  }

  end(connection: Connection, why: ConnectionEnd): void {
    if (!this.open.delete(connection)) return;
    this.count(why);
    connection.socket.destroy();
  }

  /** Ends those that `which` is true of. */
  endAll(which: (socket: Socket) => boolean = () => true): void {
    for (const connection of [...this.open]) {
      if (!which(connection.socket)) continue;
      this.open.delete(connection);
      connection.socket.destroy();
    }
    if (this.open.size > 0) return;
    this.stopSweep?.();
    this.stopSweep = undefined;
  }

  get size(): number {
    return this.open.size;
  }

  /** Connections that were ended or not taken, by reason. */
  counters(): ReadonlyMap<ConnectionEnd, number> {
    return this.counts;
  }

  private enter(connection: Connection, phase: Connection["phase"]): void {
    connection.phase = phase;
    connection.sinceMs = this.clock.now();
    connection.waiting = 0;
  }

  /** Makes room among these; false when all of them are being answered. */
  private displace(among: readonly Connection[]): boolean {
    const owing = among.filter((c) => c.phase !== "answer");
    const stalled = among.filter((c) => c.phase === "answer" && c.waiting > 0);
    const candidates = owing.length > 0 ? ofTheBusiest(owing) : stalled;
    const oldest = candidates.reduce<Connection | undefined>(
      (old, c) => (old === undefined || c.sinceMs < old.sinceMs ? c : old),
      undefined,
    );
    if (oldest) this.end(oldest, "displaced");
    return oldest !== undefined;
  }

  private scheduleSweep(): void {
    if (this.stopSweep || this.open.size === 0) return;
    this.stopSweep = this.clock.after(SWEEP_MS, () => {
      this.stopSweep = undefined;
      this.sweep(this.clock.now());
      this.scheduleSweep();
    });
  }

  private sweep(nowMs: number): void {
    for (const connection of [...this.open]) {
      const { phase, sinceMs, carrier } = connection;
      if (phase === "header" && nowMs - sinceMs > this.limits.headerMs)
        this.end(connection, "slow header");
      if (phase === "body" && nowMs - sinceMs > this.limits.requestMs)
        this.end(connection, "slow request");
      if (phase !== "answer") continue;
      const waiting = carrier.writableLength;
      if (waiting === 0 || waiting !== connection.waiting) {
        connection.waiting = waiting;
        connection.sinceMs = nowMs;
      } else if (nowMs - sinceMs > this.limits.stalledMs) this.end(connection, "stalled answer");
    }
  }

  private count(why: ConnectionEnd): void {
    this.counts.set(why, (this.counts.get(why) ?? 0) + 1);
  }
}

/** Those of the addresses that have most of them. */
function ofTheBusiest(connections: readonly Connection[]): readonly Connection[] {
  const counts = new Map<string, number>();
  for (const { key } of connections) counts.set(key, (counts.get(key) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return connections.filter(({ key }) => counts.get(key) === most);
}
