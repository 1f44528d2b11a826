import { beforeEach, describe, expect, it } from "vitest";
import { type OciSourceSpec, ociSource } from "../../../../../agent/assets/stores/oci-source.ts";
import type { OpenObject, Source } from "../../../../../agent/assets/stores/source.ts";
import { collected } from "../../../../support/oci-images.ts";
import { pattern } from "../../../../support/test-site.ts";
import { environment, FakeRegistry, serve } from "./oci-fake-registry.ts";

const KERNEL = pattern(70_000);
const TYPE = "application/x-kernel";
const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await FakeRegistry.start();
});

function sourceOf(spec: Partial<OciSourceSpec> = {}): Source {
  return ociSource(
    {
      kind: "oci",
      registry: registry.host,
      repository: "boot",
      reference: "v1",
      pick: { by: "title", title: "out/vmlinuz" },
      platform: "linux/amd64",
      plainHttp: true,
      access: {},
      ...spec,
    },
    environment(),
  );
}

/** Puts an artifact with a kernel under the tag; gives the digest of the layer. */
function putKernel(octets: Uint8Array = KERNEL): { layer: string; top: string } {
  const layer = registry.box.add(octets, TYPE, "out/vmlinuz");
  const top = registry.box.image([registry.box.add(pattern(9), "text/plain", "x"), layer]).digest;
  registry.tags.set("v1", top);
  return { layer: layer.digest, top };
}

const never = (): AbortSignal => new AbortController().signal;
const opened = (source: Source, from = 0, etag?: string): Promise<OpenObject> =>
  source.open({ from, signal: never(), ...(etag === undefined ? {} : { version: { etag } }) });

