import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

/** RFC 9110 section 8.4.1. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** Nobody encodes more often; more is an attempt to keep us busy. */
const MAX_CODINGS = 2;

/** File names whose octets are in a coding themselves. */
const CODED_NAME: Readonly<Record<string, RegExp>> = {
  gzip: /\.(gz|tgz|taz|cpgz|svgz)$/i,
  "x-gzip": /\.(gz|tgz|taz|cpgz|svgz)$/i,
  br: /\.br$/i,
};

/**
 * The codings that are to be undone, in the order in which they were applied; undefined: one is not known here. `paths`: of the
 * URLs that led to the file.
 *
 * We ask for none, but some servers encode all the same. Apache's AddEncoding, as mirrors use it, says `x-gzip` of a file that
 * is called netbsd.gz: that is the file as its digest was published, and stays as it is (browsers do the same).
 */
export function codingsOf(
  header: string | undefined,
  paths: readonly string[],
): readonly string[] | undefined {
  const codings = (header ?? "")
    .toLowerCase()
    .split(",")
    .map((c) => c.trim())
    .filter((c) => c !== "" && c !== "identity");
  const [first] = codings;
  if (first !== undefined && paths.some((p) => CODED_NAME[first]?.test(p))) codings.shift();
  if (codings.length > MAX_CODINGS) return undefined;
  return codings.every((c) => Object.hasOwn(DECODERS, c)) ? codings : undefined;
}

/** A body with its codings undone. An error of the body is the result's too. */
export function decoded(body: Readable, codings: readonly string[]): Readable {
  let stream = body;
  for (const coding of codings.toReversed()) {
    const decoder = DECODERS[coding]?.();
    if (decoder === undefined) throw new Error(`no decoder for ${coding}`);
    // Who reads the result is told of errors; without a listener they would end the process when nobody reads.
    decoder.on("error", () => undefined);
    pipeline(stream, decoder, () => undefined);
    stream = decoder;
  }
  return stream;
}
