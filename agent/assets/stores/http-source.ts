import { createHash } from "node:crypto";
import type { SourceSpec } from "../../site/site.ts";
import { exchange, type HttpHop, type HttpResponse, urlLabel } from "./http-exchange.ts";
import { isSameVersion, parseContentRange, rangeCondition, versionOf } from "./http-version.ts";
import { authorization } from "./secret.ts";
import type { ObjectVersion, OpenObject, OpenRequest, Probe, Source } from "./source.ts";
import type { StoreEnvironment } from "./store-environment.ts";
import { StoreError } from "./store-error.ts";

type HttpSpec = Extract<SourceSpec, { kind: "http" }>;

/** Statuses with which servers say that they know no HEAD here: a signed URL is often good for GET alone. */
const NO_HEAD: readonly number[] = [403, 405, 501];

/** An object that has a URL. */
export class HttpSource implements Source {
  readonly id: string;
  readonly label: string;
  readonly local = false;
  private readonly spec: HttpSpec;
  private readonly env: StoreEnvironment;

  constructor(spec: HttpSpec, env: StoreEnvironment) {
    const { origin, pathname, search } = new URL(spec.url);
    this.spec = spec;
    this.env = env;
    this.label = urlLabel(spec.url);
    // A query tells objects apart, but may hold a signature, and ids are written down.
    const query = search === "" ? "" : `?${digest(search)}`;
    this.id = `http ${origin}${pathname}${query}`;
  }

  async probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe> {
    const headers = conditions(known);
    let answer: HttpResponse;
    try {
      answer = await this.ask("HEAD", { headers, wanted: [200, 304], signal });
    } catch (error) {
      if (!(error instanceof StoreError) || !NO_HEAD.includes(error.status ?? 0)) throw error;
      const first = { ...headers, range: "bytes=0-0" };
      answer = await this.ask("GET", { headers: first, wanted: [200, 206, 304, 416], signal });
    }
    answer.discard();
    if (answer.status === 304) return { changed: false };
    const version = versionOf(answer, this.fileName);
    return isSameVersion(known, version) ? { changed: false } : { changed: true, version };
  }

  async open({ from, version, signal }: OpenRequest): Promise<OpenObject> {
    const condition = from > 0 ? rangeCondition(version) : undefined;
    if (version !== undefined && condition !== undefined) {
      const rest = await this.openRest(from, version, condition, signal);
      if (rest !== undefined) return rest;
    }
    const answer = await this.ask("GET", { headers: {}, wanted: [200], signal });
    return this.whole(answer);
  }

  /** The octets from `from` on, or all of them where the store gives those; undefined: it must be asked for all of them. */
  private async openRest(
    from: number,
    version: ObjectVersion,
    condition: string,
    signal: AbortSignal,
  ): Promise<OpenObject | undefined> {
    // Of an object that is there in full the last octet is asked for again, since a range must not be empty.
    const ask = from === version.size ? from - 1 : from;
    const headers = { range: `bytes=${ask}-`, "if-range": condition };
    const answer = await this.ask("GET", { headers, wanted: [200, 206, 416], signal });
    if (answer.status === 200) return this.whole(answer);
    if (answer.status === 416 || answer.decoded) {
      answer.discard();
      return undefined;
    }
    const range = parseContentRange(answer.headers["content-range"]);
    if (range === undefined || range.first !== ask) {
      answer.discard();
      const sent = range === undefined ? "no such range" : `those from ${range.first} on`;
      throw this.broken(`it was asked for the octets from ${ask} on and sent ${sent}`);
    }
    const now = versionOf(answer, this.fileName);
    const size = now.size ?? version.size;
    if (!isCompatible(version, now)) {
      // If-Range was ignored: these are octets of another version.
      answer.discard();
      return undefined;
    }
    if (size !== undefined && range.last !== size - 1) {
      answer.discard();
      throw this.broken(
        `it sent octets ${range.first} to ${range.last} of ${size}, and not the rest`,
      );
    }
    return {
      from,
      version: { ...version, ...now },
      octets: this.framed(answer, range.last + 1 - ask, from - ask),
      lent: false,
    };
  }

  private whole(answer: HttpResponse): OpenObject {
    return {
      from: 0,
      version: versionOf(answer, this.fileName),
      octets: answer.octets,
      // A decoder gives out parts of a buffer that it goes on to use.
      lent: answer.decoded,
    };
  }

  /** Holds a range to its announced length, and leaves out the first `skip` octets. */
  private async *framed(
    { octets }: HttpResponse,
    length: number,
    skip: number,
  ): AsyncGenerator<Uint8Array> {
    let got = 0;
    for await (const piece of octets) {
      const left = Math.max(skip - got, 0);
      got += piece.length;
      if (got > length) throw this.broken(`it announced ${length} octets and sent ${got} or more`);
      if (piece.length > left) yield left > 0 ? piece.subarray(left) : piece;
    }
    if (got < length) throw this.broken(`it announced ${length} octets and sent ${got}`);
  }

  private ask(
    method: "GET" | "HEAD",
    ask: {
      readonly headers: Readonly<Record<string, string>>;
      readonly wanted: readonly number[];
      readonly signal: AbortSignal;
    },
  ): Promise<HttpResponse> {
    const { url, access } = this.spec;
    return exchange(this.env, {
      method,
      url,
      ...ask,
      ...(access.ca !== undefined && { ca: access.ca }),
      authorize: (hop) => this.credentials(hop),
    });
  }

  private async credentials(hop: HttpHop): Promise<Readonly<Record<string, string>>> {
    if (!hop.sameOrigin) return {};
    const header = await authorization(this.spec.access, this.env);
    if (header === undefined) return {};
    if (hop.url.protocol === "http:") {
      this.env.warn(
        `credentials are sent to ${hop.url.host} without TLS: everybody on the way can read them`,
      );
    }
    return { authorization: header };
  }

  private get fileName(): string | undefined {
    const last = new URL(this.spec.url).pathname.split("/").at(-1) ?? "";
    try {
      return decodeURIComponent(last) || undefined;
    } catch {
      return last;
    }
  }

  private broken(why: string): StoreError {
    return new StoreError("E_STORE_BROKEN", `${this.label}: ${why}`);
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function conditions(known: ObjectVersion | undefined): Readonly<Record<string, string>> {
  if (known?.etag !== undefined) return { "if-none-match": known.etag };
  if (known?.lastModified !== undefined) return { "if-modified-since": known.lastModified };
  return {};
}

/** Whether nothing that both versions say differs. */
function isCompatible(a: ObjectVersion, b: ObjectVersion): boolean {
  const agree = <T>(x: T | undefined, y: T | undefined): boolean =>
    x === undefined || y === undefined || x === y;
  return agree(a.size, b.size) && agree(a.etag, b.etag) && agree(a.lastModified, b.lastModified);
}
