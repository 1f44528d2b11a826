import { AgentError } from "../../errors.ts";
import type { SourceSpec } from "../../site/site.ts";

/** An object in an S3-compatible store, and how that store is reached. */
export type S3Target = Extract<SourceSpec, { readonly kind: "s3" }>;

/**
 * S3 allows 3 to 63 lower-case letters, digits, dots and hyphens; older buckets and other stores have up to 255 with upper case
 * and underscores. Nothing in it may change the meaning of the URL that it is put into.
 */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;
/** Those that encodeURIComponent leaves alone although SigV4 wants them encoded. */
const LEFT_ALONE = /[!'()*]/g;

/**
 * The URL of an object, of its bucket's host or with the bucket in its path.
 *
 * Every octet but RFC 3986's unreserved characters and "/" is encoded: what is sent is then, character by character, what
 * SigV4 signs. Throws E_STORE_MISSING for names that no HTTP client can ask for.
 */
export function objectUrl(target: S3Target, query: Readonly<Record<string, string>> = {}): string {
  const { bucket, key, pathStyle } = target;
  if (!BUCKET.test(bucket)) throw unaskable(target, "no bucket can have this name");
  // A URL with these segments means another one (RFC 3986 5.2.4), encoded or not.
  if (`/${key}/`.match(/\/\.{1,2}\//))
    throw unaskable(target, 'the key has "." or ".." as a segment');
  const url = endpointUrl(target);
  const base = url.pathname.replace(/\/+$/, "");
  if (!pathStyle) url.host = `${bucket}.${url.host}`;
  const path = key.split("/").map((part) => encoded(part, target));
  const search = Object.entries(query).map(
    ([k, v]) => `${encoded(k, target)}=${encoded(v, target)}`,
  );
  return [
    url.origin,
    base,
    pathStyle ? `/${bucket}` : "",
    `/${path.join("/")}`,
    search.length === 0 ? "" : `?${search.join("&")}`,
  ].join("");
}

/** What the object is called in journals and errors: "s3://boot/talos/vmlinuz at s3.example.com". */
export function objectLabel(target: S3Target): string {
  return `s3://${target.bucket}/${target.key} at ${endpointUrl(target).host}`;
}

/** The same text for the same object; the region and the style of addressing do not matter. */
export function objectId(target: S3Target): string {
  const url = endpointUrl(target);
  return `s3 ${url.origin}${url.pathname.replace(/\/+$/, "")} ${target.bucket}/${target.key}`;
}

/** Whether a host may be given a signature: the endpoint's own, and those that its provider redirects to. */
export function isStoreHost(target: S3Target, host: string): boolean {
  const own = endpointUrl(target).host;
  if (host === own || host.endsWith(`.${own}`)) return true;
  // AWS sends requests for a young bucket from s3.amazonaws.com to s3-eu-west-1.amazonaws.com and the like.
  return [own, host].every((h) => /\.amazonaws\.com(\.cn)?$/.test(h));
}

function endpointUrl(target: S3Target): URL {
  const url = new URL(target.endpoint);
  url.username = "";
  url.password = "";
  return url;
}

function encoded(text: string, target: S3Target): string {
  try {
    return encodeURIComponent(text).replace(
      LEFT_ALONE,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  } catch (cause) {
    throw unaskable(target, "the key is not Unicode", cause);
  }
}

function unaskable(target: S3Target, why: string, cause?: unknown): AgentError {
  return new AgentError("E_STORE_MISSING", `${objectLabel(target)} cannot be asked for: ${why}`, {
    cause,
    cure: "Correct bucket and key of the asset; copy the object to another name if this is its name.",
  });
}
