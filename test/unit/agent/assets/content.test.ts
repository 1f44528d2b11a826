import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import { gather, loadRange } from "../../../../agent/assets/content.ts";
import { PaddedContent } from "../../../../agent/assets/padded-content.ts";
import { TextContent } from "../../../../agent/assets/text-content.ts";
import { pattern } from "../../../support/test-site.ts";
import { gathered, octetsOf, SlowContent } from "./contents.ts";

const OCTETS = pattern(100);

function slow(chunkLen = 16, budget = 1_000): SlowContent {
  return new SlowContent(OCTETS, new ChunkCache(chunkLen, budget));
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
