import { printable } from "../../log/printable.ts";
import type { HttpResponse } from "./http-exchange.ts";
import type { ObjectVersion } from "./source.ts";

/** A Content-Range (RFC 9110 section 14.4), first and last octet included. */
export interface ContentRange {
  readonly first: number;
  readonly last: number;
  /** Octets of the whole; undefined: the server does not know. */
  readonly total: number | undefined;
}

/** Undefined for anything but one satisfied range of octets. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const m = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i.exec(text ?? "");
  if (m === null) return undefined;
  const [first, last] = [Number(m[1]), Number(m[2])];
  const total = m[3] === "*" ? undefined : Number(m[3]);
  if (last < first || (total !== undefined && last >= total)) return undefined;
  return { first, last, total };
}

/** What a response says of the version that it is of. `fileName`: what the URL calls it. */
export function versionOf(answer: HttpResponse, fileName: string | undefined): ObjectVersion {
  const { etag, "last-modified": lastModified } = answer.headers;
  const mtimeMs = Date.parse(lastModified ?? "");
  const size = sizeOf(answer);
  return {
    ...(size !== undefined && { size }),
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
    ...(Number.isFinite(mtimeMs) && { mtimeMs }),
    ...(fileName !== undefined && { fileName: printable(fileName) }),
  };
}

function sizeOf({ status, headers, length, decoded }: HttpResponse): number | undefined {
  if (decoded) return undefined;
  if (status === 200) return length;
  const range = headers["content-range"];
  if (status === 206) return parseContentRange(range)?.total;
  // 416 to a range that begins at 0: there is nothing.
  const none = /^\s*bytes\s+\*\/(\d{1,15})\s*$/i.exec(range ?? "")?.[1];
  return none === undefined ? undefined : Number(none);
}

/**
 * What goes into If-Range (RFC 9110 section 13.1.5): a strong ETag, or where there is no ETag the date. A weak ETag says that
 * other octets would do as well, and a range of those cannot be joined to ours: undefined then, and when nothing is known.
 */
export function rangeCondition(version: ObjectVersion | undefined): string | undefined {
  const etag = version?.etag;
  if (etag === undefined) return version?.lastModified;
  return /^"[^"]*"$/.test(etag) ? etag : undefined;
}

/** Whether a server that ignored our condition has the version that we know all the same. */
export function isSameVersion(known: ObjectVersion | undefined, now: ObjectVersion): boolean {
  if (known === undefined) return false;
  if (known.size !== undefined && now.size !== undefined && known.size !== now.size) return false;
  if (known.etag !== undefined && now.etag !== undefined) {
    return weakly(known.etag) === weakly(now.etag);
  }
  return known.lastModified !== undefined && known.lastModified === now.lastModified;
}

/** RFC 9110 section 8.8.3.2. */
function weakly(etag: string): string {
  return etag.replace(/^W\//, "");
}
