import { AgentError } from "../../errors.ts";
import { objectLabel, type S3Target } from "./s3-address.ts";
import { S3Error } from "./s3-failure.ts";
import { objectSize, s3Request } from "./s3-request.ts";
import { UNSIGNED_PAYLOAD } from "./s3-signature.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** What is under a name in a bucket. */
export interface ExistingObject {
  /** What whoever put it there says, in hex; undefined: nothing. */
  readonly sha256: string | undefined;
  readonly size: number | undefined;
  readonly etag: string | undefined;
}

/** Asks what is there; undefined: nothing. Rejects as `s3Request`, also when there is no such bucket. */
export async function existingObject(
  env: StoreEnvironment,
  target: S3Target,
  signal: AbortSignal,
): Promise<ExistingObject | undefined> {
  try {
    const response = await s3Request(env, target, {
      method: "HEAD",
      payload: UNSIGNED_PAYLOAD,
      wanted: [200],
      signal,
    });
    response.discard();
    const { etag, "x-amz-meta-sha256": sha256 } = response.headers;
    return {
      sha256,
      size: objectSize(response),
      etag,
    };
  } catch (error) {
    const isFree =
      error instanceof S3Error &&
      error.code === "E_STORE_MISSING" &&
      error.s3Code !== "NoSuchBucket";
    if (isFree) return undefined;
    throw error;
  }
}

/**
 * Sends what makes an object visible with `If-None-Match: *`, and once more without it where the store has not heard of that.
 * Rejects with E_USAGE when the name is taken.
 */
export async function ifFree<T>(
  target: S3Target,
  send: (guard: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  try {
    return await send({ "if-none-match": "*" });
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    // 409: somebody else's upload of the same name ended while ours was under way.
    if (error.status === 412 || error.status === 409) throw nameIsTaken(target);
    if (error.status !== 501) throw error;
    return send({});
  }
}

export function nameIsTaken(target: S3Target): AgentError {
  return new AgentError("E_USAGE", `${objectLabel(target)} is there already, with other content`, {
    cure: "Give it another name, or say that it may be overwritten.",
  });
}
