import type { PmapMapping } from "../../../protocols/sunrpc/portmap.ts";
import { AgentError } from "../../errors.ts";
import type { UdpPort } from "../../link/datagram.ts";
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

/** How port 111 is had; each rejects with E_PORT_IN_USE when it cannot be. */
export interface PortMapperPorts {
  /** Ours alone, over UDP and TCP. What was opened by halves is closed when it rejects. */
  openAlone(): Promise<{ close(): void }>;
  /** What is broadcast to it, beside another program. */
  openBroadcasts(): Promise<UdpPort>;
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
  private alone: { close(): void } | undefined;
  private broadcasts: UdpPort | undefined;
  private registration: Registration | undefined;
  private forwards = false;
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
    try {
      this.alone = await this.ports.openAlone();
    } catch (error) {
      if (!isInUse(error) || !this.client) throw error;
      if (!(await this.client.dump())) {
        const message = `${error.message}, and what has it answers no port mapper's call`;
        throw new AgentError("E_PORT_IN_USE", message, { cure: CURE, cause: error });
      }
      await this.goBeside(this.client);
    }
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.alone?.close();
    this.broadcasts?.close();
    await this.registration?.stop();
    this.support?.health();
  }

  private async goBeside(client: RpcbindClient): Promise<void> {
    await this.share();
    this.forwards = await client.forwards();
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
      const port = await this.ports.openBroadcasts();
      // `stop` has closed what there was at its time.
      if (this.stopped) port.close();
      else this.broadcasts = port;
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }

  /** rpcbind stays away: port 111 becomes ours, unless systemd keeps it for rpcbind's return. */
  private async takeOver(): Promise<void> {
    this.broadcasts?.close();
    this.broadcasts = undefined;
    try {
      const alone = await this.ports.openAlone();
      if (this.stopped) {
        alone.close();
        return;
      }
      this.alone = alone;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      await this.share();
      return;
    }
    // Nobody is there to whom it could be said that we are gone.
    void this.registration?.stop();
    this.registration = undefined;
    this.note("rpcbind is gone: our own port mapper answers");
    this.support?.health();
  }

  private tell({ answers, taken }: RegistrationState): void {
    if (this.stopped || this.alone) return;
    const reasons: string[] = [];
    const callit = this.broadcasts !== undefined || this.forwards;
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
      const how = this.broadcasts ? "broadcasts are answered by us" : "broadcasts come by rpcbind";
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
