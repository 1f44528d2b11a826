import type { HttpResponse } from "./http-exchange.ts";
import { objectId, objectLabel, type S3Target } from "./s3-address.ts";
import { objectSize, s3Request } from "./s3-request.ts";
import { UNSIGNED_PAYLOAD } from "./s3-signature.ts";
import type { ObjectVersion, OpenObject, OpenRequest, Probe, Source } from "./source.ts";
import type { StoreEnvironment } from "./store-environment.ts";
import { StoreError } from "./store-error.ts";

/**
 * An object in an S3-compatible store (AWS, iDrive e2, MinIO, Garage, Ceph, Swift).
 *
 * Goes on with Range and If-Match: S3 answers 412 where the object is another one by now, and knows no If-Range. An ETag is
 * taken as it is; that of a multipart upload is no digest of anything.
 */
export class S3Source implements Source {
  readonly id: string;
  readonly label: string;
  readonly local = false;
  private readonly target: S3Target;
  private readonly env: StoreEnvironment;

  constructor(target: S3Target, env: StoreEnvironment) {
    this.target = target;
    this.env = env;
    this.id = objectId(target);
    this.label = objectLabel(target);
  }

  async probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe> {
    const response = await s3Request(this.env, this.target, {
      method: "HEAD",
      ...(known?.etag !== undefined && { headers: { "if-none-match": known.etag } }),
      payload: UNSIGNED_PAYLOAD,
      wanted: [200, 304],
      signal,
    });
    response.discard();
    if (response.status === 304) return { changed: false };
    const version = this.versionOf(response);
    return isSame(known, version) ? { changed: false } : { changed: true, version };
  }

  async open({ from, version, signal }: OpenRequest): Promise<OpenObject> {
    const etag = version?.etag;
    if (from > 0 && etag !== undefined && !etag.startsWith("W/")) {
      const rest = await this.fetch({ range: `bytes=${from}-`, "if-match": etag }, signal);
      if (rest.status === 200) return this.opened(0, rest);
      // Without an ETag there is no telling whether the store heeded If-Match.
      const { etag: theirs } = rest.headers;
      if (rest.status === 206 && theirs === etag && !rest.decoded) {
        this.checkRange(rest, from, version?.size);
        return this.opened(from, rest);
      }
      rest.discard();
    }
    const whole = await this.fetch({}, signal);
    if (whole.status === 200) return this.opened(0, whole);
    whole.discard();
    throw this.broken(`answered status ${whole.status} to a request for the whole object`);
  }

  /** 200, 206, 412 or 416. */
  private fetch(
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    return s3Request(this.env, this.target, {
      method: "GET",
      headers,
      payload: UNSIGNED_PAYLOAD,
      wanted: "range" in headers ? [200, 206, 412, 416] : [200, 206],
      signal,
    });
  }

  private opened(from: number, response: HttpResponse): OpenObject {
    return { from, version: this.versionOf(response), octets: response.octets };
  }

  private checkRange(response: HttpResponse, from: number, size: number | undefined): void {
    const range = response.headers["content-range"] ?? "";
    const [, first, total] = /^bytes (\d{1,16})-\d{1,16}\/(\d{1,16}|\*)$/.exec(range) ?? [];
    const sizeFits = total === "*" || size === undefined || Number(total) === size;
    if (Number(first) === from && sizeFits) return;
    response.discard();
    const wanted = `octets from ${from}${size === undefined ? "" : ` of ${size}`}`;
    throw this.broken(`was asked for ${wanted} and sent "${range.slice(0, 80)}"`);
  }

  private versionOf(response: HttpResponse): ObjectVersion {
    const { etag, "last-modified": lastModified } = response.headers;
    const size = objectSize(response);
    const fileName = this.target.key.split("/").at(-1);
    return {
      ...(size !== undefined && { size }),
      ...(etag !== undefined && { etag }),
      ...(lastModified !== undefined && { lastModified }),
      ...(fileName && { fileName }),
    };
  }

  private broken(what: string): StoreError {
    return new StoreError("E_STORE_BROKEN", `${this.label}: the store ${what}`);
  }
}

/** For stores that do not heed If-None-Match; without an ETag, date and size have to do. */
function isSame(known: ObjectVersion | undefined, version: ObjectVersion): boolean {
  if (known === undefined) return false;
  if (known.etag !== undefined || version.etag !== undefined) return known.etag === version.etag;
  return (
    known.lastModified !== undefined &&
    known.lastModified === version.lastModified &&
    known.size === version.size
  );
}
