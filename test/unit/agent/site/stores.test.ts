import { describe, expect, it } from "vitest";
import type { SourceSpec } from "../../../../agent/site/site.ts";
import { HEAD } from "./problem-table.ts";
import { site } from "./site-text.ts";

const STORES = `stores:
  files: { url: "https://files.example/", ca: ca.pem, username: boot, password: { file: /etc/files.pw } }
  deep: { url: "https://files.example/a/b", token: { env: DEEP } }
  mine: { s3: my-bucket, endpoint: "https://x1.idrivee2-1.com/", region: us-west-1, accessKey: { env: E2_KEY }, secretKey: { file: e2.secret }, ca: e2.pem }
  part: { s3: my-bucket/part, region: eu-central-1 }
  rest: { s3: "*", endpoint: "http://10.0.0.9:3900", pathStyle: true }
  rack: { oci: "Registry.example:5000", plainHttp: true, username: u, password: { env: P } }
  team: { oci: "registry.example:5000/team/", token: { file: team.token }, ca: ca.pem }
  hub: { oci: docker.io, username: u, password: { env: HUB } }
`;

/** How the site's stores reach what an asset names. */
function source(entry: string, stores = STORES): SourceSpec | undefined {
  return site(`${HEAD}${stores}assets:\n  a: { ${entry} }\n`).assets.get("a")?.sources[0];
}

const FILES = {
  ca: "/rack/ca.pem",
  username: "boot",
  password: { kind: "file", file: "/etc/files.pw" },
};
const DEEP = { token: { kind: "env", variable: "DEEP" } };

describe("a store of URLs", () => {
  it.each([
    ["https://files.example/x", FILES],
    ["https://files.example/a/bc/x", FILES],
    ["https://files.example/a/b/x?y=1", DEEP],
    ["https://files.example/a/b", DEEP],
    ["https://files.example/a/b/../x", FILES],
    ["https://files.example:443/a/./b/x", DEEP],
  ])("reaches %s by the longest that covers it", (url, access) => {
    expect(source(`url: "${url}"`)).toMatchObject({ access });
    expect(source(`url: "${url}"`)).toEqual(expect.objectContaining({ access }));
  });

  it.each([
    "http://files.example/a/b/x",
    "https://files.example:8443/a/b/x",
    "https://files.example.evil.example/a/b/x",
    "https://evil.example/https://files.example/x",
  ])("gives nothing to %s", (url) => {
    expect(source(`url: "${url}"`)).toEqual({ kind: "http", url, access: {} });
  });
});

describe("a store of buckets", () => {
  it("reaches a bucket at its endpoint", () => {
    expect(source("s3: s3://my-bucket/a key")).toEqual({
      kind: "s3",
      bucket: "my-bucket",
      key: "a key",
      endpoint: "https://x1.idrivee2-1.com",
      region: "us-west-1",
      pathStyle: true,
      ca: "/rack/e2.pem",
      accessKey: { kind: "env", variable: "E2_KEY" },
      secretKey: { kind: "file", file: "/rack/e2.secret" },
    });
  });

  it("reaches part of a bucket at AWS, without keys", () => {
    expect(source("s3: my-bucket/part/x")).toEqual({
      kind: "s3",
      bucket: "my-bucket",
      key: "part/x",
      endpoint: "https://s3.eu-central-1.amazonaws.com",
      region: "eu-central-1",
      pathStyle: false,
    });
    expect(source("s3: my-bucket/party")).toMatchObject({ region: "us-west-1" });
  });

  it("reaches any other bucket by the one for all", () => {
    expect(source("s3: other/x")).toEqual({
      kind: "s3",
      bucket: "other",
      key: "x",
      endpoint: "http://10.0.0.9:3900",
      region: "us-east-1",
      pathStyle: true,
    });
  });

  it.each([
    ["b-1", 's3: b-1, endpoint: "https://e.example"', true],
    ["b-1", 's3: b-1, endpoint: "https://e.example", pathStyle: false', false],
    ["b-1", "s3: b-1, region: eu-west-3, pathStyle: true", true],
    ["b-1", "s3: b-1, region: eu-west-3", false],
    ["b.1", "s3: b.1, region: eu-west-3", true],
    ["B_1", 's3: "*", region: eu-west-3', true],
  ])("puts the bucket %s of { %s } into the path: %s", (bucket, store, pathStyle) => {
    const stores = `stores: { s: { ${store} } }\n`;
    expect(source(`s3: ${bucket}/x`, stores)).toMatchObject({ pathStyle });
  });

  it("knows AWS in China by another domain", () => {
    const stores = "stores: { s: { s3: bucket, region: cn-north-1 } }\n";
    const endpoint = "https://s3.cn-north-1.amazonaws.com.cn";
    expect(source("s3: bucket/x", stores)).toMatchObject({ endpoint });
  });
});

describe("a store of artifacts", () => {
  it.each([
    [
      "registry.example:5000/talos:v1",
      { plainHttp: true, access: { username: "u", password: { kind: "env", variable: "P" } } },
    ],
    [
      "REGISTRY.example:5000/team/talos:v1",
      {
        plainHttp: false,
        access: { ca: "/rack/ca.pem", token: { kind: "file", file: "/rack/team.token" } },
      },
    ],
    ["registry.example/talos:v1", { plainHttp: false, access: {} }],
    [
      "index.docker.io/library/alpine:3",
      {
        registry: "registry-1.docker.io",
        access: { username: "u", password: { kind: "env", variable: "HUB" } },
      },
    ],
  ])("reaches %s", (oci, want) => {
    expect(source(`oci: "${oci}"`)).toEqual(expect.objectContaining(want));
  });
});

it("a store that no asset uses is fine", () => {
  expect(site(`${HEAD}${STORES}`).assets.size).toBe(0);
});
