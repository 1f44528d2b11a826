import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readImage } from "../../../../../../agent/assets/trees/image/read-image.ts";
import { AgentError } from "../../../../../../agent/errors.ts";
import { ChunkedContent, cpio, paxHeader, tar } from "../../../../../support/archive-octets.ts";

const TAR = tar(
  { name: "etc", type: "5" },
  paxHeader({ path: "etc/motd", mtime: "1.5", size: "5" }),
  { name: "x", text: "hello" },
  { name: "etc/issue", type: "1", linkname: "etc/motd" },
  { name: "bin", type: "2", linkname: "etc" },
  { name: "bin/sh", text: "#!" },
);
const CPIO = cpio(
  { name: ".", mode: 0o40755 },
  { name: "a", inode: 5, links: 2 },
  { name: "l", mode: 0o120777, text: "d" },
  { name: "l/b", inode: 5, links: 2, text: "b" },
);

/** A header that adds up, so that more of what is wrong with it is looked at. */
function sumUp(header: Uint8Array): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, octet) => total + octet, 0);
  header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0`), 148);
}

/** Reads an image with some octets changed; true when it was refused as it should be, or taken. */
async function isSound(image: Uint8Array, changes: readonly (readonly [number, number])[]) {
  const octets = Uint8Array.from(image);
  for (const [at, octet] of changes) octets[at % octets.length] = octet;
  for (let at = 0; at + 512 <= image.length; at += 512) {
    if (Buffer.from(image.subarray(at + 257, at + 262)).toString() !== "ustar") continue;
    sumUp(octets.subarray(at, at + 512));
  }
  const content = new ChunkedContent(octets, "e".repeat(64), 512);
  try {
    const index = await readImage(content, 100);
    for (let i = 0; i < index.size; i++) {
      const node = index.node(i);
      expect((node?.at ?? 0) + (node?.kind === "file" ? node.size : 0)).toBeLessThanOrEqual(
        octets.length,
      );
    }
  } catch (error) {
    expect(error).toBeInstanceOf(AgentError);
  }
  return content.cache.loans === 0;
}

describe("an image made to do harm", () => {
  it.each([
    ["tar", TAR],
    ["cpio", CPIO],
  ])("is refused or read, whatever octets of it were changed: %s", async (_, image) => {
    const change = fc.tuple(fc.nat(image.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) =>
        isSound(image, changes),
      ),
      { numRuns: 3_000, interruptAfterTimeLimit: 2_000 },
    );
  }, 30_000);

  it("makes no more directories than are allowed out of one deep path", async () => {
    const content = new ChunkedContent(tar(paxHeader({ path: "d/".repeat(2_000) }), { name: "x" }));
    await expect(readImage(content, 1_000)).rejects.toMatchObject({ code: "E_TREE_IMAGE" });
  });

  it("ends with its last allowed node, though a million follow", async () => {
    const part = tar(...Array.from({ length: 1_000 }, (_, i) => ({ name: `f${i}` }))).subarray(
      0,
      512_000,
    );
    // A name that comes again costs a node each time.
    const content = new ChunkedContent(Buffer.concat(Array.from({ length: 50 }, () => part)));
    await expect(readImage(content, 5_000)).rejects.toThrow("more than 5000 files");
    expect(content.reads.length).toBeLessThan(2_600);
  }, 30_000);
});
