import { encodeCbor } from "../cbor.ts";

/** Formats of one answer, the one preferred first. */
export const ANSWER_FORMATS = ["application/cbor", "application/json", "application/cose"] as const;
/** Formats of a stream. */
export const STREAM_FORMATS = ["application/cbor-seq", "text/event-stream"] as const;
export type AnswerFormat = (typeof ANSWER_FORMATS)[number];
export type StreamFormat = (typeof STREAM_FORMATS)[number];

/** Entries of an Accept header that are looked at. */
const MAX_RANGES = 32;

/**
 * Which of the formats an Accept header (RFC 9110 section 12.5.1) wants most: by q, then the more exactly named one, then our own
 * order. Undefined: none of them. No header: the first.
 */
export function negotiate<T extends string>(
  accept: string | undefined,
  formats: readonly T[],
): T | undefined {
  if (accept === undefined || accept.trim() === "") return formats[0];
  const ranges = accept.toLowerCase().split(",", MAX_RANGES).map(rangeOf);
  let best: { readonly format: T; readonly q: number; readonly exact: number } | undefined;
  for (const format of formats) {
    const fits = [format, `${format.split("/")[0]}/*`, "*/*"];
    const fit = ranges
      .map(({ type, q }) => ({
        format,
        q,
        exact: fits.length - fits.indexOf(type),
        found: fits.includes(type),
      }))
      .filter(({ found }) => found)
      .sort((a, b) => b.exact - a.exact)[0];
    if (!fit || fit.q <= 0) continue;
    if (!best || fit.q > best.q || (fit.q === best.q && fit.exact > best.exact)) best = fit;
  }
  return best?.format;
}

function rangeOf(text: string): { readonly type: string; readonly q: number } {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim());
  const weight = parameters.find((p) => p.startsWith("q="));
  const q = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, q: Number.isFinite(q) ? q : 0 };
}

/** The media type of a Content-Type header without its parameters. */
export function mediaType(header: string | undefined): string {
  return (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Plain data as JSON; octets are base64url texts without padding (RFC 4648 section 5). */
export function encodeJson(value: unknown): string {
  // What a replacer gets as its argument has gone through toJSON, and a Buffer has one.
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key, member) {
    const plain = this[key];
    return plain instanceof Uint8Array ? Buffer.from(plain).toString("base64url") : member;
  });
}

/** An answer that is not signed. */
export function encodeAnswer(value: unknown, format: AnswerFormat): Uint8Array {
  return format === "application/json"
    ? Buffer.from(`${encodeJson(value)}\n`, "utf8")
    : encodeCbor(value);
}

/** One item of a stream; `event` names one that is not a result. */
export function encodeItem(value: unknown, format: StreamFormat, event?: "error"): Uint8Array {
  if (format === "application/cbor-seq") return encodeCbor(value);
  const name = event === undefined ? "" : `event: ${event}\n`;
  return Buffer.from(`${name}data: ${encodeJson(value)}\n\n`, "utf8");
}
