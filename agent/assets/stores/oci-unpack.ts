import { pipeline, Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { Decompress } from "fzstd";
import { withinTime } from "./oci-time-limit.ts";
import { ZstdFrames } from "./oci-zstd-frames.ts";

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** After so many octets the event loop gets its turn. */
const TURN_LEN = 1024 * 1024;
/**
 * Milliseconds that a block may take. One of 128 KiB takes 1 ms, on the smallest board 20; fzstd 0.1.1 works for minutes on a block
 * of 12 octets that claims tens of thousands of long matches.
 */
const BLOCK_MS = 2_000;

/**
 * The octets of a layer without their compression: gzip, zstd or none, told from the first octets and not from the media type,
 * which pushers get wrong.
 *
 * Throws what the decompressors throw, and a plain Error where a stream ends too early. May end before its input does (octets
 * behind a gzip stream).
 */
export async function* unpack(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let len = 0;
  while (len < ZSTD.length) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    head.push(value);
    len += value.length;
  }
  const first = Buffer.concat(head);
  const all = resumed(first, iterator);
  if (GZIP.every((octet, i) => first[i] === octet)) yield* gunzip(all);
  else if (ZSTD.every((octet, i) => first[i] === octet) || isSkippable(first)) yield* unzstd(all);
  else yield* all;
}

function isSkippable(first: Buffer): boolean {
  return first.length >= 4 && first.readUInt32LE(0) >>> 4 === 0x184d2a5;
}

async function* resumed(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (;;) {
    const { value, done } = await rest.next();
    if (done === true) return;
    yield value;
  }
}

async function* gunzip(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzipped = createGunzip();
  // Errors come out of the loop below, be they of the input or of zlib.
  pipeline(Readable.from(input, { objectMode: false }), gunzipped, () => {});
  for await (const piece of gunzipped) yield piece as Uint8Array;
}

/** Frame checksums are not looked at: the layer's digest covers them. */
async function* unzstd(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  const frames = new ZstdFrames();
  const decompress = new Decompress((piece) => out.push(piece));
  let made = 0;
  for await (const octets of input) {
    for (let at = 0; at < octets.length; ) {
      const next = frames.feed(octets, at);
      // The decompressor keeps what it is given until a block is whole, and the piece may be lent.
      const block = octets.slice(at, next);
      withinTime(BLOCK_MS, () => decompress.push(block));
      at = next;
      const ready = out;
      out = [];
      for (const piece of ready) {
        if (piece.length === 0) continue;
        yield piece;
        made += piece.length;
      }
      if (made >= TURN_LEN) {
        made = 0;
        await setImmediate();
      }
    }
  }
  if (!frames.whole) throw new Error("the zstd stream ends too early");
  withinTime(BLOCK_MS, () => decompress.push(new Uint8Array(0), true));
  yield* out;
}
