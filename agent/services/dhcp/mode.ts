import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { DhcpMode } from "../../site/site.ts";

/**
 * What is done about addresses now. `all`: reservations and pools; `reservations`: those alone; `proxy`: another server gives
 * addresses, we say what to boot; `off`: nothing.
 */
export type Conduct = "all" | "reservations" | "proxy" | "off";

const CONDUCTS: Readonly<Record<DhcpMode, Conduct>> = {
  authoritative: "all",
  auto: "reservations",
  proxy: "proxy",
  off: "off",
};

/** What a mode comes to while no other server was seen. */
export function conductOf(mode: DhcpMode): Conduct {
  return CONDUCTS[mode];
}

/** What is kept of a server that was seen, so that `auto` is the same after a restart. */
export interface SeenServer {
  readonly address: Ipv4;
  /** Milliseconds since 1970 by the host's clock. */
  readonly sinceMs: number;
}

/** Where it is kept. */
export interface SeenServerMemory {
  read(): SeenServer | undefined;
  write(server: SeenServer | undefined): Promise<void>;
}

/** What happened when a server was seen: words for the journal, and whether our conduct is another one now. */
export interface ModeChange {
  readonly words: string;
  readonly changed: boolean;
}

/**
 * What a network's DHCP mode comes to.
 *
 * `auto` opens no pool by itself: where no other server was seen it may only be slower to start than we are, or ignore strange
 * cards. Once one was seen it stays a proxy until the operator says otherwise. Another server beside `authoritative` is told of,
 * and never fought.
 */
export class DhcpConduct {
  private readonly mode: DhcpMode;
  private readonly memory: SeenServerMemory;
  private seen: SeenServer | undefined;

  constructor(mode: DhcpMode, memory: SeenServerMemory) {
    this.mode = mode;
    this.memory = memory;
    this.seen = mode === "auto" ? memory.read() : undefined;
  }

  /** The server that `auto` is a proxy for. */
  get kept(): SeenServer | undefined {
    return this.seen;
  }

  get now(): Conduct {
    if (this.mode === "off") return "off";
    if (this.mode === "authoritative") return "all";
    return this.mode === "proxy" || this.seen ? "proxy" : "reservations";
  }

  /** Why it is this, for people. */
  get why(): string {
    if (this.mode !== "auto") return `the site says ${this.mode}`;
    return this.seen
      ? `${formatIpv4(this.seen.address)} gives addresses here`
      : "no other server was seen, but one may come";
  }

  /** Another server that gives addresses was seen. */
  async found(address: Ipv4, wallMs: number): Promise<ModeChange> {
    const who = formatIpv4(address);
    if (this.mode === "authoritative") {
      const words = `${who} gives addresses here as well: stop one of the two, or write dhcp: proxy in the site`;
      return { words, changed: false };
    }
    if (this.mode !== "auto" || this.seen) {
      return { words: `${who} gives addresses here`, changed: false };
    }
    this.seen = { address, sinceMs: wallMs };
    await this.memory.write(this.seen);
    return {
      words: `${who} gives addresses here: from now on we only say what to boot`,
      changed: true,
    };
  }

  /** The operator says that the other server is gone for good. False: none was seen. When it rejects, nothing has changed. */
  async forget(): Promise<boolean> {
    if (!this.seen) return false;
    await this.memory.write(undefined);
    this.seen = undefined;
    return true;
  }
}
