import type { PmapMapping } from "../../../protocols/sunrpc/portmap.ts";
import { AgentError } from "../../errors.ts";
import type { ServiceContext } from "../context.ts";
import { Registration, type RegistrationState } from "./registration.ts";
import { type AskPortMapper, RpcbindClient } from "./rpcbind-client.ts";

const EVENT = "port 111";
const CURE =
  "Find it with `ss -lunpt 'sport = 111'` and stop it; were it rpcbind, it would have answered on 127.0.0.1, and the agent would register with it.";
const CALLIT_CURE =
  "start rpcbind by its systemd socket (rpcbind.socket), whose port can be shared, or give it the option -r (OPTIONS in /etc/default/rpcbind)";

/** What a running agent has for living beside the host's rpcbind. */
export interface RpcbindSupport {
  readonly ask: AskPortMapper;
  /** What is wrong, in sentences; none: all is well. The part "portmap" of the agent's health. */
  readonly health: (...reasons: readonly string[]) => void;
}

/** An open port. */
export interface Closable {
  close(): void;
}

/** How port 111 is had; each rejects with E_PORT_IN_USE when it cannot be. */
export interface PortMapperPorts {
  /** Our own address, and broadcasts. */
  openUdp(): Promise<Closable>;
  openTcp(): Promise<Closable>;
  /** What is broadcast to it, beside another program. */
  openBroadcasts(): Promise<Closable>;
  /** What rpcbind passes on for broadcasts, by the loopback. */
  openForwarded(): Promise<Closable>;
}

/**
 * The way in which machines learn our ports: by a port mapper of our own, or where port 111 is taken, by the host's rpcbind.
 *
 * rpcbind comes and goes: a restarted one is told again, and when it stays away, port 111 becomes ours.
 */
export class PortMapper {
  private readonly context: ServiceContext;
  private readonly ports: PortMapperPorts;
  private readonly mappings: readonly PmapMapping[];
  private readonly support: RpcbindSupport | undefined;
  private readonly client: RpcbindClient | undefined;
  /** May be ours though TCP is rpcbind's: systemd opens it for us beside any other. */
  private udp: Closable | undefined;
  private tcp: Closable | undefined;
  private broadcasts: Closable | undefined;
  private forwarded: Closable | undefined;
  private registration: Registration | undefined;
  private stopped = false;

  /** `mappings`: of all programs but the port mapper. Without `support` port 111 has to be ours. */
  constructor(
    context: ServiceContext,
    ports: PortMapperPorts,
    mappings: readonly PmapMapping[],
    support?: RpcbindSupport,
  ) {
    this.context = context;
    this.ports = ports;
    this.mappings = mappings;
    this.support = support;
    this.client = support && new RpcbindClient(support.ask);
  }

  /** Rejects with E_PORT_IN_USE when port 111 belongs to something that is no port mapper. */
  async start(): Promise<void> {
    const busy = await this.openOwn();
    if (!busy) return;
    if (!this.client) throw busy;
    if (!(await this.client.dump())) {
      const message = `${busy.message}, and what has it answers no port mapper's call`;
      throw new AgentError("E_PORT_IN_USE", message, { cure: CURE, cause: busy });
    }
    await this.goBeside(this.client);
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.closeAll();
    await this.registration?.stop();
    this.support?.health();
  }

  private get hearsBroadcasts(): boolean {
    return this.udp !== undefined || this.broadcasts !== undefined;
  }

  private closeAll(): void {
    for (const port of [this.udp, this.tcp, this.broadcasts, this.forwarded]) port?.close();
    this.udp = this.tcp = this.broadcasts = this.forwarded = undefined;
  }

  /** Opens what can be had of port 111 at our address; why it is not all, or undefined: it is. */
  private async openOwn(): Promise<AgentError | undefined> {
    const { ports } = this;
    try {
      this.udp ??= await ports.openUdp();
      this.tcp = await ports.openTcp();
    } catch (error) {
      if (isInUse(error)) return error;
      throw error;
    } finally {
      // `stop` has closed what there was at its time.
      if (this.stopped) this.closeAll();
    }
    return undefined;
  }

  private async goBeside(client: RpcbindClient): Promise<void> {
    if (!this.udp) await this.share();
    if (!this.hearsBroadcasts && (await client.forwards())) {
      this.forwarded = await this.ports.openForwarded();
    }
    const { mappings } = this;
    this.registration = new Registration({
      client,
      clock: this.context.clock,
      mappings,
      changed: (state) => this.tell(state),
      gone: () => void this.takeOver(),
    });
    await this.registration.start();
  }

  /** Hears broadcasts, if rpcbind's socket lets others beside it, as those of systemd do. */
  private async share(): Promise<void> {
    try {
      this.broadcasts = await this.ports.openBroadcasts();
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
    if (this.stopped) this.closeAll();
  }

  /** rpcbind stays away: port 111 becomes ours, unless systemd keeps it for rpcbind's return. */
  private async takeOver(): Promise<void> {
    this.broadcasts?.close();
    this.broadcasts = undefined;
    if (await this.openOwn()) {
      if (!this.udp) await this.share();
      return;
    }
    if (this.stopped) return;
    this.forwarded?.close();
    this.forwarded = undefined;
    // Nobody is there to whom it could be said that we are gone.
    void this.registration?.stop();
    this.registration = undefined;
    this.note("rpcbind is gone: our own port mapper answers");
    this.support?.health();
  }

  private tell({ answers, taken }: RegistrationState): void {
    if (this.stopped || this.tcp) return;
    const reasons: string[] = [];
    const callit = this.hearsBroadcasts || this.forwarded !== undefined;
    if (!answers) reasons.push("port 111 is rpcbind's, and it does not answer any more");
    if (taken.length > 0) {
      const whose = taken.map(({ prog, vers, prot, port }) => {
        const over = prot === 6 ? "TCP" : "UDP";
        return `program ${prog} version ${vers} over ${over} at port ${port}`;
      });
      reasons.push(
        `rpcbind sends machines elsewhere: it has ${whose.join(", ")}; stop that server, or take away what it left with "rpcinfo -d"`,
      );
    }
    if (!callit) {
      reasons.push(
        `rpcbind does not pass on broadcast calls (CALLIT), by which Suns look for BOOTPARAMS: ${CALLIT_CURE}`,
      );
    }
    this.support?.health(...reasons);
    if (!answers) this.note("rpcbind does not answer", "failed");
    else {
      const how = this.hearsBroadcasts
        ? "broadcasts are answered by us"
        : "broadcasts come by rpcbind";
      const rest = callit ? how : `broadcasts get no answer: ${CALLIT_CURE}`;
      this.note(`registered with rpcbind, which has the port; ${rest}`);
      for (const reason of taken.length > 0 ? reasons.slice(0, 1) : []) this.note(reason, "failed");
    }
  }

  private note(decision: string, outcome: "noted" | "failed" = "noted"): void {
    this.context.journal.note({ protocol: "portmap", event: EVENT, decision, outcome });
  }
}

function isInUse(error: unknown): error is AgentError {
  return error instanceof AgentError && error.code === "E_PORT_IN_USE";
}
