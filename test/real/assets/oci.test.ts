import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layoutSource, OciLayout } from "../../../agent/assets/stores/layout-source.ts";
import { type OciSourceSpec, ociSource } from "../../../agent/assets/stores/oci-source.ts";
import type { ObjectVersion, Source } from "../../../agent/assets/stores/source.ts";
import { BlobBox, collected, tarOf } from "../../support/oci-images.ts";
import { Registry, skopeo, writeLayout } from "../../support/registry.ts";
import { never, storeEnvironment } from "../../support/store-environment.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { pattern } from "../../support/test-site.ts";

const KERNEL = pattern(3_000_000);
const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

let registry: Registry;
let top: string;

/** An index of two images that skopeo put there, and an artifact as oras puts it. */
beforeAll(async () => {
  registry = await Registry.start();
  const box = new BlobBox();
  const low = await box.layer([
    ["usr/", null],
    ["usr/lib/modules/6.1/vmlinuz", "an old kernel"],
    ["lib", "-> usr/lib"],
    ["etc/gone", "x"],
    ["etc/initrd", "initrd of the lower layer"],
  ]);
  const high = await box.layer([
    ["usr/lib/modules/6.1/vmlinuz", KERNEL],
    ["boot/vmlinuz", "-> ../lib/modules/6.1/vmlinuz"],
    ["etc/.wh.gone", ""],
  ]);
  const arm = await box.layer([["boot/vmlinuz", "a kernel for arm64"]]);
  const index = box.index([box.image([low, high], AMD64), box.image([low, arm], ARM64)]);
  const dir = path.join(registry.dir, "layout");
  writeLayout(dir, box, { image: index });
  skopeo("copy", "--all", "--dest-tls-verify=false", `oci:${dir}:image`, docker("boot:v1"));
  top = index.digest;
  await putByHand("talos", "v1.11.6");
});
afterAll(() => registry.close());

function docker(image: string): string {
  return `docker://${registry.host}/${image}`;
}

function specOf(image: string, spec: Partial<OciSourceSpec> = {}): OciSourceSpec {
  const [repository = "", reference = ""] = image.split(/[:@](.*)/);
  return {
    kind: "oci",
    registry: registry.host,
    repository,
    reference,
    pick: { by: "only" },
    platform: "linux/amd64",
    plainHttp: true,
    access: {},
    ...spec,
  };
}

function sourceOf(image: string, spec: Partial<OciSourceSpec> = {}): Source {
  return ociSource(specOf(image, spec), storeEnvironment());
}

async function read(source: Source, from = 0, version: ObjectVersion = {}): Promise<Buffer> {
  const object = await source.open({ from, version, signal: never() });
  expect(object.from).toBe(from);
  return await collected(object.octets);
}

const sha256 = (octets: Uint8Array): string => createHash("sha256").update(octets).digest("hex");

async function put(url: string, body: Uint8Array | string, type: string): Promise<void> {
  const headers = { "content-type": type };
  const response = await fetch(url, { method: "PUT", body: Buffer.from(body), headers });
  expect(response.status, await response.text()).toBe(201);
}

/** Does what `oras push` does, request by request. */
async function putByHand(repository: string, tag: string): Promise<void> {
  const base = `http://${registry.host}/v2/${repository}`;
  const box = new BlobBox();
  const config = box.add(Buffer.from("{}"), "application/vnd.unknown.config.v1+json");
  const layers = [
    box.add(KERNEL, "application/vnd.example.kernel", "vmlinuz"),
    box.add(Buffer.from("initramfs"), "application/vnd.example.initramfs", "out/initramfs.xz"),
  ];
  for (const [digest, octets] of box.blobs) {
    const { headers } = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
    const url = new URL(headers.get("location") ?? "", base);
    url.searchParams.set("digest", digest);
    await put(url.href, octets, "application/octet-stream");
  }
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config, layers });
  await put(`${base}/manifests/${tag}`, manifest, mediaType);
}

