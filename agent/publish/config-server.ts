import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { AgentError } from "../errors.ts";
import { publicKeyOfObject } from "../identity/ed25519.ts";
import type { Asker } from "./assignment.ts";

/** Of the one thing that is served. */
export const BUNDLE_PATH = "/v1/bundle";
/** COSE's own media type (RFC 9052 section 11.3.1). */
const MEDIA_TYPE = 'application/cose; cose-type="cose-sign1"';

const MOST_CONNECTIONS = 256;
const MOST_OF_ONE = 16;
const IDLE_MS = 5_000;
/** A bundle of 4 MiB over a poor radio link. */
const ANSWER_MS = 120_000;
const MAX_HEADER_OCTETS = 8_192;
const MAX_TEXT = 255;

/** What is given to an asker; `none`: nothing is for it. */
export type Given =
  | { readonly kind: "bundle"; readonly octets: Uint8Array; readonly digest: string }
  | { readonly kind: "none" };

/** How an asker was answered. */
export type Answered = "sent" | "unchanged" | "none";

/** How long askers may take, ms. */
export interface ServerTiming {
  readonly handshakeMs: number;
  /** For a whole request. */
  readonly headersMs: number;
  /** How often that is looked after. */
  readonly checkMs: number;
}

const TIMING: ServerTiming = { handshakeMs: 5_000, headersMs: 5_000, checkMs: 1_000 };

export interface ConfigServerOptions {
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly give: (asker: Asker) => Given;
  /** Told when an answer is out as a whole. */
  readonly answered: (asker: Asker, how: Answered, digest: string | undefined) => void;
  /** A connection that could not be used is told in few words: it may be an agent that does not trust the certificate. */
  readonly failed: (address: string, why: string) => void;
  readonly timing?: ServerTiming;
}

/**
 * Serves bundles over HTTPS. Who the asker is, is proven by the key of its TLS certificate alone: no authority signs it. TLS 1.3
 * checks in the handshake that the asker has that key (RFC 8446 section 4.4.3).
 */
export class ConfigServer {
  private readonly options: ConfigServerOptions;
  private readonly servers: Server[] = [];
  private readonly connections = new Map<Socket, string>();

  constructor(options: ConfigServerOptions) {
    this.options = options;
  }

  /** Listens; `host` undefined: on all addresses. Resolves with the port. Rejects with E_PORT_IN_USE or E_INTERFACE. */
  async listen(host: string | undefined, port: number): Promise<number> {
    const { certificate, privateKey, timing = TIMING } = this.options;
    const { handshakeMs, headersMs, checkMs } = timing;
    const server = createServer(
      {
        ...{ cert: certificate, key: privateKey, minVersion: "TLSv1.3" },
        ...{ requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] },
        ...{ handshakeTimeout: handshakeMs, maxHeaderSize: MAX_HEADER_OCTETS },
        ...{ headersTimeout: headersMs, requestTimeout: headersMs, keepAliveTimeout: IDLE_MS },
        connectionsCheckingInterval: checkMs,
      },
      (request, response) => this.answer(request, response),
    );
    server.on("connection", (socket: Socket) => this.admit(socket));
    server.on("tlsClientError", (error, socket) => {
      this.options.failed(addressOf(socket), error.message);
      socket.destroy();
    });
    server.on("clientError", (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.on("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(cause, port)));
      server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
    });
    this.servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = this.servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.connections.keys()) socket.destroy();
    await Promise.all(closed);
  }

  /** Who has too many connections gets no more, and nobody when all are taken. */
  private admit(socket: Socket): void {
    const host = hostOf(socket.remoteAddress ?? "");
    let same = 0;
    for (const other of this.connections.values()) if (other === host) same += 1;
    if (same >= MOST_OF_ONE || this.connections.size >= MOST_CONNECTIONS) {
      socket.destroy();
      return;
    }
    this.connections.set(socket, host);
    socket.on("close", () => this.connections.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    // The whole of it has its time: who reads an octet a second is nobody's agent.
    const late = setTimeout(() => request.socket.destroy(), ANSWER_MS);
    response.on("close", () => clearTimeout(late));
    const asker = askerOf(request);
    const refusal = refusalOf(request, asker);
    if (refusal !== undefined || asker === undefined) {
      end(response, refusal ?? 400);
      return;
    }
    const given = this.options.give(asker);
    if (given.kind === "none") {
      this.options.answered(asker, "none", undefined);
      end(response, 404);
      return;
    }
    const { octets, digest } = given;
    const etag = `"${digest}"`;
    const headers = { ETag: etag, "Cache-Control": "private, no-cache" };
    if (names(request.headers["if-none-match"], etag)) {
      this.options.answered(asker, "unchanged", digest);
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      "Content-Type": MEDIA_TYPE,
      "Content-Length": octets.length,
    });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    response.on("finish", () => this.options.answered(asker, "sent", digest));
    response.end(octets);
  }
}

/** Undefined for what is not an address of ours, or not asked as agents ask. */
function askerOf(request: IncomingMessage): Asker | undefined {
  const base = "https://agent.invalid";
  if (!URL.canParse(request.url ?? "", base)) return undefined;
  const url = new URL(request.url ?? "", base);
  if (url.pathname !== BUNDLE_PATH) return undefined;
  const [agent, name, board] = ["agent", "name", "board"].map(
    (key) => url.searchParams.get(key) ?? "",
  ) as [string, string, string];
  if ([agent, name, board].some((text) => text.length > MAX_TEXT)) return undefined;
  const { socket } = request;
  return { proven: provenBy(socket as TLSSocket), agent, name, board, address: addressOf(socket) };
}

function refusalOf({ method, headers }: IncomingMessage, asker: unknown): number | undefined {
  if (method !== "GET" && method !== "HEAD") return 405;
  // Pages that a browser shows have no business here.
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return 403;
  return asker === undefined ? 404 : undefined;
}

function provenBy(socket: TLSSocket): string | undefined {
  try {
    const key = socket.getPeerX509Certificate()?.publicKey;
    return key && publicKeyOfObject(key)?.fingerprint;
  } catch {
    // A certificate of a kind of key that this Node cannot read.
    return undefined;
  }
}

/** RFC 9110 section 13.1.2: a list of tags, weak or not, or any. */
function names(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}

function end(response: ServerResponse, status: number): void {
  const headers = { "Content-Length": 0, ...(status === 405 ? { Allow: "GET, HEAD" } : {}) };
  // What a body may still hold is not read.
  response.writeHead(status, { ...headers, Connection: "close" }).end();
}

function addressOf(socket: { readonly remoteAddress?: string | undefined }): string {
  return (socket.remoteAddress ?? "?").replace(/^::ffff:(?=[\d.]+$)/, "");
}

/** What counts as one host: an IPv4 address, or the first 64 bits of an IPv6 one. */
function hostOf(remote: string): string {
  const address = remote.replace(/^::ffff:(?=[\d.]+$)/, "");
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? 0 : tail.split(":").length;
    while (groups.length + after < 8) groups.push("0");
  }
  return groups.slice(0, 4).join(":");
}

function cannotListen(cause: NodeJS.ErrnoException, port: number): AgentError {
  if (cause.code === "EADDRINUSE") {
    return new AgentError("E_PORT_IN_USE", `TCP port ${port}`, {
      cause,
      cure: "Give another with --port, or stop the program that holds it (`ss -ltnp`).",
    });
  }
  return new AgentError("E_INTERFACE", `cannot listen on port ${port}: ${cause.message}`, {
    cause,
  });
}
