import { describe, expect, it } from "vitest";
import {
  isStoreHost,
  objectId,
  objectLabel,
  objectUrl,
  type S3Target,
} from "../../../../../agent/assets/stores/s3-address.ts";

function target(change: Partial<S3Target> = {}): S3Target {
  return {
    kind: "s3",
    bucket: "boot",
    key: "talos/vmlinuz",
    endpoint: "https://s3.eu-central-1.amazonaws.com",
    region: "eu-central-1",
    pathStyle: true,
    ...change,
  };
}

describe("an object's URL", () => {
  it.each([
    [{}, "https://s3.eu-central-1.amazonaws.com/boot/talos/vmlinuz"],
    [{ pathStyle: false }, "https://boot.s3.eu-central-1.amazonaws.com/talos/vmlinuz"],
    [{ endpoint: "http://10.0.0.1:9000" }, "http://10.0.0.1:9000/boot/talos/vmlinuz"],
    [{ endpoint: "http://minio:9000/", pathStyle: false }, "http://boot.minio:9000/talos/vmlinuz"],
    [{ endpoint: "https://gate/s3" }, "https://gate/s3/boot/talos/vmlinuz"],
    [{ endpoint: "https://gate/s3/", pathStyle: false }, "https://boot.gate/s3/talos/vmlinuz"],
    [
      { bucket: "my.boot_BUCKET", key: "a" },
      "https://s3.eu-central-1.amazonaws.com/my.boot_BUCKET/a",
    ],
    [{ endpoint: "http://h", key: "/a//b/" }, "http://h/boot//a//b/"],
    [{ endpoint: "http://h", key: "a b+c?d#e" }, "http://h/boot/a%20b%2Bc%3Fd%23e"],
    [{ endpoint: "http://h", key: "ü%/!'()*" }, "http://h/boot/%C3%BC%25/%21%27%28%29%2A"],
    [{ endpoint: "http://h", key: "..." }, "http://h/boot/..."],
  ] as const)("%j", (change, url) => {
    expect(objectUrl(target(change))).toBe(url);
  });

  it("has its query encoded", () => {
    expect(
      objectUrl(target({ endpoint: "http://h", key: "a" }), { uploads: "", "a/b": "+ =" }),
    ).toBe("http://h/boot/a?uploads=&a%2Fb=%2B%20%3D");
  });

  it.each([
    { key: ".." },
    { key: "a/../../other/secret" },
    { key: "./a" },
    { key: "a/." },
    { key: "\ud800" },
    { bucket: "" },
    { bucket: "a/b" },
    { bucket: "a@evil.example" },
    { bucket: "evil.example:80#", pathStyle: false },
    { bucket: ".." },
  ])("there is none for %j", (change) => {
    expect(() => objectUrl(target(change))).toThrow(
      expect.objectContaining({
        code: "E_STORE_MISSING",
        message: expect.stringContaining("cannot be asked for"),
      }),
    );
  });
});

describe("what an object is called", () => {
  it("says bucket, key and host, and no credentials", () => {
    const endpoint = "https://user:password@s3.example.com:9000/x?token=1";
    expect(objectLabel(target({ endpoint }))).toBe(
      "s3://boot/talos/vmlinuz at s3.example.com:9000",
    );
    expect(objectId(target({ endpoint }))).toBe(
      "s3 https://s3.example.com:9000/x boot/talos/vmlinuz",
    );
  });

  it("does not depend on how it is reached", () => {
    const ids = [{}, { pathStyle: false }, { region: "x" }, { ca: "/ca.pem" }].map((change) =>
      objectId(target(change)),
    );
    expect(new Set(ids).size).toBe(1);
    expect(objectId(target({ key: "other" }))).not.toBe(ids[0]);
    expect(objectId(target({ bucket: "other" }))).not.toBe(ids[0]);
  });
});

describe("a signature is given to", () => {
  it.each([
    ["s3.eu-central-1.amazonaws.com", true],
    ["boot.s3.eu-central-1.amazonaws.com", true],
    ["boot.s3-eu-west-1.amazonaws.com", true],
    ["s3.amazonaws.com.evil.example", false],
    ["evils3.example.com", false],
    ["evil.example", false],
  ])("%s: %s", (host, given) => {
    expect(isStoreHost(target(), host)).toBe(given);
  });

  it("no host of AWS for an endpoint that is not AWS", () => {
    expect(isStoreHost(target({ endpoint: "https://minio.example" }), "s3.amazonaws.com")).toBe(
      false,
    );
    expect(isStoreHost(target({ endpoint: "https://minio.example" }), "b.minio.example")).toBe(
      true,
    );
  });
});