describe("an image that skopeo put into docker-registry", () => {
  const vmlinuz = { by: "path", path: "boot/vmlinuz" } as const;

  it("gives a file behind a link and a linked folder, of the uppermost layer", async () => {
    const octets = await read(sourceOf("boot:v1", { pick: vmlinuz }));
    expect(sha256(octets)).toBe(sha256(KERNEL));
  });

  it("gives what only the lower layer has, and not what the upper removes", async () => {
    const initrd = sourceOf("boot:v1", { pick: { by: "path", path: "etc/initrd" } });
    expect((await read(initrd)).toString()).toBe("initrd of the lower layer");
    const gone = sourceOf("boot:v1", { pick: { by: "path", path: "etc/gone" } });
    await expect(read(gone)).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });

  it("gives the image of another platform", async () => {
    const source = sourceOf("boot:v1", { pick: vmlinuz, platform: "linux/arm64" });
    expect((await read(source)).toString()).toBe("a kernel for arm64");
  });

  it("is found by its digest, which skopeo says too", async () => {
    const raw = skopeo("inspect", "--raw", "--tls-verify=false", docker("boot:v1"));
    expect(`sha256:${sha256(Buffer.from(raw))}`).toBe(top);
    const octets = await read(sourceOf(`boot@${top}`, { pick: vmlinuz }));
    expect(octets.equals(KERNEL)).toBe(true);
  });

  it("is unchanged until its tag moves", async () => {
    skopeo(
      "copy",
      "--all",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      docker("boot:v1"),
      docker("boot:moving"),
    );
    const source = sourceOf("boot:moving", { pick: vmlinuz });
    const { version } = await source.open({ from: 0, signal: never() });
    expect(await source.probe(version, never())).toEqual({ changed: false });
    skopeo(
      "copy",
      "--override-arch=arm64",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      docker("boot:v1"),
      docker("boot:moving"),
    );
    expect(await source.probe(version, never())).toMatchObject({ changed: true });
  });

  it("is read as a Docker image of schema 2 too", async () => {
    const format = ["--format=v2s2", "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo("copy", ...format, docker("boot:v1"), docker("boot:docker"));
    const raw = skopeo("inspect", "--raw", "--tls-verify=false", docker("boot:docker"));
    expect(raw).toContain("application/vnd.docker.distribution.manifest.v2+json");
    const octets = await read(sourceOf("boot:docker", { pick: vmlinuz }));
    expect(octets.equals(KERNEL)).toBe(true);
  });

  it("may have layers that `zstd` made", async () => {
    const tar = await tarOf([
      ["boot/vmlinuz", KERNEL],
      ["z", pattern(100_000)],
    ]);
    const zstd = execFileSync("zstd", ["-c", "-19"], { input: tar, maxBuffer: 2 ** 26 });
    const box = new BlobBox();
    const image = box.image([box.add(zstd, "application/vnd.oci.image.layer.v1.tar+zstd")], AMD64);
    const dir = tempDir();
    writeLayout(dir, box, { image });
    skopeo("copy", "--dest-tls-verify=false", `oci:${dir}:image`, docker("boot:zstd"));
    const octets = await read(sourceOf("boot:zstd", { pick: vmlinuz }));
    expect(octets.equals(KERNEL)).toBe(true);
  });

  it("is filled into a layout on this host by skopeo", async () => {
    const dir = tempDir();
    const ref = `${registry.host}/boot:v1`;
    skopeo("copy", "--src-tls-verify=false", docker("boot:v1"), `oci:${dir}:${ref}`);
    const sources = [specOf("boot:v1", { pick: vmlinuz })];
    const asset = { name: "kernel", sources, pin: "first", treatment: {}, refreshMs: 0 } as const;
    const layout = new OciLayout(dir);
    const source = layoutSource(layout, asset);
    expect(source?.local).toBe(true);
    if (source !== undefined) expect((await read(source)).equals(KERNEL)).toBe(true);
    expect(layoutSource(layout, { ...asset, sources: [specOf("boot:v2")] })).toBeUndefined();
  });
});

describe("an artifact as oras puts it", () => {
  it.each([
    [{ by: "title", title: "vmlinuz" } as const, "vmlinuz", KERNEL],
    [{ by: "title", title: "out/initramfs.xz" } as const, "initramfs.xz", Buffer.from("initramfs")],
    [{ by: "mediaType", mediaType: "application/vnd.example.kernel" } as const, "vmlinuz", KERNEL],
  ])("is picked from by %j", async (pick, fileName, octets) => {
    const source = sourceOf("talos:v1.11.6", { pick });
    const object = await source.open({ from: 0, signal: never() });
    expect(object.version).toMatchObject({
      fileName,
      size: octets.length,
      sha256: sha256(octets),
    });
    expect((await collected(object.octets)).equals(octets)).toBe(true);
  });

  it("is gone on with where a transfer ended", async () => {
    const source = sourceOf("talos:v1.11.6", { pick: { by: "title", title: "vmlinuz" } });
    const { version } = await source.open({ from: 0, signal: never() });
    const rest = await read(source, 2_000_001, version);
    expect(rest.equals(KERNEL.subarray(2_000_001))).toBe(true);
  });

  it("says what it has when something else is wanted", async () => {
    await expect(read(sourceOf("talos:v1.11.6"))).rejects.toMatchObject({
      code: "E_STORE_MISSING",
      message: expect.stringContaining('there is "vmlinuz", "out/initramfs.xz"'),
    });
    for (const image of ["talos:v2", "nothing:v1", `talos@sha256:${"0".repeat(64)}`]) {
      await expect(read(sourceOf(image))).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    }
  });
});

describe("a registry that fails", () => {
  it("says that a blob was deleted from under it", async () => {
    await putByHand("deleted", "v1");
    const source = sourceOf("deleted:v1", { pick: { by: "title", title: "out/initramfs.xz" } });
    const object = await source.open({ from: 0, signal: never() });
    await collected(object.octets);
    const file = registry.blobFile(`sha256:${object.version.sha256}`);
    const kept = readFileSync(file);
    rmSync(file);
    try {
      await expect(read(source)).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    } finally {
      writeFileSync(file, kept);
    }
  });

  it("does not get away with a layer that was changed on its disk", async () => {
    const box = new BlobBox();
    // Not deflated, so that both have the same size.
    const [good = Buffer.of(), octets = Buffer.of()] = await Promise.all(
      ["the right one", "the wrong one"].map(async (text) =>
        gzipSync(await tarOf([["boot/vmlinuz", text]]), { level: 0 }),
      ),
    );
    const layer = box.add(good, "application/vnd.oci.image.layer.v1.tar+gzip");
    const dir = tempDir();
    writeLayout(dir, box, { image: box.image([layer], AMD64) });
    skopeo("copy", "--dest-tls-verify=false", `oci:${dir}:image`, docker("boot:poisoned"));
    expect(octets.length).toBe(layer.size);
    writeFileSync(registry.blobFile(layer.digest), octets);
    const source = sourceOf("boot:poisoned", { pick: { by: "path", path: "boot/vmlinuz" } });
    await expect(read(source)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining(layer.digest),
    });
  });

  it("does not get away with a manifest that was changed on its disk", async () => {
    await putByHand("changed", "v1");
    const raw = skopeo("inspect", "--raw", "--tls-verify=false", docker("changed:v1"));
    const digest = `sha256:${sha256(Buffer.from(raw))}`;
    writeFileSync(registry.blobFile(digest), raw.replace("vmlinuz", "VMLINUZ"));
    await expect(read(sourceOf(`changed@${digest}`))).rejects.toMatchObject({
      code: expect.stringMatching(/^E_STORE_(BROKEN|MISSING|UNREACHABLE)$/),
    });
  });

  it("is killed half-way; the rest comes when it is back", async () => {
    const large = Buffer.concat(Array.from({ length: 20 }, () => KERNEL));
    const box = new BlobBox();
    const layer = box.add(large, "application/octet-stream", "large");
    const dir = tempDir();
    writeLayout(dir, box, { image: box.image([layer]) });
    skopeo(
      "copy",
      "--preserve-digests",
      "--dest-tls-verify=false",
      `oci:${dir}:image`,
      docker("boot:large"),
    );
    const source = sourceOf("boot:large");
    const object = await source.open({ from: 0, signal: never() });
    const got: Uint8Array[] = [];
    let len = 0;
    const reading = (async () => {
      for await (const piece of object.octets) {
        got.push(Uint8Array.from(piece));
        len += piece.length;
        if (got.length === 1) await registry.kill();
      }
    })();
    // Whether the connection was reset or only ended is a matter of luck.
    await expect(reading).rejects.toMatchObject({
      code: expect.stringMatching(/^E_STORE_(UNREACHABLE|BROKEN)$/),
    });
    await expect(read(source)).rejects.toMatchObject({ code: "E_STORE_UNREACHABLE" });
    expect(len).toBeGreaterThan(0);
    expect(len).toBeLessThan(large.length);
    await registry.start();
    const rest = await read(source, len, object.version);
    expect(sha256(Buffer.concat([...got, rest]))).toBe(object.version.sha256);
  });
});
