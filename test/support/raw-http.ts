import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it came over the wire. */
export interface RawRequest {
  readonly method: string;
  /** As the request line has it. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawServer {
  /** "http://127.0.0.1:PORT". */
  readonly origin: string;
  readonly port: number;
  readonly requests: readonly RawRequest[];
  /** Connections that are open now. */
  readonly open: () => number;
  /** Sends RST on every connection. */
  readonly reset: () => void;
  /** Listens no more, and closes every connection. */
  readonly close: () => Promise<void>;
}

/** A server that says exactly what a test writes into the socket, lies included. It ends with the test. `greeting`: said at once. */
export async function rawHttp(
  answer: (request: RawRequest, socket: Socket) => void,
  greeting?: string,
): Promise<RawServer> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    if (greeting !== undefined) socket.write(greeting);
    let text = "";
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
      for (let whole = parse(text); whole !== undefined; whole = parse(text)) {
        text = text.slice(whole.len);
        requests.push(whole.request);
        answer(whole.request, socket);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    open: () => sockets.size,
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close,
  };
}

function parse(text: string): { readonly len: number; readonly request: RawRequest } | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const [line = "", ...fields] = text.slice(0, head).split("\r\n");
  const [method = "", target = ""] = line.split(" ");
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(":");
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
  const len = head + 4 + Number(headers["content-length"] ?? 0);
  if (text.length < len) return undefined;
  return { len, request: { method, target, headers, body: text.slice(head + 4, len) } };
}

/** An answer with Content-Length, unless `headers` has one or says otherwise how it ends. */
export function say(
  socket: Socket,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = "",
): void {
  const names = new Set(Object.keys(headers).map((n) => n.toLowerCase()));
  const framed =
    names.has("content-length") || names.has("transfer-encoding") || names.has("connection");
  const all = framed ? headers : { ...headers, "Content-Length": String(body.length) };
  const lines = Object.entries(all).map(([k, v]) => `${k}: ${v}\r\n`);
  socket.write(`HTTP/1.1 ${status} x\r\n${lines.join("")}\r\n`);
  if (body.length > 0) socket.write(body);
}
