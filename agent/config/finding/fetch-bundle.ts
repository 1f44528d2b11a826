import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { AgentError } from "../../errors.ts";
import type { Identity } from "../../identity/identity.ts";
import { printableCut } from "../../log/printable.ts";

/** A bundle has at most so many octets. */
const MAX_LEN: number = 4 * 1024 * 1024;
const MAX_HEADER_LEN = 16 * 1024;
const MAX_ETAG_LEN = 200;
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  "application/cose",
  "application/octet-stream",
  "binary/octet-stream",
  "",
]);

/** Milliseconds. */
export interface FetchTimeouts {
  /** TCP and TLS together. */
  readonly connectMs: number;
  /** Without an octet. */
  readonly idleMs: number;
  readonly allMs: number;
}

export const FETCH_TIMEOUTS: FetchTimeouts = { connectMs: 5_000, idleMs: 10_000, allMs: 60_000 };

/** What a server said. */
export type Fetched =
  | { readonly kind: "bundle"; readonly octets: Uint8Array; readonly etag: string | undefined }
  /** It has what `etag` names. */
  | { readonly kind: "unchanged" }
  /** It has nothing for this agent. */
  | { readonly kind: "none" };

export interface FetchOrder {
  /** http: or https:, with its query. */
  readonly url: URL;
  /** Where to connect instead of to the URL's host: an IPv6 address with a zone cannot stand in a URL. */
  readonly address?: string;
  readonly etag: string | undefined;
  /** Presented to a server that asks for a certificate. */
  readonly identity: Identity;
  /**
   * Whether the holder of this Ed25519 key (32 octets) may give configuration away. Where it says no, or the certificate is of
   * another kind, only an authority that this host trusts can speak for the server.
   */
  readonly trusts: (publicKey: Uint8Array) => boolean;
  /** No authority will do. */
  readonly keyOnly?: boolean;
  /** Authorities in PEM format; without them those that Node has. */
  readonly authorities?: string;
  readonly signal: AbortSignal;
  readonly timeouts?: FetchTimeouts;
}

/**
 * Fetches a bundle over HTTP. The server of an https: URL has proven who it is before it is asked.
 *
 * Rejects with E_UNREACHABLE: no answer, not in time, or not that of a configuration server; E_FORBIDDEN: it is not trusted.
 */
export async function fetchBundle(order: FetchOrder): Promise<Fetched> {
  const { url, timeouts = FETCH_TIMEOUTS } = order;
  const where = printableCut(`${url.protocol}//${url.host}`, 80);
  const limit = AbortSignal.any([order.signal, AbortSignal.timeout(timeouts.allMs)]);
  let socket: Socket | undefined;
  try {
    socket = await open(order, timeouts, where, limit);
    return await ask(order, socket, timeouts, where, limit);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    const late = limit.aborted && !order.signal.aborted;
    const why = late ? `took longer than ${timeouts.allMs / 1_000} s` : reasonOf(cause);
    throw new AgentError("E_UNREACHABLE", `${where}: ${why}`, { cause, cure: CURE });
  } finally {
    socket?.destroy();
  }
}

const CURE =
  "It is asked again by itself. Check that the configuration server is on, and what it says of this agent.";

