import { RunningDigest } from "./message.ts";

const MAX_HEAD = 65_536;
const HEAD_END = "\r\n\r\n";

/** One HTTP message, RFC 9112. */
export interface HttpMessage {
  readonly startLine: string;
  /** Names in lower case; of one that comes more than once, the values with commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** Octets of the body as far as it came. */
  readonly bodyLen: number;
  /** Digest of the body; undefined when octets of it are missing. */
  readonly sha256: string | undefined;
  /** Whether the body came to its end. */
  readonly complete: boolean;
}

type Body =
  | { readonly kind: "length"; left: number }
  | { readonly kind: "chunked"; left: number; line: string; trailer: boolean }
  | { readonly kind: "close" };

/**
 * Cuts one direction of a connection into HTTP/1 messages, in bounded memory: bodies are counted and digested, not kept.
 *
 *     head --empty line--> body --its end--> head
 *     body --a hole of the capture--> body, when its length is known; else lost
 *     head --rubbish, or a hole--> lost: nothing is read any more
 */
export class HttpReader {
  private readonly give: (message: HttpMessage) => void;
  /** Whether the next response has a body; asked once for each, in their order. */
  private readonly mayHaveBody: () => boolean;
  private head = "";
  private startLine = "";
  private headers: Map<string, string> = new Map();
  private body: Body | undefined;
  private bodyLen = 0;
  private digest: RunningDigest | undefined;
  private lost = false;

  constructor(give: (message: HttpMessage) => void, mayHaveBody: () => boolean = () => true) {
    this.give = give;
    this.mayHaveBody = mayHaveBody;
  }

  feed(octets: Uint8Array): void {
    let at = 0;
    while (at < octets.length && !this.lost) {
      at += this.body ? this.takeBody(octets.subarray(at)) : this.takeHead(octets.subarray(at));
    }
  }

  /** `len` octets of the stream are not in the capture. */
  gap(len: number): void {
    const { body } = this;
    this.digest = undefined;
    if (body?.kind === "close") this.bodyLen += len;
    else if (body?.kind === "length" && len <= body.left) {
      body.left -= len;
      this.bodyLen += len;
      if (body.left === 0) this.finish(true);
    } else {
      if (body) this.finish(false);
      this.lost = true;
    }
  }

  /** The direction is closed, or the capture ends. */
  end(): void {
    if (this.body) this.finish(this.body.kind === "close");
    this.lost = true;
  }

  private takeHead(octets: Uint8Array): number {
    const { length } = this.head;
    this.head += Buffer.from(octets).toString("latin1");
    const end = this.head.indexOf(HEAD_END, Math.max(0, length - HEAD_END.length));
    if (end < 0) {
      if (this.head.length > MAX_HEAD) this.lost = true;
      return octets.length;
    }
    const lines = this.head.slice(0, end).split("\r\n");
    this.head = "";
    this.begin(lines);
    return end + HEAD_END.length - length;
  }

  private begin(lines: readonly string[]): void {
    const [startLine = "", ...fields] = lines;
    this.startLine = startLine;
    this.headers = new Map();
    for (const line of fields) {
      const colon = line.indexOf(":");
      if (colon < 0) continue;
      const name = line.slice(0, colon).trim().toLowerCase();
      const value = line.slice(colon + 1).trim();
      const before = this.headers.get(name);
      this.headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    this.bodyLen = 0;
    this.digest = new RunningDigest();
    this.body = this.bodyKind();
    if (this.body.kind === "length" && this.body.left === 0) this.finish(true);
  }

  /** RFC 9112 section 6.3. */
  private bodyKind(): Body {
    const status = /^HTTP\/\d\.\d (\d{3})/.exec(this.startLine)?.[1];
    const none = { kind: "length", left: 0 } as const;
    if (status?.startsWith("1")) return { ...none };
    if (status !== undefined && (!this.mayHaveBody() || status === "204" || status === "304")) {
      return { ...none };
    }
    if (/\bchunked$/i.test(this.headers.get("transfer-encoding") ?? "")) {
      return { kind: "chunked", left: 0, line: "", trailer: false };
    }
    const length = this.headers.get("content-length");
    if (length !== undefined && /^\d{1,15}$/.test(length)) {
      return { kind: "length", left: Number(length) };
    }
    return status === undefined ? { ...none } : { kind: "close" };
  }

  private takeBody(octets: Uint8Array): number {
    const { body } = this;
    if (body?.kind === "length") {
      const n = Math.min(body.left, octets.length);
      this.count(octets.subarray(0, n));
      body.left -= n;
      if (body.left === 0) this.finish(true);
      return n;
    }
    if (body?.kind === "chunked") return this.takeChunked(octets, body);
    this.count(octets);
    return octets.length;
  }

  private takeChunked(octets: Uint8Array, body: Body & { kind: "chunked" }): number {
    if (body.left > 0) {
      const n = Math.min(body.left, octets.length);
      this.count(octets.subarray(0, n));
      body.left -= n;
      return n;
    }
    const octet = octets[0] ?? 0;
    body.line += String.fromCharCode(octet);
    if (body.line.length > MAX_HEAD) this.lost = true;
    if (octet !== 0x0a) return 1;
    const line = body.line.trim();
    body.line = "";
    if (body.trailer) {
      if (line === "") this.finish(true);
      return 1;
    }
    // Behind the data of a chunk stands an empty line, too.
    if (line === "") return 1;
    const len = Number.parseInt(line, 16);
    if (!Number.isFinite(len) || len < 0) this.lost = true;
    body.left = len;
    body.trailer = len === 0;
    return 1;
  }

  private count(octets: Uint8Array): void {
    this.bodyLen += octets.length;
    this.digest?.add(octets);
  }

  private finish(complete: boolean): void {
    const { startLine, headers, bodyLen, digest } = this;
    this.body = undefined;
    this.digest = undefined;
    // 100 Continue and the like come before the response proper.
    if (/^HTTP\/\d\.\d 1/.test(startLine)) return;
    const sha256 = complete ? digest?.text() : undefined;
    this.give({ startLine, headers, bodyLen, sha256, complete });
  }
}
