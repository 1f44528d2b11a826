import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { TftpLimits } from "./limits.ts";

/** A read or a write that goes on. */
export interface Session {
  /** The request's octets, to know a repeated one. */
  readonly request: Uint8Array;
  /** Whether the client has answered anything yet. */
  readonly begun: boolean;
  /** When the client was heard last. */
  readonly heardMs: number;
  /**
   * Why it may be ended when somebody else waits: "" when it is over but for repetitions of the client's last packet; undefined:
   * it may not.
   */
  readonly yields: string | undefined;
  /** Sends what is due: first after construction. */
  pump(): void;
  /** The request came again before the client answered: our first answer was lost, or crossed it. */
  repeat(): void;
  /** Ends it without a word to the client: it has begun another from the same port, or we stop. */
  stop(outcome: "replaced" | "failed", why: string): void;
}

/** What counts beside the transfers that run: requests that wait for their files. */
export interface Held {
  readonly size: number;
  sizeOf(src: Ipv4): number;
}

interface Running {
  readonly src: Ipv4;
  /** Undefined while it is being opened. */
  session: Session | undefined;
}

/** The same request so soon after the client's last packet was late on its way: who was switched off and on takes longer, ms. */
const LATE_MS = 2_000;

/** The request was a repetition, and has got all that it gets. */
export const REPEATED = "";

/** The board's limit is reached, not that of one machine. */
export const TOO_MANY = "as many transfers as this board may have are running or held";

/**
 * The transfers that run, by who asked (U-Boot, SLOF and s390 firmware re-use a port, so a new request ends the transfer before
 * it); how many there may be, of all machines and of one.
 */
export class Transfers {
  private readonly limits: TftpLimits;
  private readonly maxTransfers: number;
  private readonly held: Held;
  private readonly freed: () => void;
  private readonly now: () => number;
  private readonly running = new Map<number, Running>();
  private readonly perMachine = new Map<Ipv4, number>();
  private stopped = false;
  private idle: (() => void) | undefined;

  /** `freed` is called when a transfer has ended: nothing may begin within it. */
  constructor(
    limits: TftpLimits,
    maxTransfers: number,
    held: Held,
    freed: () => void,
    now: () => number,
  ) {
    this.limits = limits;
    this.freed = freed;
    this.maxTransfers = maxTransfers;
    this.held = held;
    this.now = now;
  }

  get size(): number {
    return this.running.size;
  }

  /** Of one machine, with its requests that are held. */
  sizeOf(src: Ipv4): number {
    return (this.perMachine.get(src) ?? 0) + this.held.sizeOf(src);
  }

  /** Why no more may begin or be held for this machine. `inTurn`: nobody waits longer than who asks. */
  full(src: Ipv4, inTurn: boolean): string | undefined {
    if (!this.hasRoom(inTurn)) return TOO_MANY;
    const { transfersPerMachine } = this.limits;
    const fits = (): boolean => this.sizeOf(src) < transfersPerMachine;
    if (this.makeRoom(fits, src)) return undefined;
    return `${transfersPerMachine} transfers of this machine are running or held, as many as one may have`;
  }

  /** Whether the board may have one more. `making`: what may end for it ends. */
  hasRoom(making: boolean): boolean {
    const fits = (): boolean => this.running.size + this.held.size < this.maxTransfers;
    return making ? this.makeRoom(fits) : fits();
  }

  /** Ends what this client had begun before. */
  replace(key: number): void {
    this.running.get(key)?.session?.stop("replaced", "");
  }

  /** Makes room for a request: undefined when `run` may follow, `REPEATED`, or why not. */
  claim(key: number, src: Ipv4, request: Uint8Array, inTurn: boolean): string | undefined {
    const before = this.running.get(key);
    if (!before) return this.full(src, inTurn);
    const { session } = before;
    // It is being opened for the same request.
    if (!session) return REPEATED;
    if (sameOctets(session.request, request)) {
      if (!session.begun) session.repeat();
      if (!session.begun || this.now() - session.heardMs < LATE_MS) return REPEATED;
    }
    session.stop("replaced", "");
    return undefined;
  }

  /** Runs what `open` makes. It calls `over` when the session has ended; undefined: there is nothing to run after all. */
  run(
    key: number,
    src: Ipv4,
    open: (over: () => void) => Promise<Session | undefined>,
    failed: (error: Error) => void,
  ): void {
    const running: Running = { src, session: undefined };
    this.running.set(key, running);
    this.perMachine.set(src, (this.perMachine.get(src) ?? 0) + 1);
    const over = (): void => {
      this.remove(key, running);
      this.tellIdle();
    };
    open(over).then(
      (session) => {
        if (!session) {
          over();
          return;
        }
        running.session = session;
        if (this.stopped) session.stop("failed", "the agent stops");
        else session.pump();
      },
      (error: Error) => {
        over();
        failed(error);
      },
    );
  }

  /** Resolves when those that run have ended. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.idle = resolve;
      this.tellIdle();
    });
  }

  stop(): void {
    this.stopped = true;
    for (const { session } of this.running.values()) session?.stop("failed", "the agent stops");
  }

  /** Ends what yields, the oldest first, until it fits; of one machine, or of any. Returns whether it does. */
  private makeRoom(fits: () => boolean, of?: Ipv4): boolean {
    if (fits()) return true;
    for (const { src, session } of [...this.running.values()]) {
      const why = of === undefined || src === of ? session?.yields : undefined;
      if (why === undefined) continue;
      session?.stop(why === "" ? "replaced" : "failed", why);
      if (fits()) return true;
    }
    return false;
  }

  private remove(key: number, running: Running): void {
    if (this.running.get(key) !== running) return;
    this.running.delete(key);
    const left = (this.perMachine.get(running.src) ?? 1) - 1;
    if (left > 0) this.perMachine.set(running.src, left);
    else this.perMachine.delete(running.src);
    this.freed();
  }

  private tellIdle(): void {
    if (this.running.size === 0) this.idle?.();
  }
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
