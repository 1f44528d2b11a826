import { describe, expect, it } from "vitest";
import type { Compression } from "../../../../../agent/assets/treatment/treatment.ts";
import { fixture, holdsWhenCut, PAYLOAD, refusal, unpack } from "./unpacking.ts";

const ALL: readonly (readonly [Compression, string])[] = [
  ["gzip", "payload.gz"],
  ["xz", "payload.xz"],
  ["zstd", "payload.zst"],
  ["bzip2", "payload.bz2"],
];

describe.each(ALL)("%s", (compression, name) => {
  const octets = fixture(name);

  it("reads every member of a file", async () => {
    expect(await unpack(octets, { decompress: compression })).toBe(PAYLOAD);
  });

  it("refuses a file that was cut off anywhere, unless a member ends there", {
    timeout: 60_000,
  }, async () => {
    const first = PAYLOAD.slice(0, 1_000);
    await holdsWhenCut(octets, { decompress: compression }, first);
  });

  it("refuses every octet that was changed, or gives what was meant", {
    timeout: 60_000,
  }, async () => {
    let refused = 0;
    let tried = 0;
    for (let at = 0; at < octets.length; at += octets.length > 500 ? 2 : 1) {
      tried++;
      const damaged = Uint8Array.from(octets);
      damaged[at] = (damaged[at] ?? 0) ^ 0x41;
      const outcome = await unpack(damaged, { decompress: compression }).catch(
        (error: unknown) => (error as { readonly code?: string }).code,
      );
      if (outcome === PAYLOAD) continue;
      expect(outcome, `octet ${at}`).toBe("E_TREATMENT");
      refused++;
    }
    // A name, a time and padding may change.
    expect(refused).toBeGreaterThan(tried * 0.8);
  });

  it.each(["x", "\0\0\0\0x", octets.subarray(0, 3)])(
    "refuses something else behind the end",
    async (more) => {
      const message = await refusal(Buffer.concat([octets, Buffer.from(more)]), {
        decompress: compression,
      });
      expect(message).toMatch(/behind its end|cut short|damaged/);
    },
  );

  it("says what it is instead", async () => {
    const other = compression === "xz" ? "gzip" : "xz";
    const message = await refusal(octets, { decompress: other });
    expect(message).toBe(`sample: is not ${other} but ${compression}`);
    expect(await refusal(Buffer.from("plain text"), { decompress: compression })).toBe(
      `sample: is not ${compression}`,
    );
    expect(await refusal(new Uint8Array(0), { decompress: compression })).toBe(
      `sample: is not ${compression}`,
    );
  });

  it("refuses what grows beyond a bound, and takes what reaches it", async () => {
    const treatment = { decompress: compression };
    expect(await refusal(octets, treatment, { maxOctets: PAYLOAD.length - 1 })).toBe(
      `sample: unpacked, it grows beyond ${PAYLOAD.length - 1} octets`,
    );
    expect(await unpack(octets, treatment, { maxOctets: PAYLOAD.length })).toBe(PAYLOAD);
  });
});

describe("what is allowed behind the end", () => {
  it("zeros behind gzip, as tapes leave them", async () => {
    const padded = Buffer.concat([fixture("payload.gz"), new Uint8Array(100_000)]);
    expect(await unpack(padded, { decompress: "gzip" })).toBe(PAYLOAD);
    const dirty = Buffer.concat([padded, Buffer.from("x")]);
    expect(await refusal(dirty, { decompress: "gzip" })).toBe(
      "sample: has something else behind its end",
    );
  });

  it("zeros in fours behind xz, and between its streams", async () => {
    const xz = fixture("payload.xz");
    const padded = Buffer.concat([xz, new Uint8Array(8), xz, new Uint8Array(4)]);
    expect(await unpack(padded, { decompress: "xz" })).toBe(PAYLOAD + PAYLOAD);
    const odd = Buffer.concat([xz, new Uint8Array(3)]);
    expect(await refusal(odd, { decompress: "xz" })).toMatch(/damaged|behind its end/);
  });

  it("skippable frames of zstd", async () => {
    const skippable = Buffer.from("502a4d1803000000616263", "hex");
    const zstd = Buffer.concat([skippable, fixture("payload.zst"), skippable]);
    expect(await unpack(zstd, { decompress: "zstd" })).toBe(PAYLOAD);
    expect(await refusal(zstd.subarray(0, -1), { decompress: "zstd" })).toContain(
      "skippable frame",
    );
  });
});

describe("what asks for too much", () => {
  it("a zstd window above 128 MiB", async () => {
    expect(await refusal(fixture("large-window.zst"), { decompress: "zstd" })).toBe(
      "sample: wants a window of 256 MiB, where 128 are allowed; compress it with `zstd --long=27` or less",
    );
  });

  it("an xz dictionary above 64 MiB", async () => {
    expect(await refusal(fixture("large-dictionary.xz"), { decompress: "xz" })).toContain(
      "wants a dictionary of more than 64 MiB",
    );
  });

  it("an xz check that there is no code for", async () => {
    expect(await refusal(fixture("sha256-check.xz"), { decompress: "xz" })).toContain(
      "a filter or a check that is not supported",
    );
  });

  it("zstd without a checksum is read", async () => {
    expect(await unpack(fixture("no-check.zst"), { decompress: "zstd" })).toBe(PAYLOAD);
  });
});
