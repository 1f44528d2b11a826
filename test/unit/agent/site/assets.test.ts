import { describe, expect, it } from "vitest";
import type { AssetSpec, SourceSpec } from "../../../../agent/site/site.ts";
import { HEAD } from "./problem-table.ts";
import { KEY, site } from "./site-text.ts";

const DIGEST = "9f".repeat(32);
const HOUR = 3_600_000;

/** The asset `a` of a site with this entry, and what else the site says. */
function asset(entry: string, more = ""): AssetSpec {
  const spec = site(`${HEAD}${more}assets:\n  a: { ${entry} }\n`).assets.get("a");
  if (spec === undefined) throw new Error("the site has no asset a");
  return spec;
}

/** Its only source. */
function source(entry: string, more = ""): SourceSpec | undefined {
  const { sources } = asset(entry, more);
  expect(sources).toHaveLength(1);
  return sources[0];
}

describe("an asset's source", () => {
  it("is a file, relative to the site's", () => {
    expect(asset("file: boot/a")).toEqual({
      name: "a",
      sources: [{ kind: "file", file: "/rack/boot/a" }],
      pin: "first",
      treatment: {},
      refreshMs: 0,
    });
  });

  it("is the newest file of a folder", () => {
    expect(asset('folder: incoming, match: "vmlinuz-*"')).toMatchObject({
      sources: [{ kind: "folder", folder: "/rack/incoming", match: "vmlinuz-*" }],
      refreshMs: 0,
    });
    expect(source("folder: /srv")).toEqual({ kind: "folder", folder: "/srv", match: "*" });
  });

  it("is a URL, normalised", () => {
    expect(source('url: "HTTPS://CDN.Example:443/a/../b%20c.gz?x=1"')).toEqual({
      kind: "http",
      url: "https://cdn.example/b%20c.gz?x=1",
      access: {},
    });
  });

  it("is one of several mirrors, of several kinds, in the order of the file", () => {
    const stores = "stores: { aws: { s3: b-1, region: eu-west-3 } }\n";
    const urls = '["https://m1/x", "s3://b-1/k/x", "file:///srv/a%20b", "http://m2:8080/x"]';
    expect(asset(`url: ${urls}`, stores).sources).toMatchObject([
      { kind: "http", url: "https://m1/x" },
      { kind: "s3", bucket: "b-1", key: "k/x" },
      { kind: "file", file: "/srv/a b" },
      { kind: "http", url: "http://m2:8080/x" },
    ]);
  });

  it.each([
    ["", { by: "only" }],
    [", title: vmlinuz", { by: "title", title: "vmlinuz" }],
    [", mediaType: application/vnd.x+tar", { by: "mediaType", mediaType: "application/vnd.x+tar" }],
    [", path: boot/vmlinuz", { by: "path", path: "boot/vmlinuz" }],
  ])("is an artifact of a registry%s", (more, pick) => {
    expect(source(`oci: "registry.example.com/talos:v1.11.6"${more}`)).toEqual({
      kind: "oci",
      registry: "registry.example.com",
      repository: "talos",
      reference: "v1.11.6",
      pick,
      platform: "linux/amd64",
      plainHttp: false,
      access: {},
    });
  });

  it("is an artifact by its digest, with the digest of the octets beside it", () => {
    const spec = asset(
      `oci: "registry.example.com/x@sha256:${DIGEST}", sha256: "${DIGEST}", platform: linux/arm/v7, path: x`,
    );
    expect(spec.sha256).toBe(DIGEST);
    expect(spec.sources).toMatchObject([
      { reference: `sha256:${DIGEST}`, platform: "linux/arm/v7" },
    ]);
  });
});

