import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { digestOf, parseManifest } from "../../../../../agent/assets/stores/oci-manifest.ts";
import {
  FILE_TYPE,
  type Pushed,
  type PushRequest,
  pushArtifact,
} from "../../../../../agent/assets/stores/push-oci.ts";
import type { StoreAccess } from "../../../../../agent/site/site.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { type Asked, environment, serve } from "./oci-fake-registry.ts";

const TOKEN: StoreAccess = { token: { kind: "env", variable: "TOKEN" } };

/** A registry that takes everything; `location`: where uploads go. */
async function takingRegistry(location?: string): Promise<{
  host: string;
  asked: Asked[];
  got: Map<string, Buffer>;
}> {
  const got = new Map<string, Buffer>();
  const server = await serve((request, response) => {
    const { method, url = "" } = request;
    if (method === "HEAD") return false;
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      if (method === "PUT") got.set(url, Buffer.concat(pieces));
      const to = location ?? "/upload/1?state=x%2Fy";
      if (method === "POST") response.writeHead(202, to === "" ? {} : { location: to }).end();
      else response.writeHead(201).end();
    });
    return true;
  });
  return { ...server, got };
}

function push(host: string, changes: Partial<PushRequest> = {}, tag = "v1"): Promise<Pushed> {
  const dir = tempDir({ "k 1": "kernel" });
  return pushArtifact({
    target: { registry: host, repository: "boot", reference: tag, plainHttp: true, access: TOKEN },
    files: [{ path: path.join(dir, "k 1"), title: "vmlinuz", mediaType: FILE_TYPE }],
    environment: environment({ TOKEN: "of-the-site" }),
    signal: new AbortController().signal,
    ...changes,
  });
}

describe("pushArtifact", () => {
  it("sends blobs first and tags last, and says what it sent", async () => {
    const registry = await takingRegistry();
    const pushed = await push(registry.host, { alsoTags: ["latest"] });
    const paths = registry.asked.map(({ method, path: asked }) => `${method} ${asked}`);
    const kernel = digestOf(Buffer.from("kernel"));
    const empty = digestOf(Buffer.from("{}"));
    const put = (digest: string): string =>
      `PUT /upload/1?state=x%2Fy&digest=${encodeURIComponent(digest)}`;
    expect(paths).toEqual([
      `HEAD /v2/boot/blobs/${kernel}`,
      "POST /v2/boot/blobs/uploads/",
      put(kernel),
      `HEAD /v2/boot/blobs/${empty}`,
      "POST /v2/boot/blobs/uploads/",
      put(empty),
      "PUT /v2/boot/manifests/v1",
      "PUT /v2/boot/manifests/latest",
    ]);
    expect(registry.got.get(put(kernel).slice(4))?.toString()).toBe("kernel");
    const manifest = registry.got.get("/v2/boot/manifests/v1") ?? Buffer.of();
    expect(digestOf(manifest)).toBe(pushed.digest);
    expect(parseManifest(manifest, "pushed")).toMatchObject({
      kind: "image",
      layers: [{ digest: kernel, annotations: { "org.opencontainers.image.title": "vmlinuz" } }],
    });
    expect(JSON.parse(manifest.toString())).not.toHaveProperty("annotations");
  });

  it("gives no credentials to another host that uploads go to", async () => {
    const elsewhere = await takingRegistry();
    const registry = await takingRegistry(`http://${elsewhere.host}/up`);
    await push(registry.host);
    expect(elsewhere.asked.map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
    ]);
    expect(registry.asked.every(({ authorization }) => authorization !== undefined)).toBe(true);
  });

  it.each(["", "http://["])("refuses a registry that sends uploads to %j", async (location) => {
    const registry = await takingRegistry(location);
    await expect(push(registry.host)).rejects.toMatchObject({ code: "E_STORE_BROKEN" });
  });

  it("refuses a registry that refuses us, or does something else than it should", async () => {
    for (const [status, code] of [
      [403, "E_STORE_REFUSED"],
      [503, "E_STORE_UNREACHABLE"],
      [200, "E_STORE_BROKEN"],
    ] as const) {
      const registry = await serve(({ method }, response) => {
        if (method === "POST") response.writeHead(status).end();
        return method === "POST";
      });
      await expect(push(registry.host)).rejects.toMatchObject({ code });
    }
  });

  it("notices a file that changes while it is sent", async () => {
    const dir = tempDir({ kernel: "kernel" });
    const file = path.join(dir, "kernel");
    const registry = await serve(({ method }, response) => {
      if (method !== "POST") return false;
      writeFileSync(file, `${readFileSync(file, "utf8")} and more`);
      response.writeHead(202, { location: "/upload" }).end();
      return true;
    });
    const files = [{ path: file, title: "kernel", mediaType: FILE_TYPE }];
    await expect(push(registry.host, { files })).rejects.toMatchObject({
      code: "E_ASSET_CHANGED",
      message: expect.stringContaining(file),
    });
  });

  it.each([
    ["nothing", { files: [] }, "v1", "no file"],
    ["a digest for a tag", {}, `sha256:${"0".repeat(64)}`, "is none"],
    ["a wrong further tag", { alsoTags: ["a/b"] }, "v1", '"a/b"'],
  ])("refuses %s before anything is sent", async (_, changes, tag, why) => {
    await expect(push("127.0.0.1:1", changes, tag)).rejects.toMatchObject({
      code: "E_USAGE",
      message: expect.stringContaining(why),
    });
  });

  it("refuses two files with one title, and files that are none", async () => {
    const dir = tempDir({ a: "1", b: "2" });
    const file = (name: string, title = "x") => ({
      path: path.join(dir, name),
      title,
      mediaType: FILE_TYPE,
    });
    for (const [files, code] of [
      [[file("a"), file("b")], "E_USAGE"],
      [[file("c")], "E_ASSET_MISSING"],
      [[file("")], "E_ASSET_READ"],
    ] as const) {
      await expect(push("127.0.0.1:1", { files })).rejects.toMatchObject({ code });
    }
  });

  it("gives the signal's reason when it is called off", async () => {
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const registry = await serve(({ method }) => {
      if (method === "POST") controller.abort(reason);
      return method === "POST";
    });
    await expect(push(registry.host, { signal: controller.signal })).rejects.toBe(reason);
  });
});
