import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  digestOf,
  isDigest,
  parseManifest,
} from "../../../../../agent/assets/stores/oci-manifest.ts";
import { pickKey, pickLayer, pickPlatform } from "../../../../../agent/assets/stores/oci-pick.ts";
import { AgentError } from "../../../../../agent/errors.ts";

const DIGEST = `sha256:${"0f".repeat(32)}`;
const OTHER = `sha256:${"a0".repeat(32)}`;
const octets = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const parse = (value: unknown): unknown => parseManifest(octets(value), "image:tag");

describe("parseManifest", () => {
  it("reads an image, with what it does not know left aside", () => {
    const layers = [{ mediaType: "text/plain", digest: DIGEST, size: 3, urls: [], data: "e30=" }];
    const read = parse({ schemaVersion: 2, config: { anything: 1 }, layers, subject: {} });
    expect(read).toEqual({
      kind: "image",
      layers: [{ mediaType: "text/plain", digest: DIGEST, size: 3 }],
    });
  });

  it("reads an index with platforms", () => {
    const platform = { os: "linux", architecture: "arm", variant: "v7", "os.version": "1" };
    const read = parse({ manifests: [{ digest: DIGEST, size: 0, platform, annotations: null }] });
    expect(read).toMatchObject({
      kind: "index",
      manifests: [{ platform: { os: "linux", architecture: "arm", variant: "v7" } }],
    });
  });

  it.each([
    ["text", "hello", "is not JSON"],
    ["octets that are no text", Buffer.from([0x7b, 0xff, 0x7d]), "is not JSON"],
    ["nothing", "", "is not JSON"],
    ["a number", "1", "not a JSON object"],
    ["null", "null", "not a JSON object"],
    ["neither", "{}", "neither layers nor manifests"],
    ["both", '{"layers":[],"manifests":[]}', "both layers and manifests"],
    ["schema 1", '{"fsLayers":[]}', "schema 1"],
    ["layers that are no list", '{"layers":{}}', "layers"],
    ["a path for a digest", '{"layers":[{"digest":"sha256:../x","size":1}]}', "layers.0.digest"],
    ["SHA-512", `{"layers":[{"digest":"sha512:${"0".repeat(128)}","size":1}]}`, "digest"],
    ["a size below 0", `{"layers":[{"digest":"${DIGEST}","size":-1}]}`, "layers.0.size"],
    ["half an octet", `{"layers":[{"digest":"${DIGEST}","size":1.5}]}`, "layers.0.size"],
    ["no size", `{"layers":[{"digest":"${DIGEST}"}]}`, "layers.0.size"],
  ])("refuses %s", (_, text, why) => {
    const wrong = expect.objectContaining({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining(why),
    });
    expect(() => parseManifest(Buffer.from(text), "image:tag")).toThrow(wrong);
  });

  it("never throws anything else, whatever it is given", () => {
    const near = fc.record(
      {
        layers: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
        manifests: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
        fsLayers: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      near.map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          parseManifest(Buffer.from(given), "x");
        } catch (error) {
          expect(error).toBeInstanceOf(AgentError);
        }
      }),
      { interruptAfterTimeLimit: 1_500, numRuns: 5_000 },
    );
  });
});

describe("digests", () => {
  it("are told from tags", () => {
    expect(isDigest(digestOf(octets({})))).toBe(true);
    expect(isDigest("v1.11.6")).toBe(false);
    expect(isDigest(`sha256:${"A0".repeat(32)}`)).toBe(false);
    expect(isDigest(`${DIGEST}\n`)).toBe(false);
  });
});

describe("pickPlatform", () => {
  const of = (os: string, architecture: string, variant?: string) => ({
    mediaType: "",
    digest: DIGEST,
    size: 1,
    platform: { os, architecture, variant },
  });
  const list = [of("unknown", "unknown"), of("linux", "arm", "v6"), of("linux", "arm", "v7")];

  it("takes the first of a platform, or the one with the variant", () => {
    expect(pickPlatform(list, "linux/arm", "i")).toBe(list[1]);
    expect(pickPlatform(list, "linux/arm/v7", "i")).toBe(list[2]);
  });

  it("takes the only one when it names no platform", () => {
    const only = { mediaType: "", digest: DIGEST, size: 1 };
    expect(pickPlatform([only], "linux/amd64", "i")).toBe(only);
    expect(() => pickPlatform([only, only], "linux/amd64", "i")).toThrow("no image");
  });

  it("says what there is", () => {
    expect(() => pickPlatform(list, "linux/amd64", "i")).toThrow(
      expect.objectContaining({
        code: "E_STORE_MISSING",
        message:
          "i has no image for linux/amd64: there is unknown/unknown, linux/arm/v6, linux/arm/v7",
      }),
    );
    expect(() => pickPlatform([], "linux/amd64", "i")).toThrow("there is nothing in it");
  });
});

describe("pickLayer", () => {
  const layer = (mediaType: string, title?: string, digest = DIGEST) => ({
    mediaType,
    digest,
    size: 1,
    ...(title === undefined ? {} : { annotations: { "org.opencontainers.image.title": title } }),
  });
  const kernel = layer("application/x-kernel", "vmlinuz");
  const initrd = layer("application/x-initrd", "initramfs.xz", OTHER);

  it("goes by title, media type, or takes the only one", () => {
    const both = [kernel, initrd];
    expect(pickLayer(both, { by: "title", title: "initramfs.xz" }, "a")).toBe(initrd);
    expect(pickLayer(both, { by: "mediaType", mediaType: "application/x-kernel" }, "a")).toBe(
      kernel,
    );
    expect(pickLayer([kernel], { by: "only" }, "a")).toBe(kernel);
  });

  it("takes a layer that is listed twice", () => {
    expect(pickLayer([kernel, kernel], { by: "only" }, "a")).toBe(kernel);
  });

  it.each([
    [{ by: "title", title: "vmlinux" } as const, 'no layer with the title "vmlinux"'],
    [{ by: "mediaType", mediaType: "text/plain" } as const, "no layer of type text/plain"],
    [{ by: "only" } as const, "2 layers where one is expected"],
  ])("refuses %j and says what there is", (pick, why) => {
    expect(() => pickLayer([kernel, initrd], pick, "a")).toThrow(
      expect.objectContaining({
        code: "E_STORE_MISSING",
        message: `a has ${why}: there is "vmlinuz", "initramfs.xz"`,
      }),
    );
  });

  it("names no more than ten, and nothing that would disturb a terminal", () => {
    const many = Array.from({ length: 200 }, (_, i) => layer("", `\u001b[2J${i}`, OTHER));
    const list = (): unknown => pickLayer(many, { by: "title", title: "x" }, "a");
    expect(list).toThrow(expect.objectContaining({ message: expect.stringMatching(/9", …$/) }));
    expect(list).not.toThrow("\u001b");
  });

  it("gives each pick a text of its own", () => {
    const keys = [
      pickKey({ by: "title", title: "a" }),
      pickKey({ by: "mediaType", mediaType: "a" }),
      pickKey({ by: "path", path: "a" }),
      pickKey({ by: "only" }),
    ];
    expect(new Set(keys).size).toBe(4);
  });
});