describe("an asset", () => {
  it("has its treatment", () => {
    const { treatment } = asset("file: a, extract: install/vmlinuz, decompress: xz");
    expect(treatment).toEqual({ extract: "install/vmlinuz", decompress: "xz" });
  });

  it("has its policy for other octets", () => {
    expect(asset("file: a, pin: always-newest").pin).toBe("always-newest");
    expect(asset("file: a, pin: none").pin).toBe("none");
  });

  it.each([
    ['url: "https://x/a"', "", 6 * HOUR],
    ['url: "https://x/a"', "cache: { refresh: 90m }\n", 1.5 * HOUR],
    ['url: "https://x/a"', "cache: { refresh: never }\n", 0],
    ['url: "https://x/a", refresh: 30s', "cache: { refresh: never }\n", 30_000],
    ['url: "https://x/a", refresh: 24 d', "", 24 * 24 * HOUR],
    ['url: ["file:///a", "https://x/a"]', "", 6 * HOUR],
    ['url: "file:///a"', "", 0],
    ["folder: f, refresh: 1h", "", HOUR],
  ])("with %s and %j is asked for every %d ms", (entry, more, refreshMs) => {
    expect(asset(entry, more).refreshMs).toBe(refreshMs);
  });

  it("cannot be changed", () => {
    const spec = asset('url: ["https://x/a"], extract: x');
    for (const part of [spec, spec.sources, spec.sources[0], spec.treatment]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it("may be called what every JavaScript object has", () => {
    const { assets } = site(`${HEAD}assets: { toString: { file: a }, valueOf: { file: b } }\n`);
    expect([...assets.keys()]).toEqual(["toString", "valueOf"]);
  });
});

describe("a list of digests", () => {
  const LIST = 'url: "https://x/SHA256"';

  it("has its entry by the name of the source", () => {
    const { checksums } = asset(`url: "https://x/7.7/bsd%20rd?x", checksums: { ${LIST} }`);
    expect(checksums).toEqual({
      source: { kind: "http", url: "https://x/SHA256", access: {} },
      entry: "bsd rd",
    });
    expect(asset(`file: d/f, checksums: { ${LIST} }`).checksums?.entry).toBe("f");
    expect(asset(`folder: d, match: f.x, checksums: { ${LIST} }`).checksums?.entry).toBe("f.x");
    const oci = 'oci: "r.example/x:1"';
    expect(asset(`${oci}, title: t, checksums: { ${LIST} }`).checksums?.entry).toBe("t");
    expect(asset(`${oci}, path: a/b, checksums: { ${LIST} }`).checksums?.entry).toBe("b");
  });

  it("may be a file here, or in a bucket", () => {
    const stores = "stores: { aws: { s3: bucket, region: eu-west-3 } }\n";
    expect(asset('file: f, checksums: { url: "file:///srv/S" }').checksums?.source).toEqual({
      kind: "file",
      file: "/srv/S",
    });
    const inBucket = asset(
      `s3: bucket/a/k, checksums: { url: "s3://bucket/S", minisign: "${KEY}" }`,
      stores,
    );
    expect(inBucket.checksums).toMatchObject({
      source: { kind: "s3", key: "S" },
      entry: "k",
      signature: { by: "minisign", source: { kind: "s3", key: "S.minisig" } },
    });
  });

  it("is signed by signify, with the key in a file and the signature in the list", () => {
    const { checksums } = asset(
      'url: "https://x/bsd.rd", checksums: { url: "https://x/SHA256.sig", entry: bsd.rd, signify: base.pub }',
    );
    expect(checksums).toEqual({
      source: { kind: "http", url: "https://x/SHA256.sig", access: {} },
      entry: "bsd.rd",
      signature: {
        by: "signify",
        key: `untrusted comment: openbsd 7.7 base public key\n${KEY}\n`,
      },
    });
  });

  it("is signed by signify apart from it", () => {
    const { checksums } = asset(
      `file: f, checksums: { ${LIST}, signify: "${KEY}", signature: "https://y/S.sig" }`,
    );
    expect(checksums?.signature).toEqual({
      by: "signify",
      key: KEY,
      source: { kind: "http", url: "https://y/S.sig", access: {} },
    });
  });

  it.each([
    ["https://x/SHA256SUMS", "", "https://x/SHA256SUMS.minisig"],
    ["https://x/S?v=1", "", "https://x/S.minisig?v=1"],
    ["https://x/S", ', signature: "https://y/s"', "https://y/s"],
  ])("is signed by minisign: %s%s", (url, more, signature) => {
    const { checksums } = asset(`file: f, checksums: { url: "${url}", minisign: "${KEY}"${more} }`);
    expect(checksums?.signature).toEqual({
      by: "minisign",
      key: KEY,
      source: { kind: "http", url: signature, access: {} },
    });
  });
});

describe("the cache", () => {
  it.each([
    ["size: 8GiB", { size: 8 * 2 ** 30, versions: 3 }],
    ["size: 1.5 TiB, versions: 20", { size: 1.5 * 2 ** 40, versions: 20 }],
    ["size: 300KiB, versions: 2", { size: 300 * 1024, versions: 2 }],
    ["size: 7MiB, refresh: 1d", { size: 7 * 2 ** 20, versions: 3 }],
    ["", { versions: 3 }],
  ])("takes %s", (text, want) => {
    expect(site(`${HEAD}cache: { ${text} }\n`).cache).toEqual(want);
  });
});