describe("ociSource", () => {
  it("gives a layer with all that its manifest says", async () => {
    const { layer, top } = putKernel();
    const source = sourceOf();
    const object = await opened(source);
    expect(object.version).toEqual({
      size: KERNEL.length,
      sha256: layer.slice(7),
      etag: `${top} ${layer}`,
      fileName: "vmlinuz",
    });
    expect((await collected(object.octets)).equals(KERNEL)).toBe(true);
    expect(source.local).toBe(false);
    expect(source.id).toBe(`oci:${registry.host}/boot:v1#title=out/vmlinuz,platform=linux/amd64`);
    expect(source.label).toBe(`${registry.host}/boot:v1 (title=out/vmlinuz)`);
  });

  it.each([false, true])("takes the image of its platform (docker: %s)", async (docker) => {
    const { box } = registry;
    const images = [AMD64, ARM64].map((platform) =>
      box.image([box.add(Buffer.from(platform.architecture), TYPE)], platform, docker),
    );
    registry.tags.set("v1", box.index(images, docker).digest);
    const object = await opened(sourceOf({ platform: "linux/arm64", pick: { by: "only" } }));
    expect((await collected(object.octets)).toString()).toBe("arm64");
    const other = opened(sourceOf({ platform: "linux/riscv64" }));
    await expect(other).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });

  it("gives a file inside a layer, from its beginning", async () => {
    const { box } = registry;
    const image = box.image([await box.layer([["boot/vmlinuz", KERNEL]])], AMD64);
    const { digest } = box.index([image]);
    registry.tags.set("v1", digest);
    const source = sourceOf({ pick: { by: "path", path: "boot/vmlinuz" } });
    const object = await opened(source, 10, `${digest} ${image.digest}`);
    expect(object.from).toBe(0);
    expect(object.version).toEqual({
      size: KERNEL.length,
      etag: `${digest} ${image.digest}`,
      fileName: "vmlinuz",
    });
    expect((await collected(object.octets)).equals(KERNEL)).toBe(true);
  });

  it("goes on where an earlier transfer ended, and only with the same blob", async () => {
    const { layer, top } = putKernel();
    const rest = await opened(sourceOf(), 50_000, `sha256:of-another-manifest ${layer}`);
    expect(rest.from).toBe(50_000);
    expect((await collected(rest.octets)).equals(KERNEL.subarray(50_000))).toBe(true);
    expect(registry.asked.at(-1)?.range).toBe("bytes=50000-");
    for (const etag of [undefined, "rubbish", `${top} sha256:other`]) {
      expect((await opened(sourceOf(), 50_000, etag)).from).toBe(0);
    }
    const beyond = await opened(sourceOf(), KERNEL.length + 1, `${top} ${layer}`);
    expect(beyond.from).toBe(0);
  });

  it("asks for nothing when nothing is missing", async () => {
    const { layer, top } = putKernel();
    const object = await opened(sourceOf(), KERNEL.length, `${top} ${layer}`);
    expect(object.from).toBe(KERNEL.length);
    expect(await collected(object.octets)).toHaveLength(0);
    expect(registry.asked.map(({ path }) => path)).toEqual(["/v2/boot/manifests/v1"]);
  });

  it("begins anew where the store knows no ranges or not this one", async () => {
    const { layer, top } = putKernel();
    for (const status of [200, 416]) {
      registry.answer = ({ url, headers }, response) => {
        if (!url?.includes("/blobs/") || headers.range === undefined) return false;
        if (status === 200) response.end(KERNEL);
        else response.writeHead(416).end();
        return true;
      };
      const object = await opened(sourceOf(), 50_000, `${top} ${layer}`);
      expect(object.from).toBe(0);
      expect((await collected(object.octets)).equals(KERNEL)).toBe(true);
    }
  });

  it.each([
    ["another beginning", "bytes 40000-69999/70000", 30_000],
    ["another whole", "bytes 50000-69999/80000", 20_000],
    ["nothing", "", 20_000],
    ["another length", "bytes 50000-69999/70000", 10_000],
  ])("refuses a range that says %s", async (_, range, len) => {
    const { layer, top } = putKernel();
    registry.answer = ({ url }, response) => {
      if (!url?.includes("/blobs/")) return false;
      response.writeHead(206, { "content-range": range, "content-length": len });
      response.end(KERNEL.subarray(0, len));
      return true;
    };
    await expect(opened(sourceOf(), 50_000, `${top} ${layer}`)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining(layer),
    });
  });

  it.each([
    ["short", KERNEL.subarray(1), "ends after 69999 of 70000"],
    ["long", Buffer.concat([KERNEL, KERNEL]), "goes on beyond its 70000"],
  ])("notices a blob that is too %s", async (_, sent, why) => {
    putKernel();
    registry.answer = ({ url }, response) => {
      if (!url?.includes("/blobs/")) return false;
      response.write(sent);
      response.end();
      return true;
    };
    const object = await opened(sourceOf());
    await expect(collected(object.octets)).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining(why),
    });
  });

  it("notices at once when another length is announced", async () => {
    putKernel();
    registry.answer = ({ url }, response) => {
      if (url?.includes("/blobs/")) response.end("short");
      return url?.includes("/blobs/") ?? false;
    };
    await expect(opened(sourceOf())).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("announces 5 octets where 70000 are left"),
    });
  });

  it("verifies manifests, whatever the registry says of them", async () => {
    const { box } = registry;
    const image = box.image([box.add(KERNEL, TYPE, "out/vmlinuz")], AMD64);
    const index = box.index([image]);
    registry.tags.set("v1", index.digest);
    const evil = box.image([box.add(pattern(5), TYPE, "out/vmlinuz")], AMD64);
    box.blobs.set(image.digest, box.blobs.get(evil.digest) ?? new Uint8Array(0));
    for (const reference of ["v1", image.digest]) {
      await expect(opened(sourceOf({ reference }))).rejects.toMatchObject({
        code: "E_STORE_BROKEN",
        message: expect.stringContaining(`the manifest has the digest ${evil.digest}`),
      });
    }
  });

  it("does not follow indexes in circles or without end", async () => {
    const { box } = registry;
    let inner = box.image([], AMD64);
    for (let i = 0; i < 5; i++) inner = { ...box.index([inner]), platform: AMD64 };
    registry.tags.set("v1", inner.digest);
    await expect(opened(sourceOf())).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("nested"),
    });
  });

  it("does not read a manifest without end", async () => {
    registry.answer = (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, " ")));
      };
      response.on("drain", more);
      more();
      return true;
    };
    await expect(opened(sourceOf())).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("more than 4194304 octets"),
    });
  });

  it("says what the registry does not have", async () => {
    await expect(opened(sourceOf())).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    const { layer } = putKernel();
    registry.box.blobs.delete(layer);
    await expect(opened(sourceOf())).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  });

  it("gives the signal's reason when it is called off, before and while it reads", async () => {
    putKernel();
    const reason = new Error("no longer wanted");
    const done = AbortSignal.abort(reason);
    await expect(sourceOf().open({ from: 0, signal: done })).rejects.toBe(reason);
    await expect(sourceOf().probe(undefined, done)).rejects.toBe(reason);
    registry.answer = ({ url }, response) => {
      if (!url?.includes("/blobs/")) return false;
      response.writeHead(200, { "content-length": KERNEL.length });
      response.write(KERNEL.subarray(0, 100));
      return true;
    };
    const controller = new AbortController();
    const { octets } = await sourceOf().open({ from: 0, signal: controller.signal });
    const reading = (async () => {
      for await (const _ of octets) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });

  it("gives no credentials to where blobs really are", async () => {
    const { layer } = putKernel();
    const elsewhere = await serve((_, response) => {
      response.end(KERNEL);
      return true;
    });
    const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    registry.answer = ({ url, headers }, response) => {
      if (headers.authorization !== basic) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      }
      if (!url?.includes("/blobs/")) return false;
      response.writeHead(307, { location: `http://${elsewhere.host}/bucket/${layer}` }).end();
      return true;
    };
    const env = environment({ PW: "secret" });
    const access = { username: "me", password: { kind: "env", variable: "PW" } } as const;
    const spec = {
      kind: "oci",
      registry: registry.host,
      repository: "boot",
      reference: "v1",
    } as const;
    const source = ociSource(
      {
        ...spec,
        pick: { by: "title", title: "out/vmlinuz" },
        platform: "",
        plainHttp: true,
        access,
      },
      env,
    );
    const object = await opened(source);
    expect((await collected(object.octets)).equals(KERNEL)).toBe(true);
    expect(registry.asked.at(-1)?.authorization).toBe(basic);
    expect(elsewhere.asked).toEqual([
      { method: "GET", path: `/bucket/${layer}`, authorization: undefined, range: undefined },
    ]);
    expect(JSON.stringify([source.id, source.label, object.version])).not.toContain("secret");
  });
});

