import type { ErrorCode } from "../../errors.ts";
import { objectLabel, type S3Target } from "./s3-address.ts";
import type { S3Answer } from "./s3-answer.ts";
import type { S3Keys } from "./s3-signature.ts";
import { StoreError, type StoreErrorOptions } from "./store-error.ts";

/** An answer that is not the one that was hoped for. */
export interface S3Refusal {
  readonly target: S3Target;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly answer: S3Answer;
  /** What the request was signed with; undefined: nothing. */
  readonly keys: S3Keys | undefined;
  /** "read" or "write", for what the key lacks. */
  readonly doing: "read" | "write";
  /** Our clock when it was signed, milliseconds since 1970. */
  readonly nowMs: number;
}

/** A refusal of an S3 store. */
export class S3Error extends StoreError {
  /** The store's own code ("NoSuchBucket"); "" where it gave none. */
  readonly s3Code: string;

  constructor(code: ErrorCode, message: string, s3Code: string, options: StoreErrorOptions) {
    super(code, message, options);
    this.s3Code = s3Code;
  }
}

/** What a code means. `text` goes on after the object's name. */
interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly cure?: string;
}

/** Stores refuse a signature that is further off than this. */
const CLOCK_TOLERANCE_MS = 15 * 60_000;
const REGION = /^[a-z0-9][a-z0-9-]{0,63}$/i;
const HOST = /^[a-z0-9][a-z0-9.:-]{0,254}$/i;

const KEY_CURE = "Correct what `accessKey` and `secretKey` of the store refer to.";

/** Refusals that mean the same whatever else is known. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  SignatureDoesNotMatch: {
    code: "E_STORE_REFUSED",
    text: "the secret key is not the one of the access key",
    cure: "Correct what `secretKey` of the store refers to. If it is right, a proxy before the store changes host or path: give the store's own endpoint.",
  },
  InvalidAccessKeyId: {
    code: "E_STORE_REFUSED",
    text: "the store does not know the access key",
    cure: KEY_CURE,
  },
  ExpiredToken: {
    code: "E_STORE_REFUSED",
    text: "the keys have expired",
    cure: "Put keys that do not expire where `accessKey` and `secretKey` of the store refer to.",
  },
  InvalidObjectState: {
    code: "E_STORE_REFUSED",
    text: "the object is in an archive tier",
    cure: "Restore the object, or put it into a storage class that can be read at once.",
  },
  RequestTimeout: { code: "E_STORE_UNREACHABLE", text: "the octets came too slowly for the store" },
  IncompleteBody: { code: "E_STORE_UNREACHABLE", text: "the connection broke off while sending" },
  NoSuchKey: { code: "E_STORE_MISSING", text: "the bucket has no such object" },
  NoSuchBucket: {
    code: "E_STORE_MISSING",
    text: "there is no such bucket",
    cure: "Correct bucket, endpoint and region, or create the bucket.",
  },
  BadDigest: { code: "E_STORE_BROKEN", text: "what arrived there is not what was sent" },
  XAmzContentSHA256Mismatch: {
    code: "E_STORE_BROKEN",
    text: "what arrived there is not what was sent",
  },
};

/**
 * An answer as an error that says what to mend: E_CLOCK when the signature is too old or too new for the store,
 * E_STORE_REFUSED with what is wrong about keys, region or rights, E_STORE_MISSING, else E_STORE_BROKEN with the store's words.
 * Neither key is in it, even if the store repeats one.
 */
export function s3Failure(refusal: S3Refusal): S3Error {
  const { status, target } = refusal;
  const meaning = clockMeaning(refusal) ?? placeMeaning(refusal) ?? codeMeaning(refusal);
  const message = `${objectLabel(target)}: ${meaning.text}`;
  return new S3Error(meaning.code, message, refusal.answer.code, {
    status,
    ...(meaning.cure === undefined ? {} : { cure: meaning.cure }),
  });
}

