import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unpack } from "../../../../../agent/assets/stores/oci-unpack.ts";
import { WINDOW_LIMIT, ZstdFrames } from "../../../../../agent/assets/stores/oci-zstd-frames.ts";
import { collected } from "../../../../support/oci-images.ts";
import { pattern } from "../../../../support/test-site.ts";

/** `printf 'hello hello hello hello rack\n' | zstd -19`: one compressed block, with a checksum. */
const HELLO_HEX = "28b52ffd241d8d00005868656c6c6f207261636b0a0100f14a11f798e8c1";
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const HELLO = hex(HELLO_HEX);
const HELLO_TEXT = "hello hello hello hello rack\n";

async function* pieces(octets: Uint8Array, len: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += len) yield octets.subarray(at, at + len);
}

const unpacked = (octets: Uint8Array, len = 1_000): Promise<Buffer> =>
  collected(unpack(pieces(octets, len)));

/** A frame of one block of `size` equal octets, which takes 4 octets (RFC 8878, 3.1.1.2.2). */
function zeros(size: number, blocks = 1): Buffer {
  const block = (last: boolean): Buffer => {
    const header = Buffer.alloc(4);
    header.writeUIntLE((size << 3) | (1 << 1) | (last ? 1 : 0), 0, 3);
    return header;
  };
  const all = Array.from({ length: blocks }, (_, i) => block(i === blocks - 1));
  // A window of 128 KiB, no content size, no checksum.
  return Buffer.concat([hex("28b52ffd 00 38"), ...all]);
}

describe("unpack", () => {
  it.each([1, 3, 7, 1_000])("undoes zstd in pieces of %d", async (len) => {
    expect((await unpacked(HELLO, len)).toString()).toBe(HELLO_TEXT);
  });

  it.each([1, 5, 1_000])("reads frames and what may be skipped, in pieces of %d", async (len) => {
    const skip = hex("5f2a4d18 03000000 aabbcc");
    const nothing = hex("28b52ffd 24 00 010000 99e9d851");
    const all = Buffer.concat([skip, HELLO, nothing, skip, zeros(5), HELLO, skip]);
    expect((await unpacked(all, len)).toString()).toBe(
      `${HELLO_TEXT}${"\0".repeat(5)}${HELLO_TEXT}`,
    );
  });

  it.each([1, 100])("undoes gzip, one member after the other, in pieces of %d", async (len) => {
    const all = Buffer.concat([gzipSync(pattern(500)), gzipSync(pattern(7))]);
    const both = Buffer.concat([pattern(500), pattern(7)]);
    expect((await unpacked(all, len)).equals(both)).toBe(true);
  });

  it.each([0, 1, 3, 4, 3_000])("leaves %d plain octets as they are", async (len) => {
    expect((await unpacked(pattern(len))).equals(pattern(len))).toBe(true);
  });

  it("refuses zstd that is cut off anywhere but between frames", async () => {
    const all = Buffer.concat([HELLO, zeros(100)]);
    for (let len = 4; len < all.length; len++) {
      const outcome = await unpacked(all.subarray(0, len)).catch((error: unknown) => error);
      if (len === HELLO.length) expect(String(outcome)).toBe(HELLO_TEXT);
      else expect(outcome, `${len}`).toBeInstanceOf(Error);
    }
  });

  it("refuses what follows a frame and is none", async () => {
    await expect(unpacked(Buffer.concat([HELLO, Buffer.from("garbage")]))).rejects.toThrow();
  });

  it("refuses windows and blocks that would take all memory", async () => {
    // 2 GiB of window: the decompressor itself would take it.
    await expect(unpacked(hex("28b52ffd 00 a8 010000"))).rejects.toThrow("window of 2147483648");
    // A single segment of 2^40 octets.
    await expect(unpacked(hex("28b52ffd e0 0000000000010000 010000"))).rejects.toThrow("window");
    // The second frame too.
    const second = Buffer.concat([HELLO, hex("28b52ffd 00 a8 010000")]);
    await expect(unpacked(second)).rejects.toThrow("window");
    await expect(unpacked(zeros(200_000))).rejects.toThrow("block of 200000");
    expect(WINDOW_LIMIT).toBe(2 ** 27);
  });

  it("gives up on a block that keeps the decoder busy for ever", async () => {
    // One compressed block: no literals, 98 047 sequences, each with the longest match there is.
    const block = hex("00 ffffff 54 000034 01");
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (2 << 1) | 1, 0, 3);
    const frame = Buffer.concat([hex("28b52ffd 00 38"), header, block]);
    await expect(unpacked(frame)).rejects.toThrow("timed out");
  });

  it("gives a bomb out piece by piece", async () => {
    const bomb = zeros(128 * 1024, 16_000);
    let made = 0;
    for await (const piece of unpack(pieces(bomb, 65_536))) {
      expect(piece.length).toBeLessThanOrEqual(128 * 1024);
      made += piece.length;
      if (made > 20_000_000) break;
    }
    expect(made).toBeGreaterThan(20_000_000);
  });

  it("throws errors and nothing else, whatever follows a magic number", async () => {
    const start = fc.constantFrom(hex("28b52ffd"), hex("502a4d18"), hex("1f8b08"), HELLO);
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 300 }), async (magic, rest) => {
        const outcome = await unpacked(Buffer.concat([magic, rest]), 64).catch((e: unknown) => e);
        expect(outcome instanceof Buffer || outcome instanceof Error).toBe(true);
      }),
      { interruptAfterTimeLimit: 2_000, numRuns: 3_000 },
    );
  });
});

describe("ZstdFrames", () => {
  it("stops after each block", () => {
    const frames = new ZstdFrames();
    const octets = zeros(9, 3);
    const ends: number[] = [];
    for (let at = 0; at < octets.length; ) {
      at = frames.feed(octets, at);
      ends.push(at);
      expect(frames.whole).toBe(at === octets.length);
    }
    expect(ends).toEqual([10, 14, 18]);
  });
});
