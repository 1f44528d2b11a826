import type { HttpBody } from "./http-exchange.ts";
import { existingObject, ifFree, nameIsTaken } from "./push-s3-existing.ts";
import { PushFile } from "./push-s3-file.ts";
import { sendParts } from "./push-s3-multipart.ts";
import type { S3Target } from "./s3-address.ts";
import { s3Request } from "./s3-request.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** Files up to this are sent in one request, octets. */
export const SINGLE_PUT_MAX: number = 64 * 1024 * 1024;
/** S3's own limit. */
const MAX_PARTS = 10_000;
const PART_LEN = 8 * 1024 * 1024;

export interface PushRequest {
  /** Where it goes. Needs keys, unless the bucket lets everybody write. */
  readonly target: S3Target;
  /** Path of a regular file. */
  readonly file: string;
  /** A media type. */
  readonly contentType: string;
  readonly environment: StoreEnvironment;
  /**
   * What becomes of another object of that name. `refuse`: it stays, and the push fails. `overwrite`: it is replaced, once all
   * octets of the new one are there.
   */
  readonly existing: "refuse" | "overwrite";
  /** Told how many octets of the file have gone out. Goes back where a part has to be sent again. */
  readonly progress?: (sentOctets: number, totalOctets: number) => void;
  readonly signal: AbortSignal;
}

export interface PushedObject {
  /** Of the file, in hex: what the site pins. The object carries it as `x-amz-meta-sha256`. */
  readonly sha256: string;
  /** Octets. */
  readonly size: number;
  /** As the store sent it, quotes included; undefined: it sent none. */
  readonly etag: string | undefined;
  /** False: the store had this very content under that name, and nothing was sent. */
  readonly sent: boolean;
}

/**
 * Puts a file into a bucket: in one request up to 64 MiB, else in parts of 8 MiB and more. Nobody sees the object before it is
 * complete. Octets and digest are signed: a store does not accept what changed on the way.
 *
 * With `refuse` the store is asked first, and told `If-None-Match: *` when it knows that; with one that does not (Swift),
 * another writer between the question and the upload goes unnoticed.
 *
 * Rejects with E_ASSET_MISSING, E_ASSET_READ and E_ASSET_CHANGED for the file, E_USAGE when there is another object of that
 * name, as a Source does for the store, or with the signal's reason.
 */
export async function pushObject(request: PushRequest): Promise<PushedObject> {
  const { environment: env, target, signal } = request;
  const file = await PushFile.open(request.file);
  try {
    const { size } = file;
    const partLen = partLenOf(size);
    const { sha256, parts } = await file.digests(partLen, signal);
    if (request.existing === "refuse") {
      const found = await existingObject(env, target, signal);
      if (found?.sha256 === sha256 && found.size === size) {
        return { sha256, size, etag: found.etag, sent: false };
      }
      if (found !== undefined) throw nameIsTaken(target);
    }
    const sent = progressOf(request, size);
    const headers = {
      "content-type": request.contentType,
      "x-amz-meta-sha256": sha256,
    };
    const overwrite = request.existing === "overwrite";
    let etag: string | undefined;
    if (size > SINGLE_PUT_MAX) {
      etag = await sendParts({
        env,
        target,
        file,
        sha256,
        parts,
        headers,
        overwrite,
        sent,
        signal,
      });
    } else {
      const body = file.body({ from: 0, length: size, sha256 }, sent);
      const put = (guard: Readonly<Record<string, string>>): Promise<string | undefined> =>
        sendWhole(request, { ...headers, ...guard }, body, sha256);
      etag = overwrite ? await put({}) : await ifFree(target, put);
    }
    return { sha256, size, etag, sent: true };
  } finally {
    await file.close();
  }
}

async function sendWhole(
  { environment, target, signal }: PushRequest,
  headers: Readonly<Record<string, string>>,
  body: HttpBody,
  sha256: string,
): Promise<string | undefined> {
  const response = await s3Request(environment, target, {
    method: "PUT",
    headers,
    body,
    payload: sha256,
    wanted: [200, 201, 204],
    signal,
  });
  response.discard();
  const { etag } = response.headers;
  return etag;
}

/** Few parts need few requests; 10 000 of 8 MiB are 80 GiB, larger files get larger parts. */
function partLenOf(size: number): number {
  const mib = 1024 * 1024;
  return Math.max(PART_LEN, Math.ceil(size / MAX_PARTS / mib) * mib);
}

function progressOf(request: PushRequest, size: number): (octets: number) => void {
  let total = 0;
  return (octets) => {
    total += octets;
    request.progress?.(total, size);
  };
}
