import { setTimeout as later } from "node:timers/promises";
import { AgentError } from "../../errors.ts";
import { existingObject, ifFree } from "./push-s3-existing.ts";
import type { FilePart, PushFile } from "./push-s3-file.ts";
import { objectLabel, type S3Target } from "./s3-address.ts";
import { MAX_ANSWER_OCTETS, xmlField, xmlText } from "./s3-answer.ts";
import { S3Error } from "./s3-failure.ts";
import { s3Request } from "./s3-request.ts";
import { EMPTY_SHA256, sha256Hex } from "./s3-signature.ts";
import type { StoreEnvironment } from "./store-environment.ts";
import { StoreError } from "./store-error.ts";

/** A file that goes out in parts (CreateMultipartUpload, UploadPart, CompleteMultipartUpload of the S3 API). */
export interface PartsRequest {
  readonly env: StoreEnvironment;
  readonly target: S3Target;
  readonly file: PushFile;
  /** Of the whole file, in hex. */
  readonly sha256: string;
  /** All but the last have at least 5 MiB; at most 10 000. */
  readonly parts: readonly FilePart[];
  /** Of the object that comes of it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly overwrite: boolean;
  /** Octets that went out; below 0: they have to go out again. */
  readonly sent: (octets: number) => void;
  readonly signal: AbortSignal;
  /** How a pause is made before the next attempt; tests do without. */
  readonly pause?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Enough to fill a line with some delay; a part is never in memory as a whole. */
const PARTS_IN_FLIGHT = 3;
const ATTEMPTS = 6;
/** Doubled each time, with jitter: 15 seconds in all. */
const FIRST_PAUSE_MS = 500;
/** Of what a store asks for by Retry-After, no more than this. */
const MAX_PAUSE_MS = 60_000;
const ABORT_WITHIN_MS = 10_000;

/**
 * Sends the parts and resolves to the object's ETag. What does not get through is sent again, 6 times in all. When the
 * upload fails it is aborted: a store keeps, and charges for, parts that nobody sees.
 */
export async function sendParts(request: PartsRequest): Promise<string | undefined> {
  const uploadId = await begin(request);
  try {
    const etags = await sendAll(request, uploadId);
    return request.overwrite
      ? await complete(request, uploadId, etags, {})
      : await ifFree(request.target, (guard) => complete(request, uploadId, etags, guard));
  } catch (error) {
    await abort(request, uploadId);
    throw error;
  }
}

async function begin({ env, target, headers, signal }: PartsRequest): Promise<string> {
  const response = await s3Request(env, target, {
    method: "POST",
    query: { uploads: "" },
    headers,
    body: new Uint8Array(0),
    payload: EMPTY_SHA256,
    wanted: [200],
    signal,
  });
  const uploadId = xmlField(await response.text(MAX_ANSWER_OCTETS), "UploadId");
  if (uploadId === "") throw broken(target, "began an upload and did not name it");
  return uploadId;
}

/** Some at a time; the first that fails ends the others. */
async function sendAll(request: PartsRequest, uploadId: string): Promise<readonly string[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const etags = new Array<string>(request.parts.length).fill("");
  const queue = request.parts.entries();
  const lane = async (): Promise<void> => {
    for (const [index, part] of queue) {
      etags[index] = await sendPart({ ...request, signal }, uploadId, index + 1, part);
    }
  };
  const lanes = Array.from({ length: PARTS_IN_FLIGHT }, () =>
    lane().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(lanes);
  request.signal.throwIfAborted();
  if (stop.signal.aborted && ends.some((end) => end.status === "rejected"))
    throw stop.signal.reason;
  return etags;
}

async function sendPart(
  { env, target, file, sent, signal, pause }: PartsRequest,
  uploadId: string,
  partNumber: number,
  part: FilePart,
): Promise<string> {
  const body = file.body(part, sent);
  return persist({ signal, pause }, async () => {
    const response = await s3Request(env, target, {
      method: "PUT",
      query: { partNumber: String(partNumber), uploadId },
      body,
      payload: part.sha256,
      wanted: [200],
      signal,
    });
    // Read and not discarded: the connection is needed for the next part.
    await response.text(MAX_ANSWER_OCTETS);
    const { etag } = response.headers;
    if (etag === undefined) throw broken(target, `took part ${partNumber} and sent no ETag`);
    return etag;
  });
}

/** Tries again what may get through the next time. */
async function persist<T>(
  { signal, pause = pauseFor }: Pick<PartsRequest, "signal" | "pause">,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (n === ATTEMPTS || !isPassing(error)) throw error;
      const own = FIRST_PAUSE_MS * 2 ** (n - 1) * (0.5 + Math.random());
      await pause(Math.max(own, Math.min(error.retryAfterMs ?? 0, MAX_PAUSE_MS)), signal);
    }
  }
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await later(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Whether it may be gone at the next attempt: damage on the way may, a refusal is not. */
function isPassing(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false;
  if (error.code === "E_STORE_UNREACHABLE") return true;
  const isRefusal = error instanceof S3Error && !DAMAGED.has(error.s3Code);
  return error.code === "E_STORE_BROKEN" && !isRefusal;
}

const DAMAGED: ReadonlySet<string> = new Set(["BadDigest", "XAmzContentSHA256Mismatch"]);

async function complete(
  { env, target, sha256, signal, pause }: PartsRequest,
  uploadId: string,
  etags: readonly string[],
  guard: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const list = etags.map(
    (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${xmlText(etag)}</ETag></Part>`,
  );
  const body = new TextEncoder().encode(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join("")}</CompleteMultipartUpload>`,
  );
  return persist({ signal, pause }, async () => {
    try {
      const response = await s3Request(env, target, {
        method: "POST",
        query: { uploadId },
        headers: { "content-type": "application/xml", ...guard },
        body,
        payload: sha256Hex(body),
        wanted: [200],
        signal,
      });
      // A store that takes its time sends 200 first and says later that it failed.
      const answer = await response.text(MAX_ANSWER_OCTETS);
      const code = xmlField(answer, "Code");
      if (code !== "") throw broken(target, `could not put the parts together: ${code}`);
      return xmlField(answer, "ETag") || undefined;
    } catch (error) {
      signal.throwIfAborted();
      const isEnded = error instanceof S3Error && error.s3Code === "NoSuchUpload";
      if (!isPassing(error) && !isEnded) throw error;
      // The answer may be what got lost, this one or that of the attempt before, and not the object.
      const there = await existingObject(env, target, signal).catch(() => undefined);
      if (there?.sha256 !== sha256) throw error;
      return there.etag;
    }
  });
}

/** Within its own time: the caller's signal may be what ended the upload. */
async function abort({ env, target }: PartsRequest, uploadId: string): Promise<void> {
  try {
    const response = await s3Request(env, target, {
      method: "DELETE",
      query: { uploadId },
      payload: EMPTY_SHA256,
      wanted: [200, 204, 404],
      signal: AbortSignal.timeout(ABORT_WITHIN_MS),
    });
    response.discard();
  } catch (cause) {
    const why = cause instanceof AgentError ? cause.message : `no answer in ${ABORT_WITHIN_MS} ms`;
    env.warn(`parts of an upload that failed are left in bucket ${target.bucket}: ${why}`);
  }
}

function broken(target: S3Target, what: string): StoreError {
  return new StoreError("E_STORE_BROKEN", `${objectLabel(target)}: the store ${what}`);
}
