import { createHash } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";

/** An access key and its secret. */
export interface S3Keys {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** What is signed of a request. */
export interface S3Signable {
  readonly method: string;
  /** As it is sent; every octet of the path but unreserved characters and "/" percent-encoded. */
  readonly url: URL;
  /** Further `x-amz-…` headers, names in lower case: all of them must be signed, and nothing else is. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex, or UNSIGNED_PAYLOAD. */
  readonly payload: string;
  readonly region: string;
  /** Milliseconds since 1970. Stores refuse what is more than 15 minutes off. */
  readonly nowMs: number;
}

/** Says that the body is not covered by the signature. */
export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";
/** SHA-256 of no octets, in hex. */
export const EMPTY_SHA256: string = sha256Hex(new Uint8Array(0));

/** SHA-256 of a short body, in hex. */
export function sha256Hex(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

/**
 * The headers that sign a request: AWS Signature Version 4 in its header form
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). Host, x-amz-date, x-amz-content-sha256 and
 * `headers` are covered; other headers may be changed by proxies on the way, and are not.
 */
export async function signatureHeaders(
  request: S3Signable,
  keys: S3Keys,
): Promise<Readonly<Record<string, string>>> {
  const signer = new AwsV4Signer({
    method: request.method,
    url: request.url.href,
    headers: { ...request.headers, "x-amz-content-sha256": request.payload },
    accessKeyId: keys.accessKey,
    secretAccessKey: keys.secretKey,
    service: "s3",
    region: request.region,
    datetime: new Date(request.nowMs).toISOString().replace(/[:-]|\.\d{3}/g, ""),
  });
  const { headers } = await signer.sign();
  return Object.fromEntries(headers);
}
