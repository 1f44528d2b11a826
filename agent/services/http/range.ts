import type { Content } from "../../assets/content.ts";

/** A part of a content, octets. */
export interface ByteRange {
  readonly at: number;
  readonly len: number;
}

/**
 * Which part a GET wants (RFC 9110 section 14).
 *
 * Undefined: the whole, because no range was asked, more than one was, it is not well formed, or If-Range speaks of other
 * octets than ours.
 */
export function chooseRange(
  headers: Headers,
  content: Content,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(headers.get("range")?.trim() ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  if (!ifRangeHolds(headers, content)) return undefined;
  const { size } = content;
  if (match[1] === "") {
    const len = Math.min(Number(match[2]), size);
    return len === 0 ? "unsatisfiable" : { at: size - len, len };
  }
  const at = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Number(match[2]);
  if (last < at && match[2] !== "") return undefined;
  if (at >= size) return "unsatisfiable";
  return { at, len: Math.min(last, size - 1) - at + 1 };
}

/** Whether the client's copy is still good (If-None-Match before If-Modified-Since, RFC 9110 section 13.2.2). */
export function isFresh(headers: Headers, content: Content): boolean {
  const tags = headers.get("if-none-match");
  if (tags !== null) {
    return tags.split(",").some((tag) => {
      const bare = tag.trim().replace(/^W\//, "");
      return bare === "*" || bare === `"${content.etag}"`;
    });
  }
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return Number.isFinite(since) && wholeSeconds(content.mtimeMs) <= since;
}

/**
 * Whether the request may be answered at all: If-Match, else If-Unmodified-Since (RFC 9110 section 13.2.2). EDK2 resumes a
 * download under these, and starts over when it is told 412.
 */
export function preconditionHolds(headers: Headers, content: Content): boolean {
  const match = headers.get("if-match");
  if (match !== null) {
    return match.split(",").some((t) => t.trim() === "*" || t.trim() === `"${content.etag}"`);
  }
  const since = Date.parse(headers.get("if-unmodified-since") ?? "");
  return !Number.isFinite(since) || wholeSeconds(content.mtimeMs) <= since;
}

function ifRangeHolds(headers: Headers, content: Content): boolean {
  const ifRange = headers.get("if-range");
  if (ifRange === null) return true;
  if (ifRange.startsWith('"')) return ifRange === `"${content.etag}"`;
  return Date.parse(ifRange) === wholeSeconds(content.mtimeMs);
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
