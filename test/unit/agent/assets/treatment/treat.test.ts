import { readdirSync, readlinkSync, truncateSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { XxHash64 } from "../../../../../agent/assets/treatment/compression/xxhash64.ts";
import { treat } from "../../../../../agent/assets/treatment/treat.ts";
import type { Treatment } from "../../../../../agent/assets/treatment/treatment.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { randomOctets } from "../../../../support/prng.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { fixture, PAYLOAD, unpack, unpackFile } from "./unpacking.ts";

/** Descriptors of this process that lead to a file. */
function openHandles(file: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false; // that of the listing itself
    }
  }).length;
}

function reading(file: string, size: number, treatment: Treatment, signal?: AbortSignal) {
  const { signal: never } = new AbortController();
  return treat({ file, size, treatment, label: "sample", signal: signal ?? never });
}

const WAYS: readonly (readonly [string, string, Treatment])[] = [
  ["gzip", "payload.gz", { decompress: "gzip" }],
  ["xz", "payload.xz", { decompress: "xz" }],
  ["zstd", "payload.zst", { decompress: "zstd" }],
  ["bzip2", "payload.bz2", { decompress: "bzip2" }],
  ["tar", "sample.tar.xz", { extract: "boot/vmlinuz" }],
  ["zip", "sample.zip", { extract: "boot/vmlinuz" }],
  ["deb", "sample-zst.deb", { extract: "boot/vmlinuz" }],
  ["cpio", "newc.cpio.gz", { extract: "boot/vmlinuz" }],
  ["ISO 9660", "full.iso", { extract: "boot/linux" }],
];

describe.each(WAYS)("a reader of %s", (_, name, treatment) => {
  it("that leaves early leaves nothing open", async () => {
    const octets = fixture(name);
    const file = `${tempDir({ input: octets })}/input`;
    for await (const piece of reading(file, octets.length, treatment)) {
      expect(piece.length).toBeGreaterThan(0);
      expect(openHandles(file)).toBe(1);
      break;
    }
    expect(openHandles(file)).toBe(0);
  });

  it("gets the signal's reason, and nothing stays open", async () => {
    const octets = fixture(name);
    const file = `${tempDir({ input: octets })}/input`;
    const reason = new Error("enough");
    const controller = new AbortController();
    const octetsOut = reading(file, octets.length, treatment, controller.signal);
    await octetsOut.next();
    controller.abort(reason);
    const rest = (async () => {
      for await (const piece of octetsOut) expect(piece).toBeDefined();
    })();
    await expect(rest).rejects.toBe(reason);
    expect(openHandles(file)).toBe(0);
    await expect(reading(file, octets.length, treatment, controller.signal).next()).rejects.toBe(
      reason,
    );
  });

  it("is told when the file is shorter than it was", async () => {
    const octets = fixture(name);
    const file = `${tempDir({ input: octets })}/input`;
    truncateSync(file, octets.length >> 1);
    const error = await unpackFile(file, octets.length, treatment).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).code, (error as AgentError).message).toBe("E_ASSET_READ");
    expect(openHandles(file)).toBe(0);
  });
});

