import type { Server, Socket } from "node:net";
import type { UdpPort, UdpPorts } from "../../link/datagram.ts";
import type { TcpPorts } from "../../link/tcp-listener.ts";
import type { ServiceContext } from "../context.ts";
import { NfsProgram } from "../nfs/program.ts";
import { BootparamsProgram } from "./bootparams.ts";
import { RpcDispatcher } from "./dispatcher.ts";
import { MountProgram } from "./mount.ts";
import { PortmapProgram } from "./portmap.ts";
import type { RpcProgram } from "./program.ts";
import { serveRpcByTcp } from "./tcp-transport.ts";
import { serveRpcByUdp } from "./udp-transport.ts";

/** Fixed, so that firewalls and socket units can name them; NFS has 2049 and the port mapper 111. */
const MOUNT_PORT = 635;
const BOOTPARAMS_PORT = 636;

/** All RPC programs of the agent, each on UDP and TCP. */
export function rpcPrograms(context: ServiceContext): readonly RpcProgram[] {
  const programs = [
    new BootparamsProgram(context, BOOTPARAMS_PORT),
    new MountProgram(context, MOUNT_PORT),
    new NfsProgram(context),
  ];
  return [new PortmapProgram(context, programs), ...programs];
}

/** Opens the ports of the RPC programs. */
export class RpcService {
  private readonly context: ServiceContext;
  private readonly udp: UdpPorts;
  private readonly tcp: TcpPorts;
  private readonly ports: UdpPort[] = [];
  private readonly servers: Server[] = [];
  private readonly connections = new Set<Socket>();

  constructor(context: ServiceContext, udp: UdpPorts, tcp: TcpPorts) {
    this.context = context;
    this.udp = udp;
    this.tcp = tcp;
  }

  async start(): Promise<void> {
    for (const program of rpcPrograms(this.context)) {
      const dispatcher = new RpcDispatcher(this.context, [program]);
      const { name, port } = program;
      // Only the port mapper is spoken to by broadcast.
      const udp = await this.udp.open(port, { name, broadcast: name === "portmap" });
      this.ports.push(udp);
      serveRpcByUdp(udp, dispatcher);
      const server = await this.tcp.open(port, `${name}-tcp`);
      this.servers.push(server);
      server.on("connection", (socket) => {
        this.connections.add(socket);
        socket.on("close", () => this.connections.delete(socket));
      });
      serveRpcByTcp(server, dispatcher, this.context.counters);
    }
  }

  stop(): void {
    for (const port of this.ports.splice(0)) port.close();
    for (const server of this.servers.splice(0)) server.close();
    for (const socket of this.connections) socket.destroy();
  }
}
