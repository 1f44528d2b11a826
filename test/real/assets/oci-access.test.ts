import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layoutSource, OciLayout } from "../../../agent/assets/stores/layout-source.ts";
import { digestOf } from "../../../agent/assets/stores/oci-manifest.ts";
import { ociSource } from "../../../agent/assets/stores/oci-source.ts";
import {
  ARTIFACT_TYPE,
  FILE_TYPE,
  type Pushed,
  type PushProgress,
  pushArtifact,
} from "../../../agent/assets/stores/push-oci.ts";
import type { StoreEnvironment } from "../../../agent/assets/stores/store-environment.ts";
import type { SourceSpec, StoreAccess } from "../../../agent/site/site.ts";
import { collected } from "../../support/oci-images.ts";
import { Registry, type RegistryOptions, selfSigned, skopeo } from "../../support/registry.ts";
import { never, storeEnvironment } from "../../support/store-environment.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { pattern } from "../../support/test-site.ts";
import { TokenServer } from "../../support/token-server.ts";

const KERNEL = pattern(2_000_000);
const ME: StoreAccess = { username: "me", password: { kind: "env", variable: "PW" } };
const WRONG: StoreAccess = { username: "me", password: { kind: "env", variable: "WRONG" } };

/** Folders that several tests share. */
const shared: string[] = [];
function tempDirOfSuite(): string {
  const dir = mkdtempSync(path.join(tmpdir(), "pilotlight-test-"));
  shared.push(dir);
  return dir;
}
afterAll(() => {
  for (const dir of shared) rmSync(dir, { recursive: true, force: true });
});

function environment(): StoreEnvironment {
  return storeEnvironment({ variables: { PW: "secret", WRONG: "not the secret" } });
}

/** Where something is pushed to and read from. */
interface Place {
  readonly registry: Registry;
  readonly access?: StoreAccess;
  readonly repository?: string;
  readonly plainHttp?: boolean;
  /** Tag, with several: the first is the target. */
  readonly tags?: readonly string[];
}

async function push(place: Place, progress?: (p: PushProgress) => void): Promise<Pushed> {
  const dir = tempDir({ vmlinuz: KERNEL, initrd: "initramfs" });
  const { registry, access = {}, repository = "boot", plainHttp = true, tags } = place;
  const [reference = "v1", ...alsoTags] = tags ?? [];
  const file = (name: string) => ({
    path: path.join(dir, name),
    title: name,
    mediaType: FILE_TYPE,
  });
  return await pushArtifact({
    target: { registry: registry.host, repository, reference, plainHttp, access },
    alsoTags,
    files: [file("vmlinuz"), file("initrd")],
    annotations: { "org.opencontainers.image.version": "1.11.6" },
    environment: environment(),
    signal: never(),
    ...(progress === undefined ? {} : { progress }),
  });
}

function specOf({
  registry,
  access = {},
  repository = "boot",
  plainHttp = true,
  tags,
}: Place): SourceSpec {
  return {
    kind: "oci",
    registry: registry.host,
    repository,
    reference: tags?.[0] ?? "v1",
    pick: { by: "title", title: "vmlinuz" },
    platform: "linux/amd64",
    plainHttp,
    access,
  };
}

async function read(place: Place): Promise<Buffer> {
  const spec = specOf(place);
  if (spec.kind !== "oci") throw new Error("not a registry");
  const object = await ociSource(spec, environment()).open({ from: 0, signal: never() });
  return await collected(object.octets);
}

async function refusal(doing: Promise<unknown>, code: string): Promise<string> {
  const failed = await doing.catch((error: unknown) => error);
  expect(failed).toMatchObject({ code });
  const text = String(failed);
  expect(text).not.toContain("secret");
  return text;
}

