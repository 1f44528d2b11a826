import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { layoutSource, OciLayout } from "../../../../../agent/assets/stores/layout-source.ts";
import { ANNOTATION, type Descriptor } from "../../../../../agent/assets/stores/oci-manifest.ts";
import type { OciSourceSpec } from "../../../../../agent/assets/stores/oci-source.ts";
import type { Source } from "../../../../../agent/assets/stores/source.ts";
import type { AssetSpec, SourceSpec } from "../../../../../agent/site/site.ts";
import { BlobBox, collected } from "../../../../support/oci-images.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { pattern } from "../../../../support/test-site.ts";

const KERNEL = pattern(600_000);
const TALOS: OciSourceSpec = {
  kind: "oci",
  registry: "registry.example.com",
  repository: "talos",
  reference: "v1.11.6",
  pick: { by: "title", title: "vmlinuz" },
  platform: "linux/amd64",
  plainHttp: false,
  access: {},
};
const FULL = "registry.example.com/talos:v1.11.6";

function assetOf(...sources: readonly SourceSpec[]): AssetSpec {
  const from = sources.length === 0 ? [TALOS] : sources;
  return { name: "kernel", sources: from, pin: "first", treatment: {}, refreshMs: 0 };
}

/** Writes a layout with the box's blobs; `refs` name manifests of it. */
function write(dir: string, box: BlobBox, refs: Readonly<Record<string, Descriptor>>): string {
  mkdirSync(path.join(dir, "blobs", "sha256"), { recursive: true });
  for (const [digest, octets] of box.blobs) writeFileSync(blobFile(dir, digest), octets);
  const manifests = Object.entries(refs).map(([ref, descriptor]) => ({
    ...descriptor,
    annotations: { [ANNOTATION.refName]: ref },
  }));
  writeFileSync(path.join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return dir;
}

const blobFile = (dir: string, digest: string): string =>
  path.join(dir, "blobs", ...digest.split(":"));

function kernelBox(): { box: BlobBox; layer: Descriptor; image: Descriptor } {
  const box = new BlobBox();
  const layer = box.add(KERNEL, "application/x-kernel", "vmlinuz");
  return { box, layer, image: box.image([layer]) };
}

const never = (): AbortSignal => new AbortController().signal;

async function read(source: Source | undefined, from = 0, etag = ""): Promise<Buffer> {
  const request = { from, version: { etag }, signal: never() };
  if (source === undefined) throw new Error("the layout has nothing of the asset");
  const object = await source.open(request);
  expect(object.from).toBe(from);
  return await collected(object.octets);
}

describe("layoutSource", () => {
  it.each([FULL, "kernel"])("finds what is there as %s", async (ref) => {
    const { box, layer, image } = kernelBox();
    const dir = write(tempDir(), box, { [ref]: image, other: image });
    const source = layoutSource(new OciLayout(dir), assetOf());
    expect((await read(source)).equals(KERNEL)).toBe(true);
    expect(source).toMatchObject({ local: true, label: `${ref} in ${dir} (title=vmlinuz)` });
    const etag = `${image.digest} ${layer.digest}`;
    expect((await read(source, 500_000, etag)).equals(KERNEL.subarray(500_000))).toBe(true);
    expect(await source?.probe({ etag }, never())).toEqual({ changed: false });
    expect(await source?.probe(undefined, never())).toMatchObject({
      version: { etag, sha256: layer.digest.slice(7), size: KERNEL.length, fileName: "vmlinuz" },
    });
  });

  it("finds a digest that the site names, and then nothing else", async () => {
    const { box, image } = kernelBox();
    const dir = write(tempDir(), box, { any: image });
    const asset = assetOf({ ...TALOS, reference: image.digest });
    expect((await read(layoutSource(new OciLayout(dir), asset))).equals(KERNEL)).toBe(true);
    const other = assetOf({ ...TALOS, reference: `sha256:${"0".repeat(64)}` });
    write(dir, box, { kernel: image });
    expect(layoutSource(new OciLayout(dir), other)).toBeUndefined();
  });

  it("takes the only layer of what has the name of an asset from elsewhere", async () => {
    const { box, image } = kernelBox();
    const dir = write(tempDir(), box, { kernel: image });
    const asset = assetOf({ kind: "http", url: "https://example.com/vmlinuz", access: {} });
    expect((await read(layoutSource(new OciLayout(dir), asset))).equals(KERNEL)).toBe(true);
  });

  it("gives a file inside layers", async () => {
    const box = new BlobBox();
    const image = box.image([await box.layer([["boot/vmlinuz", KERNEL]])]);
    const dir = write(tempDir(), box, { [FULL]: image });
    const asset = assetOf({ ...TALOS, pick: { by: "path", path: "boot/vmlinuz" } });
    expect((await read(layoutSource(new OciLayout(dir), asset))).equals(KERNEL)).toBe(true);
  });

  it("has nothing where there is no layout, or nothing of the asset", () => {
    const { box, image } = kernelBox();
    expect(layoutSource(new OciLayout("/nowhere"), assetOf())).toBeUndefined();
    const dir = write(tempDir(), box, { "registry.example.com/talos:v1": image });
    expect(layoutSource(new OciLayout(dir), assetOf())).toBeUndefined();
  });

  it("sees what is put there later, and what is taken away", () => {
    const { box, image } = kernelBox();
    const dir = tempDir();
    const layout = new OciLayout(dir);
    expect(layoutSource(layout, assetOf())).toBeUndefined();
    write(dir, box, { [FULL]: image });
    expect(layoutSource(layout, assetOf())).toBeDefined();
    rmSync(path.join(dir, "index.json"));
    expect(layoutSource(layout, assetOf())).toBeUndefined();
  });

  it.each([
    ["text", "{"],
    ["an image", '{"layers":[]}'],
    ["a wrong digest", '{"manifests":[{"digest":"sha256:x","size":1}]}'],
  ])("refuses an index that is %s, each time", (_, index) => {
    const layout = new OciLayout(tempDir({ "index.json": index }));
    const broken = expect.objectContaining({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("index.json"),
    });
    expect(() => layoutSource(layout, assetOf())).toThrow(broken);
    expect(() => layoutSource(layout, assetOf())).toThrow(broken);
  });

  it("refuses an index that is no file, or cannot be looked at", () => {
    const folder = tempDir({ "index.json/x": "" });
    const endless = `/${"x".repeat(300)}`;
    for (const dir of [folder, endless]) {
      expect(() => layoutSource(new OciLayout(dir), assetOf())).toThrow(
        expect.objectContaining({ code: "E_STORE_BROKEN" }),
      );
    }
  });

  it("refuses a manifest that is not the one its digest names", async () => {
    const { box, image } = kernelBox();
    const dir = write(tempDir(), box, { [FULL]: image });
    writeFileSync(blobFile(dir, image.digest), '{"layers":[]}');
    await expect(read(layoutSource(new OciLayout(dir), assetOf()))).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
    });
  });

  it("says which blob is missing, short, or no file", async () => {
    const { box, image, layer } = kernelBox();
    const dir = write(tempDir(), box, { [FULL]: image });
    const source = layoutSource(new OciLayout(dir), assetOf());
    const file = blobFile(dir, layer.digest);
    writeFileSync(file, KERNEL.subarray(1));
    const message = expect.stringContaining(layer.digest);
    await expect(read(source)).rejects.toMatchObject({ code: "E_STORE_BROKEN", message });
    rmSync(file);
    await expect(read(source)).rejects.toMatchObject({ code: "E_STORE_MISSING", message });
    mkdirSync(file);
    await expect(read(source)).rejects.toMatchObject({ code: "E_STORE_BROKEN", message });
    rmSync(blobFile(dir, image.digest));
    await expect(read(source)).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });

  it("gives the signal's reason when it is called off", async () => {
    const { box, image } = kernelBox();
    const dir = write(tempDir(), box, { [FULL]: image });
    const source = layoutSource(new OciLayout(dir), assetOf());
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const object = await source?.open({ from: 0, signal: controller.signal });
    const reading = (async () => {
      for await (const _ of object?.octets ?? []) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });
});
