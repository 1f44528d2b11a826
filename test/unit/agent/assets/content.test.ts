import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import { type Content, gather, loadRange } from "../../../../agent/assets/content.ts";
import { borrowRange, fill, giveAllBack, type Loan } from "../../../../agent/assets/loan.ts";
import { PaddedContent } from "../../../../agent/assets/padded-content.ts";
import { TextContent } from "../../../../agent/assets/text-content.ts";
import { pattern } from "../../../support/test-site.ts";
import { gathered, octetsOf, SlowContent } from "./contents.ts";

const OCTETS = pattern(100);

function slow(chunkLen = 16, budget = 1_000): SlowContent {
  return new SlowContent(OCTETS, new ChunkCache(chunkLen, budget));
}

/** Content that keeps account of what it lends. */
function lent(): { readonly content: Content; readonly cache: ChunkCache } {
  const cache = new ChunkCache(16, 1_000);
  const inner = new SlowContent(OCTETS, cache);
  const read = async (i: number): Promise<Uint8Array> => OCTETS.slice(i * 16, (i + 1) * 16);
  const content: Content = {
    name: inner.name,
    size: inner.size,
    mtimeMs: inner.mtimeMs,
    etag: inner.etag,
    chunkLen: inner.chunkLen,
    peek: (i) => inner.peek(i),
    load: (i) => inner.load(i),
    borrow: (i) => cache.borrow("slow", i),
    fill: (i) => cache.fill("slow", i, read),
  };
  return { content, cache };
}

describe("gather", () => {
  it("names the first chunk that is missing, and gives nothing then", async () => {
    const content = slow();
    const pieces: Uint8Array[] = [new Uint8Array(1)];
    expect(gather(content, 20, 40, pieces)).toBe(1);
    expect(pieces).toEqual([]);
    await content.load(1);
    expect(gather(content, 20, 40, pieces)).toBe(2);
  });

  it.each([
    [0, 100],
    [0, 16],
    [15, 2],
    [16, 16],
    [17, 50],
    [99, 1],
    [100, 0],
    [50, 0],
  ])("collects %d + %d", async (at, len) => {
    const content = slow();
    await loadRange(content, at, len);
    expect(gathered(content, at, len)).toEqual([...OCTETS.subarray(at, at + len)]);
  });

  it("lends the cache's own memory", async () => {
    const content = slow();
    const chunk = await content.load(0);
    const pieces: Uint8Array[] = [];
    gather(content, 3, 5, pieces);
    expect(pieces[0]?.buffer).toBe(chunk.buffer);
  });
});

describe("borrowRange", () => {
  it("names the first chunk that is missing, and keeps nothing then", async () => {
    const { content, cache } = lent();
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    await fill(content, 0);
    expect(borrowRange(content, 10, 20, pieces, loans)).toBe(1);
    expect([pieces, loans, cache.loans]).toEqual([[], [], 0]);
  });

  it.each([
    [0, 100],
    [15, 2],
    [17, 50],
    [99, 1],
    [50, 0],
  ])("collects %d + %d, to be given back", async (at, len) => {
    const { content, cache } = lent();
    for (let i = 0; i < 7; i++) await fill(content, i);
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    expect(borrowRange(content, at, len, pieces, loans)).toBe(-1);
    expect(pieces.flatMap((piece) => [...piece])).toEqual([...OCTETS.subarray(at, at + len)]);
    expect(cache.loans).toBe(pieces.length);
    giveAllBack(loans);
    expect(cache.loans).toBe(0);
  });

  it("keeps nothing of a read past the end", async () => {
    const { content, cache } = lent();
    for (let i = 0; i < 7; i++) await fill(content, i);
    expect(() => borrowRange(content, 90, 11, [], [])).toThrow("past the end");
    expect(cache.loans).toBe(0);
  });

  it("serves content that keeps no account", async () => {
    const content = slow();
    await fill(content, 0);
    expect(fill(content, 0)).toBeUndefined();
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    expect(borrowRange(content, 3, 5, pieces, loans)).toBe(-1);
    giveAllBack(loans);
    expect(pieces).toEqual([OCTETS.subarray(3, 8)]);
  });

  it("lends padded content: chunks of the cache, and a last one of its own", async () => {
    const { content, cache } = lent();
    const padded = PaddedContent.to(8, content);
    for (let i = 0; i < 7; i++) await fill(padded, i);
    const pieces: Uint8Array[] = [];
    const loans: Loan[] = [];
    expect(borrowRange(padded, 80, 24, pieces, loans)).toBe(-1);
    expect(pieces.flatMap((piece) => [...piece])).toEqual([...OCTETS.subarray(80), 0, 0, 0, 0]);
    expect(cache.loans).toBe(1);
    giveAllBack(loans);
    expect(cache.loans).toBe(0);
  });
});

describe("loadRange", () => {
  it("loads what is touched and nothing else", async () => {
    const content = slow();
    await loadRange(content, 15, 2);
    expect(content.loads).toBe(2);
    expect(content.peek(2)).toBeUndefined();
    await loadRange(content, 50, 0);
    expect(content.loads).toBe(2);
  });
});

describe("PaddedContent", () => {
  it.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [17, 20],
    [32, 32],
    [97, 100],
  ])("brings %d octets to %d", async (len, padded) => {
    const inner = new SlowContent(OCTETS.slice(0, len), new ChunkCache(16, 1_000));
    const content = PaddedContent.to(4, inner);
    expect(content.size).toBe(padded);
    const expected = [...OCTETS.slice(0, len), ...new Array(padded - len).fill(0)];
    expect([...(await octetsOf(content))]).toEqual(expected);
    await loadRange(content, 0, padded);
    expect(gathered(content, 0, padded)).toEqual(expected);
  });

  it("is the content itself when it fits, and another version when it does not", () => {
    const inner = slow();
    expect(PaddedContent.to(4, inner)).toBe(inner);
    expect(PaddedContent.to(8, inner).etag).not.toBe(inner.etag);
  });

  it("is one object for one content, so that its last chunk is held once", () => {
    const inner = slow();
    expect(PaddedContent.to(8, inner)).toBe(PaddedContent.to(8, inner));
  });

  it("does not remember a read that failed", async () => {
    const inner = slow();
    const content = PaddedContent.to(8, inner);
    inner.failure = new Error("disk");
    await expect(content.load(6)).rejects.toThrow("disk");
    inner.failure = undefined;
    expect((await content.load(6)).length).toBe(8);
  });

  it("refuses chunks that would cut a unit in two", () => {
    expect(() => PaddedContent.to(8, slow(12))).toThrow("whole units");
  });
});

describe("TextContent", () => {
  it("is UTF-8 in one chunk, with a validator that follows from the octets", async () => {
    const text = new TextContent("a", "grün\n", 5_000);
    expect([...(await octetsOf(text))]).toEqual([...new TextEncoder().encode("grün\n")]);
    expect(text).toMatchObject({ name: "a", size: 6, mtimeMs: 5_000 });
    expect(new TextContent("b", "grün\n", 9_000).etag).toBe(text.etag);
    expect(new TextContent("a", "grau\n", 5_000).etag).not.toBe(text.etag);
    expect(text.peek(1)).toBeUndefined();
  });

  it("may be empty", () => {
    expect(gathered(new TextContent("a", "", 0), 0, 0)).toEqual([]);
  });
});
