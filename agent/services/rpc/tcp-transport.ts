import type { Server, Socket } from "node:net";
import { type Ipv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { ServiceContext } from "../context.ts";
import type { RpcDispatcher } from "./dispatcher.ts";
import { RpcConnection } from "./rpc-connection.ts";

/**
 * Connections that one machine may have to one program. Clients need one or two; those of boots whose power was cut linger until
 * they are idle for too long, so the one that was silent longest makes room for the next.
 */
const MAX_OF_MACHINE = 16;

/** Serves a dispatcher on a TCP listener; whoever may not talk to us was turned away before. */
export function serveRpcByTcp(
  server: Server,
  dispatcher: RpcDispatcher,
  context: Pick<ServiceContext, "counters" | "clock">,
): void {
  /** Of each machine, the one that spoke last at the end. */
  const machines = new Map<Ipv4, Set<Socket>>();
  server.on("connection", (socket) => {
    const src = parseIpv4(socket.remoteAddress ?? "");
    if (src === undefined) {
      socket.destroy();
      return;
    }
    const sockets = machines.get(src) ?? new Set();
    machines.set(src, sockets);
    const [oldest] = sockets;
    if (oldest && sockets.size >= MAX_OF_MACHINE) {
      sockets.delete(oldest);
      oldest.destroy();
      context.counters.add("rpc-record", "crowded-out");
    }
    sockets.add(socket);
    socket.on("data", () => {
      if (sockets.delete(socket)) sockets.add(socket);
    });
    socket.on("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0 && machines.get(src) === sockets) machines.delete(src);
    });
    new RpcConnection(socket, src, dispatcher, context);
  });
}
