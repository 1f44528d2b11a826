import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** An HTTP proxy that knows CONNECT (RFC 9110 section 9.3.6) and nothing else. It ends with the test. */
export interface ConnectProxy {
  readonly port: number;
  /** Where the tunnels went. */
  readonly tunnels: readonly string[];
}

/** `credentials`: the "user:password" that it wants. */
export async function connectProxy(credentials: string): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
  };
  const wanted = `Basic ${Buffer.from(credentials).toString("base64")}`;
  const server = createServer((_, response) => response.writeHead(501).end());
  server.on("connect", (request, client: Socket) => {
    keep(client);
    if (request.headers["proxy-authorization"] !== wanted) {
      client.end("HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const store = connect(Number(port), host);
    keep(store);
    store.on("error", () => client.end("HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n"));
    store.on("connect", () => {
      tunnels.push(request.url ?? "");
      client.write("HTTP/1.1 200 x\r\n\r\n");
      client.pipe(store).pipe(client);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, tunnels };
}
