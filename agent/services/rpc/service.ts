import type { Socket } from "node:net";
import type { PortOptions, UdpPorts } from "../../link/datagram.ts";
import type { TcpPorts } from "../../link/tcp-listener.ts";
import type { ServiceContext } from "../context.ts";
import { NfsProgram } from "../nfs/program.ts";
import { BootparamsProgram } from "./bootparams.ts";
import { RpcDispatcher } from "./dispatcher.ts";
import { type CardOf, MountProgram } from "./mount.ts";
import { type Closable, PortMapper, type RpcbindSupport } from "./port-mapper.ts";
import { PortmapProgram } from "./portmap.ts";
import type { RpcProgram } from "./program.ts";
import { serveRpcByTcp } from "./tcp-transport.ts";
import { serveRpcByUdp } from "./udp-transport.ts";

/** Fixed, so that firewalls and socket units can name them; NFS has 2049 and the port mapper 111. */
const MOUNT_PORT = 635;
const BOOTPARAMS_PORT = 636;

/** What the programs know of the host. */
export interface RpcHost {
  readonly cardOf?: CardOf;
  /** For living beside the host's rpcbind. */
  readonly rpcbind?: RpcbindSupport;
}

/** All RPC programs of the agent, each on UDP and TCP. */
export function rpcPrograms(
  context: ServiceContext,
  { cardOf }: RpcHost = {},
): readonly [PortmapProgram, BootparamsProgram, ...RpcProgram[]] {
  const bootparams = new BootparamsProgram(context, BOOTPARAMS_PORT);
  const others = [new MountProgram(context, MOUNT_PORT, cardOf), new NfsProgram(context)];
  return [new PortmapProgram(context, [bootparams, ...others]), bootparams, ...others];
}

/** Opens the ports of the RPC programs. */
export class RpcService {
  private readonly context: ServiceContext;
  private readonly udp: UdpPorts;
  private readonly tcp: TcpPorts;
  private readonly host: RpcHost;
  private readonly opened: Closable[] = [];
  private readonly dispatchers = new Map<RpcProgram, RpcDispatcher>();
  private mapper: PortMapper | undefined;

  constructor(context: ServiceContext, udp: UdpPorts, tcp: TcpPorts, host: RpcHost = {}) {
    this.context = context;
    this.udp = udp;
    this.tcp = tcp;
    this.host = host;
  }

  async start(): Promise<void> {
    const { context, host } = this;
    const [portmap, bootparams, ...others] = rpcPrograms(context, host);
    for (const program of [bootparams, ...others]) {
      this.opened.push(await this.openUdp(program));
      this.opened.push(await this.openTcp(program));
    }
    const mappings = portmap.mappings.filter(({ prog }) => prog !== portmap.prog);
    const ports = {
      // Only the port mapper is spoken to by broadcast.
      openUdp: () => this.openUdp(portmap, { broadcast: true }),
      openTcp: () => this.openTcp(portmap),
      openBroadcasts: () => this.openUdp(portmap, { broadcast: "shared" }),
      openForwarded: () => this.openUdp(bootparams, { loopback: true }),
    };
    this.mapper = new PortMapper(context, ports, mappings, host.rpcbind);
    await this.mapper.start();
  }

  async stop(): Promise<void> {
    for (const port of this.opened.splice(0)) port.close();
    await this.mapper?.stop();
  }

  /** One for all ways to a program. */
  private dispatcherOf(program: RpcProgram): RpcDispatcher {
    const made = this.dispatchers.get(program) ?? new RpcDispatcher(this.context, [program]);
    this.dispatchers.set(program, made);
    return made;
  }

  private async openUdp(program: RpcProgram, how: PortOptions = {}): Promise<Closable> {
    const udp = await this.udp.open(program.port, { name: program.name, ...how });
    serveRpcByUdp(udp, this.dispatcherOf(program));
    return udp;
  }

  private async openTcp(program: RpcProgram): Promise<Closable> {
    const { name, port } = program;
    const server = await this.tcp.open(port, `${name}-tcp`);
    const connections = new Set<Socket>();
    server.on("connection", (socket) => {
      connections.add(socket);
      socket.on("close", () => connections.delete(socket));
    });
    serveRpcByTcp(server, this.dispatcherOf(program), this.context);
    return {
      close() {
        server.close();
        for (const socket of connections) socket.destroy();
      },
    };
  }
}