describe("push", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await Registry.start();
  });
  afterAll(() => registry.close());
  const docker = (image: string): string => `docker://${registry.host}/${image}`;

  it("puts what skopeo reads, and we read again", async () => {
    const pushed = await push({ registry, tags: ["v1.11.6", "v1.11", "latest"] });
    expect(pushed).toEqual({
      digest: expect.stringMatching(/^sha256:/),
      reference: `${registry.host}/boot:v1.11.6`,
      files: [
        { title: "vmlinuz", sha256: digestOf(KERNEL).slice(7), size: KERNEL.length },
        { title: "initrd", sha256: digestOf(Buffer.from("initramfs")).slice(7), size: 9 },
      ],
    });
    for (const tag of ["v1.11.6", "v1.11", "latest"]) {
      const raw = skopeo("inspect", "--raw", "--tls-verify=false", docker(`boot:${tag}`));
      expect(digestOf(Buffer.from(raw))).toBe(pushed.digest);
      expect(JSON.parse(raw)).toMatchObject({
        schemaVersion: 2,
        artifactType: ARTIFACT_TYPE,
        annotations: { "org.opencontainers.image.version": "1.11.6" },
      });
      expect((await read({ registry, tags: [tag] })).equals(KERNEL)).toBe(true);
    }
  });

  it("puts what skopeo copies into a layout, where we find it", async () => {
    const place = { registry, tags: ["copied"] };
    const pushed = await push(place);
    const dir = tempDir();
    const ref = `${registry.host}/boot:copied`;
    skopeo("copy", "--src-tls-verify=false", docker("boot:copied"), `oci:${dir}:${ref}`);
    const layout = new OciLayout(dir);
    expect(layout.manifestDigest(ref)).toBe(pushed.digest);
    const sources = [specOf(place)];
    const asset = { name: "kernel", sources, pin: "first", treatment: {}, refreshMs: 0 } as const;
    const object = await layoutSource(layout, asset)?.open({ from: 0, signal: never() });
    if (object === undefined) throw new Error("the layout has nothing");
    expect((await collected(object.octets)).equals(KERNEL)).toBe(true);
    // And back, as it is.
    skopeo("copy", "--dest-tls-verify=false", `oci:${dir}:${ref}`, docker("boot:back"));
    const raw = skopeo("inspect", "--raw", "--tls-verify=false", docker("boot:back"));
    expect(digestOf(Buffer.from(raw))).toBe(pushed.digest);
  });

  it("sends what the registry has only once, and gives the same digest", async () => {
    const place = { registry, repository: "twice" };
    const first: PushProgress[] = [];
    const second: PushProgress[] = [];
    const pushed = await push(place, (progress) => first.push(progress));
    expect(first.filter(({ title }) => title === "vmlinuz").length).toBeGreaterThan(5);
    expect(first.every(({ present }) => !present)).toBe(true);
    expect(await push(place, (progress) => second.push(progress))).toEqual(pushed);
    expect(second).toEqual([
      { title: "vmlinuz", sent: KERNEL.length, size: KERNEL.length, present: true },
      { title: "initrd", sent: 9, size: 9, present: true },
    ]);
  });

  it("says that the registry is gone", async () => {
    const gone = await Registry.start();
    await gone.kill();
    await refusal(push({ registry: gone }), "E_STORE_UNREACHABLE");
    await gone.close();
  });
});

describe("docker-registry with passwords", () => {
  let registry: Registry;
  beforeAll(async () => {
    const dir = tempDirOfSuite();
    const file = path.join(dir, "htpasswd");
    writeFileSync(file, execFileSync("htpasswd", ["-Bbn", "me", "secret"]));
    registry = await Registry.start({ auth: { htpasswd: { realm: "test", path: file } } });
  });
  afterAll(() => registry.close());

  it("is pushed to and read with the right one", async () => {
    await push({ registry, access: ME });
    expect((await read({ registry, access: ME })).equals(KERNEL)).toBe(true);
  });

  it("refuses the wrong one, and none", async () => {
    await refusal(read({ registry, access: WRONG }), "E_STORE_REFUSED");
    await refusal(push({ registry, access: WRONG, tags: ["v2"] }), "E_STORE_REFUSED");
    const text = await refusal(read({ registry }), "E_STORE_REFUSED");
    expect(text).toContain("wants a user name and password");
  });

  it("is told apart from a secret that is not there", async () => {
    const access: StoreAccess = { username: "me", password: { kind: "env", variable: "NONE" } };
    await refusal(read({ registry, access }), "E_SECRET");
  });
});

describe("docker-registry with a token server", () => {
  let registry: Registry;
  let tokens: TokenServer;
  beforeAll(async () => {
    tokens = await TokenServer.start(selfSigned(tempDirOfSuite()));
    registry = await Registry.start({ auth: tokens.auth });
  });
  afterAll(async () => {
    await registry.close();
    tokens.close();
  });

  it("is pushed to and read with tokens, one for a whole push", async () => {
    const before = tokens.asked.length;
    await push({ registry, access: ME });
    expect(tokens.asked.length - before).toBe(1);
    expect(tokens.asked.at(-1)?.get("scope")).toBe("repository:boot:pull,push");
    expect((await read({ registry, access: ME })).equals(KERNEL)).toBe(true);
    expect(tokens.asked.length - before).toBe(2);
    expect(tokens.asked.at(-1)?.get("scope")).toBe("repository:boot:pull");
  });

  it("gives anonymous tokens for what is public, and says missing where it is", async () => {
    await refusal(read({ registry, repository: "public" }), "E_STORE_MISSING");
  });

  it("refuses those who may not", async () => {
    await push({ registry, access: ME });
    await refusal(read({ registry }), "E_STORE_REFUSED");
    await refusal(read({ registry, access: WRONG }), "E_STORE_REFUSED");
    await refusal(read({ registry, access: ME, repository: "other" }), "E_STORE_REFUSED");
    await refusal(push({ registry, repository: "public" }), "E_STORE_REFUSED");
  });
});

describe("docker-registry with TLS of a private authority", () => {
  let registry: Registry;
  let tls: NonNullable<RegistryOptions["tls"]>;
  beforeAll(async () => {
    tls = selfSigned(tempDirOfSuite());
    registry = await Registry.start({ tls });
  });
  afterAll(() => registry.close());

  it("is pushed to and read with the authority's certificate", async () => {
    const access: StoreAccess = { ca: tls.certificate };
    await push({ registry, access, plainHttp: false });
    expect((await read({ registry, access, plainHttp: false })).equals(KERNEL)).toBe(true);
  });

  it("is not trusted without", async () => {
    await refusal(read({ registry, plainHttp: false }), "E_STORE_TLS");
  });

  it("is not read without TLS", async () => {
    const failed = await read({ registry }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: expect.stringMatching(/^E_STORE_/) });
  });
});