describe("treat", () => {
  it("gives a file as it is where nothing is to be done", async () => {
    const octets = randomOctets(7, 300_000);
    const file = `${tempDir({ input: octets })}/input`;
    const pieces: Uint8Array[] = [];
    for await (const piece of reading(file, octets.length, {})) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(octets)).toBe(true);
    expect(pieces.length).toBeGreaterThan(1);
  });

  it("says which file is not there", async () => {
    const error = await unpackFile("/nonexistent/file", 1, {}).catch((e: unknown) => e);
    expect((error as AgentError).code).toBe("E_ASSET_READ");
    expect((error as AgentError).message).toContain("/nonexistent/file");
  });

  it("reads no further than its reader does", async () => {
    // 64 MiB of zeros behind some noise: all of it would come out if it did.
    const bomb = gzipSync(
      Buffer.concat([randomOctets(1, 400_000), Buffer.alloc(64 * 1024 * 1024)]),
    );
    const file = `${tempDir({ input: bomb })}/input`;
    const before = process.memoryUsage().rss;
    const octets = reading(file, bomb.length, { decompress: "gzip" });
    for (let i = 0; i < 8; i++) await octets.next();
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024);
    await octets.return(undefined);
    expect(openHandles(file)).toBe(0);
  });

  it("stops a bomb at the bound", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const error = await unpack(bomb, { decompress: "gzip" }, { maxOctets: 1_000_000 }).catch(
      (e: unknown) => e,
    );
    expect((error as AgentError).message).toBe("sample: unpacked, it grows beyond 1000000 octets");
  });

  it("serves many readers at once", async () => {
    const all = WAYS.flatMap(([, name, treatment]) =>
      [1, 2, 3].map(() => unpack(fixture(name), treatment)),
    );
    expect(new Set(await Promise.all(all))).toEqual(new Set([PAYLOAD]));
  });
});

describe("XXH64", () => {
  it("of nothing", () => {
    // XXH64 of nothing is ef46db3751d8e999.
    expect(new XxHash64().digest32()).toBe(0x51d8e999);
  });

  it("of any length, in pieces of any length", () => {
    const octets = randomOctets(3, 400);
    for (let len = 0; len <= octets.length; len++) {
      const hash = new XxHash64();
      for (let at = 0; at < len; at += 1 + (len % 37)) {
        hash.update(octets.subarray(at, Math.min(len, at + 1 + (len % 37))));
      }
      expect(hash.digest32(), `${len} octets`).toBe(reference(octets.subarray(0, len)));
    }
  });
});

/** The same written as the specification has it, in BigInt. */
function reference(octets: Uint8Array): number {
  const mask = 0xffff_ffff_ffff_ffffn;
  const p1 = 0x9e3779b185ebca87n;
  const p2 = 0xc2b2ae3d27d4eb4fn;
  const p3 = 0x165667b19e3779f9n;
  const p4 = 0x85ebca77c2b2ae63n;
  const p5 = 0x27d4eb2f165667c5n;
  const rotl = (v: bigint, bits: bigint): bigint => ((v << bits) | (v >> (64n - bits))) & mask;
  const round = (acc: bigint, word: bigint): bigint =>
    (rotl((acc + word * p2) & mask, 31n) * p1) & mask;
  const dv = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let at = 0;
  let hash: bigint = p5;
  if (octets.length >= 32) {
    const acc = [(p1 + p2) & mask, p2, 0n, -p1 & mask];
    for (; at + 32 <= octets.length; at += 32) {
      for (const [i, v] of acc.entries()) acc[i] = round(v, dv.getBigUint64(at + i * 8, true));
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = acc;
    hash = (rotl(a, 1n) + rotl(b, 7n) + rotl(c, 12n) + rotl(d, 18n)) & mask;
    for (const v of acc) hash = ((hash ^ round(0n, v)) * p1 + p4) & mask;
  }
  hash = (hash + BigInt(octets.length)) & mask;
  for (; at + 8 <= octets.length; at += 8) {
    hash = (rotl(hash ^ round(0n, dv.getBigUint64(at, true)), 27n) * p1 + p4) & mask;
  }
  for (; at + 4 <= octets.length; at += 4) {
    hash = (rotl(hash ^ ((BigInt(dv.getUint32(at, true)) * p1) & mask), 23n) * p2 + p3) & mask;
  }
  for (; at < octets.length; at++) {
    hash = (rotl(hash ^ ((BigInt(dv.getUint8(at)) * p5) & mask), 11n) * p1) & mask;
  }
  hash = ((hash ^ (hash >> 33n)) * p2) & mask;
  hash = ((hash ^ (hash >> 29n)) * p3) & mask;
  return Number((hash ^ (hash >> 32n)) & 0xffff_ffffn);
}
