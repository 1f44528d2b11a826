import { exchange, type HttpBody, type HttpMethod, type HttpResponse } from "./http-exchange.ts";
import { isStoreHost, objectUrl, type S3Target } from "./s3-address.ts";
import { MAX_ANSWER_OCTETS, parseS3Answer } from "./s3-answer.ts";
import { s3Failure } from "./s3-failure.ts";
import { type S3Keys, signatureHeaders } from "./s3-signature.ts";
import { readSecret } from "./secret.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** One request about an object. */
export interface S3Request {
  readonly method: HttpMethod;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. Those that begin with `x-amz-` are signed, the others are not. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** SHA-256 of the body in hex, or UNSIGNED_PAYLOAD. */
  readonly payload: string;
  /** Statuses that the caller deals with; any other rejects. */
  readonly wanted: readonly number[];
  readonly signal: AbortSignal;
}

/** Statuses whose body says more than the status does. */
const EXPLAINED = [301, 400, 401, 403, 404, 405, 409, 410, 411, 412, 413, 416, 501];

/**
 * Sends a signed request (unsigned where the target has no keys), follows redirects within the store with a signature for
 * each host, and turns refusals into errors that say what to mend. Rejects as `exchange` and `s3Failure` do, and with E_SECRET.
 *
 * A HEAD has no body that could explain a refusal: it is asked again as a GET of one octet, and that answer counts.
 */
export async function s3Request(
  env: StoreEnvironment,
  target: S3Target,
  request: S3Request,
): Promise<HttpResponse> {
  const url = objectUrl(target, request.query);
  const keys = await s3Keys(env, target);
  const nowMs = env.now();
  const amz = Object.entries(request.headers ?? {}).filter(([name]) => name.startsWith("x-amz-"));
  const response = await exchange(env, {
    method: request.method,
    url,
    wanted: [...request.wanted, ...EXPLAINED],
    signal: request.signal,
    ...(request.headers === undefined ? {} : { headers: request.headers }),
    ...(request.body === undefined ? {} : { body: request.body }),
    ...(target.ca === undefined ? {} : { ca: target.ca }),
    ...(keys === undefined
      ? {}
      : {
          authorize: async (hop) =>
            hop.sameOrigin || isStoreHost(target, hop.url.host)
              ? signatureHeaders(
                  {
                    method: hop.method,
                    url: hop.url,
                    headers: Object.fromEntries(amz),
                    payload: request.payload,
                    region: target.region,
                    nowMs,
                  },
                  keys,
                )
              : {},
        }),
  });
  if (request.wanted.includes(response.status)) return response;
  if (request.method === "HEAD") {
    response.discard();
    return s3Request(env, target, {
      ...request,
      method: "GET",
      headers: { ...request.headers, range: "bytes=0-0" },
      // 416: there is not even one octet.
      wanted: [...request.wanted, 206, 416],
    });
  }
  const doing = request.method === "GET" ? "read" : "write";
  const answer = parseS3Answer(await answerText(response, request.signal));
  const { status, headers } = response;
  throw s3Failure({ target, status, headers, answer, keys, doing, nowMs });
}

/** Octets of the whole object, also where only a part was sent; undefined: the store does not say. */
export function objectSize({ status, headers, length, decoded }: HttpResponse): number | undefined {
  if (decoded) return undefined;
  if (status !== 206 && status !== 416) return length;
  const total = /\/(\d{1,16})$/.exec(headers["content-range"] ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}

/** The error's body; "" when it is too long or breaks off: the status alone has to do then. */
async function answerText(response: HttpResponse, signal: AbortSignal): Promise<string> {
  try {
    return await response.text(MAX_ANSWER_OCTETS);
  } catch {
    signal.throwIfAborted();
    return "";
  }
}

/** Read anew for each request: files may be rotated. */
async function s3Keys(env: StoreEnvironment, target: S3Target): Promise<S3Keys | undefined> {
  if (target.accessKey === undefined || target.secretKey === undefined) return undefined;
  const [accessKey, secretKey] = await Promise.all([
    readSecret(target.accessKey, env),
    readSecret(target.secretKey, env),
  ]);
  return { accessKey, secretKey };
}