describe("probe", () => {
  it("says changed to who knows nothing", async () => {
    const { layer, top } = putKernel();
    expect(await sourceOf().probe(undefined, never())).toMatchObject({
      changed: true,
      version: { etag: `${top} ${layer}`, sha256: layer.slice(7), size: KERNEL.length },
    });
  });

  it("asks for the tag's digest alone", async () => {
    const { layer, top } = putKernel();
    const known = { etag: `${top} ${layer}` };
    expect(await sourceOf().probe(known, never())).toEqual({ changed: false });
    expect(registry.asked.map(({ method }) => method)).toEqual(["HEAD"]);
  });

  it("asks nothing when the site names a digest", async () => {
    const { layer, top } = putKernel();
    const known = { etag: `${top} ${layer}` };
    const source = sourceOf({ reference: top });
    expect(await source.probe(known, never())).toEqual({ changed: false });
    expect(registry.asked).toEqual([]);
  });

  it("looks at the manifest when the tag moved, and says changed when the layer did", async () => {
    const { layer, top } = putKernel();
    const same = registry.box.image([registry.box.add(KERNEL, TYPE, "out/vmlinuz")]);
    registry.tags.set("v1", same.digest);
    const known = { etag: `${top} ${layer}` };
    expect(await sourceOf().probe(known, never())).toEqual({ changed: false });
    putKernel(pattern(10));
    expect(await sourceOf().probe(known, never())).toMatchObject({
      changed: true,
      version: { size: 10 },
    });
  });

  it("looks at the manifest where HEAD is not known or says nothing", async () => {
    const { layer, top } = putKernel();
    const known = { etag: `${top} ${layer}` };
    for (const status of [405, 501, 200]) {
      registry.answer = ({ method }, response) => {
        if (method === "HEAD") response.writeHead(status).end();
        return method === "HEAD";
      };
      expect(await sourceOf().probe(known, never())).toEqual({ changed: false });
    }
  });

  it("rejects as open does", async () => {
    await expect(sourceOf().probe({ etag: "a b" }, never())).rejects.toMatchObject({
      code: "E_STORE_MISSING",
    });
    registry.answer = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(sourceOf().probe({ etag: "a b" }, never())).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
    });
  });
});
