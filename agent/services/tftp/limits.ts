import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { Clock } from "../../link/clock.ts";
import { type Rate, RateLimit } from "../rate-limit.ts";

/** What one machine may ask; GRUB reads some hundred small modules one after the other. */
const PER_MACHINE: Rate = { burst: 500, perSecond: 100 };
const MAX_MACHINES = 4_096;
/** What hosts that the site does not name may ask together: each question is a line of the journal, and nothing else. */
const STRANGERS: Rate = { burst: 100, perSecond: 20 };
/** Transfers of one machine at once, and of all that may be, whichever is less. */
const TRANSFERS_PER_MACHINE = 16;
const SHARE = 2;

/** What one host may do to the service, so that the others are served all the same. */
export class TftpLimits {
  readonly transfersPerMachine: number;
  private readonly machines: RateLimit;
  private readonly strangers: RateLimit;

  /** `maxTransfers`: of all machines at once. */
  constructor(clock: Clock, maxTransfers: number) {
    const now = (): number => clock.now();
    const share = Math.floor(maxTransfers / SHARE);
    this.transfersPerMachine = Math.max(1, Math.min(TRANSFERS_PER_MACHINE, share));
    this.machines = new RateLimit(PER_MACHINE, MAX_MACHINES, now);
    this.strangers = new RateLimit(STRANGERS, 1, now);
  }

  /** Whether one more request of this machine is looked at. */
  admits(src: Ipv4): boolean {
    return this.machines.admits(formatIpv4(src));
  }

  /** Whether one more packet of hosts that the site does not name is journalled. */
  admitsStranger(): boolean {
    return this.strangers.admits("");
  }
}