/** Stores that do not use S3's code for it say all kinds of things; the Date header tells. */
function clockMeaning({ answer, headers, keys, nowMs, status }: S3Refusal): Meaning | undefined {
  if (keys === undefined) return undefined;
  const { date = "" } = headers;
  const theirMs = Date.parse(date);
  const differs = Math.abs(theirMs - nowMs) > CLOCK_TOLERANCE_MS;
  const said = /^(RequestTimeTooSkewed|RequestExpired|ExpiredRequest)$/.test(answer.code);
  const unclear =
    (status === 400 || status === 401 || status === 403) &&
    /^(AccessDenied|InvalidRequest|)$/.test(answer.code);
  if (!said && !(differs && unclear)) return undefined;
  const theirs = Number.isNaN(theirMs) ? "something else" : new Date(theirMs).toISOString();
  return {
    code: "E_CLOCK",
    text: `the store's clock says ${theirs}, this host's ${new Date(nowMs).toISOString()}; it refuses what is signed more than 15 minutes off`,
    cure: "Set the clock (`timedatectl`, or a time server); the agent never sets it. What is cached goes on being served.",
  };
}

/** The bucket is in another region, or at another address. */
function placeMeaning({ answer, headers, status, target }: S3Refusal): Meaning | undefined {
  const codes =
    /^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException|InvalidRegion)$/;
  if (!codes.test(answer.code) && !(status >= 300 && status < 400)) return undefined;
  const region = [
    headers["x-amz-bucket-region"] ?? "",
    answer.region,
    /expecting '([^']+)'/.exec(answer.message)?.[1] ?? "",
  ].find((r) => REGION.test(r) && r !== target.region);
  if (region !== undefined) {
    return {
      code: "E_STORE_REFUSED",
      text: `the bucket is in region ${region}, the site says ${target.region}`,
      cure: `Write \`region: ${region}\` for the store, and its endpoint for that region.`,
    };
  }
  const { location } = headers;
  const elsewhere = [answer.endpoint, locationHost(location)].find((h) => HOST.test(h));
  if (elsewhere === undefined) return undefined;
  return {
    code: "E_STORE_REFUSED",
    text: `the bucket is at ${elsewhere}`,
    cure: `Write \`endpoint: https://${elsewhere}\` for the store, without the bucket's name where that is its first part.`,
  };
}

function codeMeaning(refusal: S3Refusal): Meaning {
  const { answer, keys, status, doing } = refusal;
  const known = Object.hasOwn(MEANINGS, answer.code) ? MEANINGS[answer.code] : undefined;
  if (known !== undefined) return known;
  const said = quoted(refusal);
  if (keys === undefined && (status === 400 || status === 401 || status === 403)) {
    return {
      code: "E_STORE_REFUSED",
      text: `the store does not let everybody ${doing} it${said}`,
      cure: "Give the store `accessKey` and `secretKey`, or make the bucket public.",
    };
  }
  if (status === 404 || status === 410)
    return { code: "E_STORE_MISSING", text: `not there${said}` };
  if (answer.code === "AccessDenied" || (answer.code === "" && status === 403)) {
    return {
      code: "E_STORE_REFUSED",
      text: `the key may not ${doing} it${said}`,
      cure: `Grant the key ${doing === "read" ? "s3:GetObject" : "s3:GetObject and s3:PutObject"} on the bucket. Stores give the same answer for an object that is not there to a key without s3:ListBucket.`,
    };
  }
  if (status === 401 || status === 403) {
    return { code: "E_STORE_REFUSED", text: `refused (status ${status})${said}`, cure: KEY_CURE };
  }
  return { code: "E_STORE_BROKEN", text: `answered status ${status}${said}` };
}

/** The store's own words, without the keys. */
function quoted({ answer, keys }: S3Refusal): string {
  let said = [answer.code, answer.message].filter((part) => part !== "").join(": ");
  for (const key of [keys?.secretKey, keys?.accessKey]) {
    if (key) said = said.replaceAll(key, "…");
  }
  return said === "" ? "" : ` ("${said.slice(0, 300)}")`;
}

function locationHost(location: string | undefined): string {
  if (location === undefined || !URL.canParse(location)) return "";
  return new URL(location).host;
}