/** Connects, and for https: makes sure who is there. */
async function open(
  order: FetchOrder,
  timeouts: FetchTimeouts,
  where: string,
  signal: AbortSignal,
): Promise<Socket> {
  const { url, identity, trusts } = order;
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const host = order.address ?? name;
  const tls = url.protocol === "https:";
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  const socket = tls
    ? connectTls({
        host,
        port,
        // Without a name of its own the server's certificate is compared with the address.
        ...(isIP(name) === 0 ? { servername: name } : {}),
        minVersion: "TLSv1.2",
        ALPNProtocols: ["http/1.1"],
        cert: identity.certificate,
        key: identity.privateKey,
        ...(order.authorities === undefined ? {} : { ca: order.authorities }),
        // Whoever holds an operator's key needs no authority; all others are judged below.
        rejectUnauthorized: false,
      })
    : connectTcp({ host, port });
  try {
    await settled(socket, tls ? "secureConnect" : "connect", timeouts.connectMs, signal);
    if (tls) judge(socket as TLSSocket, trusts, order.keyOnly === true, where);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function settled(socket: Socket, event: string, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error(`no connection after ${ms / 1_000} s`)), ms);
    const abort = (): void => fail(new Error("given up"));
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    const fail = (error: Error): void => {
      end();
      socket.destroy();
      reject(error);
    };
    socket.once(event, () => {
      end();
      resolve();
    });
    // It stays for what comes after: an error without a listener would end the process.
    socket.on("error", fail);
    socket.once("close", () => fail(new Error("it hung up")));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

function judge(
  socket: TLSSocket,
  trusts: FetchOrder["trusts"],
  keyOnly: boolean,
  where: string,
): void {
  const key = rawKeyOf(socket);
  if (key !== undefined && trusts(key)) return;
  if (!keyOnly && socket.authorized) return;
  const kind =
    key === undefined ? "no operator's key" : "a key that is not that of a trusted operator";
  const why = keyOnly ? "" : `, and no authority vouches for it (${socket.authorizationError})`;
  throw new AgentError("E_FORBIDDEN", `${where}: its certificate has ${kind}${why}`, {
    cure: "Start `pilotlight publish` with a key that this agent trusts, or give the server a certificate of an authority that this host trusts.",
  });
}

/** The 32 octets of an Ed25519 key; TLS has made sure that the server holds its private half. */
function rawKeyOf(socket: TLSSocket): Uint8Array | undefined {
  try {
    const key = socket.getPeerX509Certificate()?.publicKey;
    if (key?.asymmetricKeyType !== "ed25519") return;
    return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
  } catch {
    // A key that OpenSSL cannot show is not one that we trust.
    return;
  }
}

function ask(
  order: FetchOrder,
  socket: Socket,
  timeouts: FetchTimeouts,
  where: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const { url, etag } = order;
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = request(
      {
        createConnection: () => socket,
        method: "GET",
        path: `${url.pathname}${url.search}`,
        headers: {
          host: url.host,
          accept: "application/cose",
          connection: "close",
          "user-agent": "pilotlight",
          ...(etag === undefined ? {} : { "if-none-match": etag }),
        },
        maxHeaderSize: MAX_HEADER_LEN,
        signal,
      },
      (response) => read(response, where).then(resolve, reject),
    );
    asked.on("error", reject);
    socket.setTimeout(timeouts.idleMs, () => {
      socket.destroy(new Error(`silent for ${timeouts.idleMs / 1_000} s`));
    });
    asked.end();
  });
}

async function read(response: IncomingMessage, where: string): Promise<Fetched> {
  const { statusCode = 0, headers } = response;
  if (statusCode === 304) return { kind: "unchanged" };
  if (statusCode === 404) return { kind: "none" };
  if (statusCode !== 200) throw broken(where, `answers with status ${statusCode}`);
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (!MEDIA_TYPES.has(type)) throw broken(where, `gives "${printableCut(type, 40)}", no bundle`);
  if (headers["content-encoding"] !== undefined) throw broken(where, "gives an encoded body");
  if (Number(headers["content-length"] ?? 0) > MAX_LEN) throw tooLong(where);
  const pieces: Buffer[] = [];
  let len = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    len += piece.length;
    if (len > MAX_LEN) throw tooLong(where);
    pieces.push(piece);
  }
  const { etag } = headers;
  const kept = etag !== undefined && etag.length <= MAX_ETAG_LEN ? etag : undefined;
  return { kind: "bundle", octets: Buffer.concat(pieces, len), etag: kept };
}

function tooLong(where: string): AgentError {
  return broken(where, `gives more than ${MAX_LEN / 1024 / 1024} MiB`);
}

function broken(where: string, what: string): AgentError {
  return new AgentError("E_UNREACHABLE", `${where}: ${what}`, { cure: CURE });
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return printableCut(text === "" ? "no connection" : text, 160);
}
