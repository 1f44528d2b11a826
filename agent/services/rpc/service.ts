import type { Server, Socket } from "node:net";
import type { UdpPort, UdpPorts } from "../../link/datagram.ts";
import type { TcpPorts } from "../../link/tcp-listener.ts";
import type { ServiceContext } from "../context.ts";
import { NfsProgram } from "../nfs/program.ts";
import { BootparamsProgram } from "./bootparams.ts";
import { RpcDispatcher } from "./dispatcher.ts";
import { type CardOf, MountProgram } from "./mount.ts";
import { PortMapper, type RpcbindSupport } from "./port-mapper.ts";
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

/** All RPC programs of the agent, each on UDP and TCP; the first is the port mapper. */
export function rpcPrograms(
  context: ServiceContext,
  { cardOf }: RpcHost = {},
): readonly [PortmapProgram, ...RpcProgram[]] {
  const programs = [
    new BootparamsProgram(context, BOOTPARAMS_PORT),
    new MountProgram(context, MOUNT_PORT, cardOf),
    new NfsProgram(context),
  ];
  return [new PortmapProgram(context, programs), ...programs];
}

/** Opens the ports of the RPC programs. */
export class RpcService {
  private readonly context: ServiceContext;
  private readonly udp: UdpPorts;
  private readonly tcp: TcpPorts;
  private readonly host: RpcHost;
  private readonly opened: { close(): void }[] = [];
  private mapper: PortMapper | undefined;

  constructor(context: ServiceContext, udp: UdpPorts, tcp: TcpPorts, host: RpcHost = {}) {
    this.context = context;
    this.udp = udp;
    this.tcp = tcp;
    this.host = host;
  }

  async start(): Promise<void> {
    const { context, host } = this;
    const [portmap, ...programs] = rpcPrograms(context, host);
    for (const program of programs) this.opened.push(await this.open(program));
    const { mappings } = portmap;
    const others = mappings.filter(({ prog }) => prog !== portmap.prog);
    const ports = {
      openAlone: () => this.open(portmap),
      openBroadcasts: () => this.openBroadcasts(portmap),
    };
    this.mapper = new PortMapper(context, ports, others, host.rpcbind);
    await this.mapper.start();
  }

  async stop(): Promise<void> {
    for (const port of this.opened.splice(0)) port.close();
    await this.mapper?.stop();
  }

  private async open(program: RpcProgram): Promise<{ close(): void }> {
    const { name, port, indirect } = program;
    const dispatcher = new RpcDispatcher(this.context, [program]);
    // Only the port mapper is spoken to by broadcast; what it calls for others, rpcbind calls from our own address.
    const options = { name, broadcast: name === "portmap", own: indirect };
    const udp = await this.udp.open(port, options);
    let server: Server;
    try {
      server = await this.tcp.open(port, `${name}-tcp`);
    } catch (error) {
      udp.close();
      throw error;
    }
    const connections = new Set<Socket>();
    server.on("connection", (socket) => {
      connections.add(socket);
      socket.on("close", () => connections.delete(socket));
    });
    serveRpcByUdp(udp, dispatcher);
    serveRpcByTcp(server, dispatcher, this.context);
    return {
      close() {
        udp.close();
        server.close();
        for (const socket of connections) socket.destroy();
      },
    };
  }

  private async openBroadcasts(portmap: RpcProgram): Promise<UdpPort> {
    const { name, port } = portmap;
    const udp = await this.udp.open(port, { name, broadcast: "shared" });
    serveRpcByUdp(udp, new RpcDispatcher(this.context, [portmap]));
    return udp;
  }
}
