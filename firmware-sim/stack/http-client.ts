import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { BootFailure, type BootScript, pause } from "../boot-script.ts";
import type { IncomingFile } from "../content.ts";
import type { HostStack } from "./host-stack.ts";
import { type TcpStream, tcpConnect } from "./tcp-stream.ts";

/** How long one HTTP client waits. */
export interface HttpPatience {
  /** Nothing at all for so long in the midst of a body ends a request, ms. */
  readonly idleMs: number;
  /** How long a response may take to begin, ms. */
  readonly responseMs: number;
}

/** iPXE has no limit of its own for a response: it waits for as long as the connection is alive. This one ends a simulation. */
const IPXE_PATIENCE: HttpPatience = { idleMs: 30_000, responseMs: 600_000 };
const MAX_HEADER_LEN = 16_384;

/** Where to get a file: `host` as it goes into the Host header. */
export interface HttpTarget {
  readonly address: Ipv4;
  readonly port: number;
  readonly host: string;
  /** From the first slash on, with the query. */
  readonly path: string;
  readonly url: string;
}

interface Head {
  /** Seconds after which a request that was refused is to be made again; undefined: it was not refused. */
  readonly retryAfter: number | undefined;
  readonly contentLength: number;
  /** The server closes after this response. */
  readonly closes: boolean;
}

/**
 * A small HTTP/1.1 client as a boot ROM has one: GET and HEAD, one connection that is kept, bodies by Content-Length.
 *
 * Anything but 200 with a Content-Length is refused, so is a body that is shorter or longer than announced. A refusal with
 * Retry-After is not the end: as iPXE does it (http_parse_retry_after in src/net/tcp/httpcore.c), the same is asked again then.
 */
export class HttpClient {
  private readonly host: HostStack;
  private readonly userAgent: string;
  private readonly patience: HttpPatience;
  private stream: TcpStream | undefined;
  /** Octets that were received and not yet used. */
  private rest: Octets = Octets.alloc(0);

  constructor(host: HostStack, userAgent: string, patience: HttpPatience = IPXE_PATIENCE) {
    this.host = host;
    this.userAgent = userAgent;
    this.patience = patience;
  }

  /** Gets one file; `open` is told the size. Returns what `complete` says: the octets. */
  *get(target: HttpTarget, open: (total: number) => IncomingFile): BootScript<number> {
    for (;;) {
      const stream = yield* this.request(target);
      const head = yield* this.readHead(stream, target);
      if (head.retryAfter === undefined) return yield* this.readBody(stream, target, head, open);
      this.close();
      yield* pause(this.host, this.host.nowMs + head.retryAfter * 1_000);
    }
  }

  /** Asks for the size of a file, as UEFI does before it gets it. A refusal is the end. */
  *head(target: HttpTarget): BootScript<number> {
    const stream = yield* this.request(target, "HEAD");
    const { retryAfter, contentLength, closes } = yield* this.readHead(stream, target);
    if (retryAfter !== undefined) throw failure(target, "not available now");
    if (closes) this.close();
    return contentLength;
  }

  private *request(target: HttpTarget, method = "GET"): BootScript<TcpStream> {
    const stream = yield* this.connect(target);
    stream.send(
      ascii(
        `${method} ${target.path} HTTP/1.1\r\nConnection: keep-alive\r\n` +
          `User-Agent: ${this.userAgent}\r\nHost: ${target.host}\r\n\r\n`,
      ),
    );
    return stream;
  }

  private *readBody(
    stream: TcpStream,
    target: HttpTarget,
    head: Head,
    open: (total: number) => IncomingFile,
  ): BootScript<number> {
    const file = open(head.contentLength);
    while (file.received < head.contentLength) {
      if (this.rest.u8.length === 0) this.rest = yield* this.more(stream, target, file, head);
      const len = Math.min(this.rest.u8.length, head.contentLength - file.received);
      file.piece(this.rest, 0, len);
      this.rest = new Octets(this.rest.u8.subarray(len));
    }
    if (this.rest.u8.length > 0) {
      throw failure(
        target,
        `${this.rest.u8.length} octets more than Content-Length: ${head.contentLength}`,
      );
    }
    if (head.closes) this.close();
    return file.complete();
  }

  /** Lets the connection go. */
  close(): void {
    this.stream?.close();
    this.stream = undefined;
    this.rest = Octets.alloc(0);
  }

  private *connect(target: HttpTarget): BootScript<TcpStream> {
    const { stream } = this;
    const { address, port } = target;
    if (stream && stream.remote === address && stream.remotePort === port && !stream.ended) {
      return stream;
    }
    this.close();
    const opened = yield* tcpConnect(this.host, address, port);
    this.stream = opened;
    return opened;
  }

  private *more(
    stream: TcpStream,
    target: HttpTarget,
    file: IncomingFile,
    head: Head,
  ): BootScript<Octets> {
    const piece = yield* stream.receive(this.host.nowMs + this.patience.idleMs);
    if (piece) return piece;
    const why = stream.ended ? "the connection ended" : "nothing more came";
    throw failure(
      target,
      `${why} after ${file.received} octets, Content-Length: ${head.contentLength}`,
    );
  }

  private *readHead(stream: TcpStream, target: HttpTarget): BootScript<Head> {
    let text = "";
    for (;;) {
      const piece = yield* stream.receive(this.host.nowMs + this.patience.responseMs);
      if (!piece) {
        const why = stream.ended ? "the connection was closed" : "no response";
        throw failure(target, `${why}${this.host.explainRefusals()}`);
      }
      const known = text.length;
      for (const c of piece.u8) text += String.fromCharCode(c);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.rest = new Octets(piece.u8.subarray(end + 4 - known));
        return parseHead(text.slice(0, end), target);
      }
      if (text.length > MAX_HEADER_LEN) throw failure(target, "the response header has no end");
    }
  }
}

function parseHead(text: string, target: HttpTarget): Head {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const [, version = "", status = "", reason = ""] =
    /^HTTP\/(1\.[01]) (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
  if (version === "") throw failure(target, `not an HTTP response: ${statusLine}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw failure(target, `a malformed header line: ${line}`);
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const after = headers.get("retry-after");
  if (status !== "200") {
    if (after === undefined || !/^\d+$/.test(after)) {
      throw failure(target, `${status} ${reason}`.trimEnd());
    }
    return { retryAfter: Number(after), contentLength: 0, closes: true };
  }
  const length = headers.get("content-length");
  if (headers.has("transfer-encoding")) throw failure(target, "a Transfer-Encoding was used");
  if (length === undefined || !/^\d+$/.test(length)) {
    throw failure(target, `Content-Length is ${length ?? "missing"}`);
  }
  const connection = headers.get("connection")?.toLowerCase();
  const closes = connection === "close" || (version === "1.0" && connection !== "keep-alive");
  return { retryAfter: undefined, contentLength: Number(length), closes };
}

function failure(target: HttpTarget, reason: string): BootFailure {
  return new BootFailure("http", `${target.url} at ${formatIpv4(target.address)}: ${reason}`);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0) & 0x7f);
}
