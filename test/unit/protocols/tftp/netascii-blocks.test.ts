import { describe, expect, it } from "vitest";
import { NetasciiBlocks } from "../../../../protocols/tftp/netascii-blocks.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { prng } from "../../../support/prng.ts";

/** RFC 764's line ends, the slow and plain way. */
function netascii(text: Uint8Array): number[] {
  return [...text].flatMap((c) => (c === 10 ? [13, 10] : c === 13 ? [13, 0] : [c]));
}

/** Makes block `n`, from pieces of at most `pieceLen` octets. */
function make(blocks: NetasciiBlocks, text: Uint8Array, n: number, len: number, pieceLen = 7) {
  const dst = Octets.alloc(len);
  blocks.begin(n);
  const from = blocks.startOf(n);
  const need = blocks.needOf(n);
  let used = 0;
  let to = 0;
  do {
    const piece = new Octets(
      text.slice(from + used, from + used + Math.min(pieceLen, need - used)),
    );
    to += blocks.add(piece, 0, piece.u8.length, dst, to, len - to);
    used += blocks.consumed;
  } while (used < need && to < len);
  blocks.end(n, used);
  return [...dst.u8.subarray(0, to)];
}

/** Half of it are line ends, so that pairs are split everywhere. */
function ragged(len: number): Uint8Array {
  const random = prng(len);
  return Uint8Array.from({ length: len }, () => [10, 13, 65, 0][Math.floor(random() * 4)] ?? 0);
}

describe("NetasciiBlocks", () => {
  it.each([0, 1, 7, 8, 9, 500, 4_096])("gives a text of %i octets in blocks of 8", (len) => {
    const text = ragged(len);
    const want = netascii(text);
    const blocks = new NetasciiBlocks(len, 8, 4);
    const got: number[] = [];
    for (let n = 1; ; n++) {
      const block = make(blocks, text, n, 8);
      got.push(...block);
      if (block.length < 8) break;
    }
    expect(got).toEqual(want);
  });

  it("makes each block of the window again as it was, also where a pair is split between two", () => {
    const text = ragged(400);
    const want = netascii(text);
    const blocks = new NetasciiBlocks(400, 8, 4);
    for (let n = 1; n <= 40; n++) make(blocks, text, n, 8);
    for (const n of [37, 38, 39, 40, 38, 41]) {
      expect(make(blocks, text, n, 8), `block ${n}`).toEqual(want.slice((n - 1) * 8, n * 8));
    }
    expect(() => blocks.begin(36)).toThrow("outside the window");
    expect(() => blocks.begin(43)).toThrow("outside the window");
  });
});
