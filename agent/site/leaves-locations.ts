import { fileURLToPath } from "node:url";
import { type Leaf, parsed, text, Wrong } from "./leaves.ts";
import {
  type OciReference,
  parseOciReference,
  parseRegistry,
  REFERENCE_CURE,
} from "./oci-reference.ts";
import { refuseCredentials } from "./secrets.ts";
import { quote } from "./wording.ts";

/*
 * Addresses of objects in stores, and of stores. They are normalised as WHATWG URLs are, so that what a store
 * covers can be told by comparing text.
 */

/** Where one object is, before the stores have said how it is reached. */
export type Location =
  | { readonly kind: "http"; readonly url: string }
  | S3Location
  /** Absolute path. */
  | { readonly kind: "file"; readonly file: string };

/** An object in a bucket. Its key is as it was written: nothing in it is percent-encoded. */
export interface S3Location {
  readonly kind: "s3";
  readonly bucket: string;
  readonly key: string;
}

/** RFC 9110 section 4.1 asks everyone to take 8000 octets; few servers take more. */
const MAX_URL = 8000;
const URL_CURE = "write an https:, http:, s3: or file: URL, as in https://cdn.example.com/vmlinuz";
const BASE_CURE = "write https:// or http://, a host, and a path if it has one";
const S3_CURE = "write s3://BUCKET/KEY";
const BUCKET_CURE = 'write the bucket\'s name, BUCKET/PREFIX, or "*" for every bucket';
const REGISTRY_CURE = "write HOST, HOST:PORT or HOST:PORT/PATH, as in registry.example.com:5000";
const INNER_CURE = 'write it without a leading "/", "..", "." or a backslash, as in boot/vmlinuz';

/** An https:, http:, s3: or file: URL. */
export const LOCATION: Leaf<Location> = parsed("a URL", URL_CURE, parseLocation);

/** "s3://bucket/key" or "bucket/key". */
export const S3_OBJECT: Leaf<S3Location> = parsed(
  "an object in a bucket",
  S3_CURE,
  (s) => refuseCredentials(s) ?? parseS3(s),
);

/** "registry/repository:tag@digest". */
export const OCI_REFERENCE: Leaf<OciReference> = parsed(
  "an OCI reference",
  REFERENCE_CURE,
  parseOciReference,
);

/** An http: or https: URL that others begin with, without a slash at its end. */
export const BASE_URL: Leaf<string> = parsed("the URL of a store", BASE_CURE, (s) => {
  const location = parseLocation(s);
  if (location instanceof Wrong) return location;
  if (location?.kind !== "http") return undefined;
  const { origin, pathname, search } = new URL(location.url);
  return search === "" ? `${origin}${pathname}`.replace(/\/+$/, "") : undefined;
});

/** What of S3 a store covers: "bucket" or "bucket/prefix"; "" for all of it, which the site writes as "*". */
export const BUCKET: Leaf<string> = parsed("a bucket", BUCKET_CURE, (s) => {
  if (s === "*") return "";
  const named = s.replace(/^s3:\/\//i, "").replace(/\/$/, "");
  const [bucket = "", ...prefix] = named.split("/");
  const isPrefix = prefix.length === 0 || isKey(prefix.join("/"));
  return refuseCredentials(s) ?? (isBucket(bucket) && isPrefix ? named : undefined);
});

/** What of the registries a store covers: "host:port" or "host:port/path". */
export const REGISTRY: Leaf<string> = parsed("a registry", REGISTRY_CURE, parseRegistry);

/** A file within an archive or an image. */
export const INNER_PATH: Leaf<string> = text(
  (s) =>
    s.length <= 1024 &&
    !/[\p{Cc}\\]/u.test(s) &&
    s.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
  "a path within an archive",
  INNER_CURE,
);

function parseLocation(s: string): Location | Wrong | undefined {
  const refused = refuseCredentials(s);
  if (refused !== undefined) return refused;
  const [, scheme = ""] = /^([a-z][a-z0-9+.-]*):/i.exec(s) ?? [];
  switch (scheme.toLowerCase()) {
    case "http":
    case "https":
      return parseHttp(s);
    case "s3":
      return parseS3(s);
    case "file":
      return parseFile(s);
    case "oci":
      return new Wrong(
        `${quote(s)} is an artifact in a registry`,
        "name it by oci: instead of url:",
      );
    case "":
      return s.startsWith("/")
        ? new Wrong(
            `${quote(s)} is a path and not a URL`,
            `write file://${s}, or use file: instead`,
          )
        : undefined;
    default:
      return new Wrong(`${quote(`${scheme}:`)} is not a kind of store`, URL_CURE);
  }
}

function parseHttp(s: string): Location | Wrong | undefined {
  if (s.length > MAX_URL) {
    return new Wrong(`this URL has ${s.length} characters`, `write one of at most ${MAX_URL}`);
  }
  if (/[\s\p{Cc}]/u.test(s)) {
    return new Wrong(`${quote(s)} has a space in it`, "remove it, or write it as %20");
  }
  // Without this "https:host/x" and "https:/host/x" would be URLs as well.
  if (!/^https?:\/\/[^/]/i.test(s) || !URL.canParse(s)) return undefined;
  const url = new URL(s);
  if (url.username !== "" || url.password !== "") return undefined;
  if (url.hash !== "") {
    return new Wrong(
      `${quote(s)} has a "#" in it, which no server sees`,
      "remove it, or write %23",
    );
  }
  return { kind: "http", url: url.href };
}

function parseS3(s: string): S3Location | undefined {
  const named = s.replace(/^s3:\/\//i, "");
  const slash = named.indexOf("/");
  const bucket = named.slice(0, Math.max(slash, 0));
  const key = named.slice(slash + 1);
  return isBucket(bucket) && isKey(key) && !key.endsWith("/")
    ? { kind: "s3", bucket, key }
    : undefined;
}

/** As AWS once allowed, and others still do: capitals and underscores as well. */
function isBucket(s: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/.test(s);
}

/** A request's URL would lose "." and ".." and name another object. */
function isKey(s: string): boolean {
  if (s === "" || s.startsWith("/") || /\p{Cc}/u.test(s)) return false;
  return s.length <= 1024 && s.split("/").every((part) => part !== "." && part !== "..");
}

function parseFile(s: string): Location | Wrong {
  const wrong = new Wrong(`${quote(s)} is not the URL of a file here`, "write file:///PATH");
  if (!/^file:\/\/(?:localhost)?\/[^/?#][^?#]*$/i.test(s)) return wrong;
  try {
    const file = fileURLToPath(s);
    return file.includes("\0") ? wrong : { kind: "file", file };
  } catch {
    return wrong;
  }
}
