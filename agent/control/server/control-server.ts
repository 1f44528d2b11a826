import {
  createServer as createHttp,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import { errorCode } from "../../state/folder.ts";
import { CONTROL_PORT } from "../messages.ts";
import { BodyRoom, MAX_ANSWER_OCTETS, MAX_WAITING_OCTETS } from "./body-room.ts";
import {
  CONNECTION_LIMITS,
  type Connection,
  type ConnectionLimits,
  Connections,
} from "./connections.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { requestOf, send } from "./exchange.ts";

/** The first octet of a TLS record that begins a handshake (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;
const MAX_HEADER_OCTETS = 8 * 1024;
const MAX_HEADERS = 64;
const IDLE_MS = 5_000;
const BACKLOG = 128;

/** What a server is made of. */
export interface ControlServerInput {
  readonly dispatcher: Dispatcher;
  /** For TLS: the certificate and its key, PEM. */
  readonly identity: { readonly certificate: string; readonly privateKey: string };
  readonly clock: Clock;
  /** 7458 unless told otherwise; 0: any, another for each address. */
  readonly port?: number;
  readonly limits?: ConnectionLimits;
  /** Whether somebody with this address may connect at all; absent: everybody. */
  readonly admits?: (peer: string) => boolean;
  /** Told of a bug of ours. */
  readonly crash: (bug: unknown) => void;
}

/**
 * The control protocol on the network: HTTP/1.1 and HTTPS (TLS 1.3) on the same port of some addresses, which may change while it
 * runs. What a connection speaks is told by its first octet.
 */
export class ControlServer {
  private readonly input: ControlServerInput;
  private readonly connections: Connections;
  private readonly http: HttpServer;
  private readonly https: HttpsServer;
  private readonly listeners = new Map<string, Server>();
  /** Connections by their four numbers, which a TLS socket has in common with the socket below it. */
  private readonly byEnds = new Map<string, Connection>();
  /** The address of the listener that a socket came by. */
  private readonly cameBy = new WeakMap<Socket, string>();
  private readonly requests = new BodyRoom(MAX_WAITING_OCTETS);
  private readonly answers = new BodyRoom(MAX_ANSWER_OCTETS);
  private changing: Promise<unknown> = Promise.resolve();

  constructor(input: ControlServerInput) {
    this.input = input;
    this.connections = new Connections(input.clock, input.limits ?? CONNECTION_LIMITS);
    const { certificate, privateKey } = input.identity;
    const options = { maxHeaderSize: MAX_HEADER_OCTETS, keepAliveTimeout: IDLE_MS, noDelay: true };
    // Neither listens; connections are given to them when it is known which one they are for.
    this.http = createHttp(options, (q, a) => void this.serve(q, a, false));
    this.https = createHttps(
      {
        ...options,
        cert: certificate,
        key: privateKey,
        minVersion: "TLSv1.3",
        ALPNProtocols: ["http/1.1"],
      },
      (q, a) => void this.serve(q, a, true),
    );
    this.https.on("tlsClientError", (_error, socket) => this.refuse(socket));
    for (const server of [this.http, this.https]) {
      server.maxHeadersCount = MAX_HEADERS;
      server.on("clientError", (_error, socket: Duplex) => this.refuse(socket as Socket));
      server.on(
        "checkContinue",
        (q: IncomingMessage, a: ServerResponse) => void this.serve(q, a, server === this.https),
      );
      server.on("connect", (_q, socket: Duplex) => this.refuse(socket as Socket));
    }
  }

  /**
   * Listens on these addresses and on no others: texts, of IPv6 with a zone where it is link-local ("fe80::1%eth0").
   *
   * Connections by an address that is not among them are ended. Resolves with what could not be listened on and why; those are
   * tried again by the next call.
   */
  listenOn(addresses: readonly string[]): Promise<ReadonlyMap<string, AgentError>> {
    const change = this.changing.then(() => this.change(new Set(addresses)));
    this.changing = change.catch(() => undefined);
    return change;
  }

  /** Where it listens. */
  addresses(): readonly { readonly address: string; readonly port: number }[] {
    return [...this.listeners].map(([address, server]) => {
      const bound = server.address();
      return { address, port: typeof bound === "object" && bound !== null ? bound.port : 0 };
    });
  }

  /** Connections that are open. */
  get size(): number {
    return this.connections.size;
  }

  /** Connections ended or refused, as "control REASON". */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.connections.counters()].map(([why, n]) => [`control ${why}`, n]),
    );
  }

  /** Listens no more and ends all connections; streams end by their signal. */
  async close(): Promise<void> {
    await this.listenOn([]);
    this.connections.endAll();
    this.http.close();
    this.https.close();
  }

  private async change(wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, AgentError>> {
    for (const [address, server] of this.listeners) {
      if (wanted.has(address)) continue;
      this.listeners.delete(address);
      const closed = new Promise((resolve) => server.close(resolve));
      this.connections.endAll((socket) => this.cameBy.get(socket) === address);
      await closed;
    }
    const failed = new Map<string, AgentError>();
    for (const address of wanted) {
      if (this.listeners.has(address)) continue;
      try {
        this.listeners.set(address, await this.listen(address));
      } catch (error) {
        failed.set(address, whyNotOn(address, this.port, error));
      }
    }
    return failed;
  }

  private get port(): number {
    return this.input.port ?? CONTROL_PORT;
  }

  private listen(host: string): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) => this.accept(socket, host));
      server.once("error", reject);
      server.listen(
        { host, port: this.port, backlog: BACKLOG, ipv6Only: true, exclusive: true },
        () => {
          server.off("error", reject);
          // What is reported later is of one connection that could not be accepted.
          server.on("error", () => undefined);
          resolve(server);
        },
      );
    });
  }

  private accept(socket: Socket, address: string): void {
    socket.on("error", () => socket.destroy());
    const { remoteAddress, localAddress } = socket;
    const here = remoteAddress === localAddress;
    if (!here && this.input.admits?.(remoteAddress ?? "") === false) {
      this.connections.reject(socket, "elsewhere");
      return;
    }
    const connection = this.connections.admit(socket);
    if (!connection) return;
    this.cameBy.set(socket, address);
    const ends = endsOf(socket);
    this.byEnds.set(ends, connection);
    socket.once("close", () => this.byEnds.delete(ends));
    socket.once("data", (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      const server = first[0] === TLS_HANDSHAKE ? this.https : this.http;
      server.emit("connection", socket);
      process.nextTick(() => socket.resume());
    });
  }

  private async serve(
    incoming: IncomingMessage,
    response: ServerResponse,
    isTls: boolean,
  ): Promise<void> {
    const connection = this.byEnds.get(endsOf(incoming.socket));
    if (!connection || !this.connections.headerDone(connection, incoming.socket)) {
      incoming.socket.destroy();
      return;
    }
    incoming.once("end", () => this.connections.bodyDone(connection));
    incoming.on("error", () => undefined);
    response.on("error", () => undefined);
    try {
      // Nothing is in a body that no header announces, but its end comes only when it is read.
      if (!hasBody(incoming)) incoming.resume();
      const reply = await this.input.dispatcher.answer(
        requestOf(incoming, response, isTls, this.requests),
      );
      await send(reply, incoming, response, this.answers);
    } catch (bug) {
      incoming.socket.destroy();
      this.input.crash(bug);
      return;
    }
    this.connections.answered(connection);
  }

  /** Ends what is neither HTTP nor TLS, or not as it should be. */
  private refuse(socket: Socket): void {
    const connection = this.byEnds.get(endsOf(socket));
    if (socket.writable && !socket.destroyed)
      socket.write("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    if (connection) this.connections.end(connection, "not HTTP");
    socket.destroy();
  }
}

function endsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

function hasBody(incoming: IncomingMessage): boolean {
  const { headers } = incoming;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function whyNotOn(address: string, port: number, cause: unknown): AgentError {
  const code = errorCode(cause);
  if (code === "EADDRINUSE") {
    return new AgentError(
      "E_PORT_IN_USE",
      `port ${port} of ${address} is taken by another program`,
      { cause },
    );
  }
  const why = code === "EADDRNOTAVAIL" ? "the host does not have this address now" : String(code);
  return new AgentError("E_INTERFACE", `cannot listen on ${address} port ${port}: ${why}`, {
    cause,
  });
}
