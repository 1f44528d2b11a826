import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSite } from "../../../agent/site/load.ts";
import { MAIN } from "../../support/agent-process.ts";
import { sha256 } from "../../support/memory-cache.ts";
import { Registry, skopeo } from "../../support/registry.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { pattern } from "../../support/test-site.ts";

const KERNEL = Buffer.from(pattern(3_000_000));
const INITRD = Buffer.from(pattern(900_000)).reverse();
const kernel = sha256(KERNEL);
const initrd = sha256(INITRD);

let registry: Registry;
let s3: S3Server;

beforeAll(async () => {
  registry = await Registry.start();
  s3 = await startS3Server();
  await s3.createBucket("boot");
});
afterAll(async () => {
  await registry.close();
  await s3.stop();
});

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function cache(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const { PATH } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "cache", ...args], {
    encoding: "utf8",
    env: { PATH, ...env },
  });
  return { status, stdout, stderr };
}

function folder(): string {
  return tempDir({ vmlinuz: KERNEL, "initrd.img": INITRD });
}

/** A site of the lines that a push printed, with what `stores` it needs; written into the folder. */
function siteOf(dir: string, printed: string, stores: string): string {
  const lines = printed.slice(printed.indexOf("assets:"));
  const text = `site: x\nnetwork: { address: 10.0.0.1/24 }\nstores:\n  s: ${stores}\n${lines}`;
  expect(parseSite(text, "/site.yaml")).toHaveProperty("site");
  const file = path.join(dir, "site.yaml");
  writeFileSync(file, text);
  return file;
}

describe("push to a registry", () => {
  it("prints the lines with which an agent fetches it again", () => {
    const dir = folder();
    const target = `oci://${registry.host}/rack/boot:v1`;
    const files = [path.join(dir, "vmlinuz"), `${path.join(dir, "initrd.img")}=initrd`];
    const run = cache(["push", target, ...files, "--plain-http", "--tag", "latest"]);
    expect([run.status, run.stderr]).toEqual([0, ""]);
    expect(run.stdout).toMatch(/rack\/boot:v1 is sha256:[0-9a-f]{64}/);
    const site = siteOf(dir, run.stdout, `{ oci: "${registry.host}", plainHttp: true }`);
    const got = cache(["prefetch", "--site", site, "--state", path.join(dir, "state"), "--json"]);
    expect([got.status, got.stderr]).toEqual([0, ""]);
    expect(got.stdout).toContain(
      `"name":"vmlinuz","done":true,"state":"served","digest":"${kernel}"`,
    );
    expect(got.stdout).toContain(`"digest":"${initrd}"`);
    // A version link: the same artifact under another tag; and what is there is not sent again.
    const inspect = (tag: string): string =>
      skopeo(
        "inspect",
        "--raw",
        "--tls-verify=false",
        `docker://${registry.host}/rack/boot:${tag}`,
      );
    expect(inspect("latest")).toBe(inspect("v1"));
    const again = cache(["push", target, ...files, "--plain-http"]);
    expect(again.stdout).toContain("which it had already");
  });

  it("takes what the cache has, and skopeo copies it on", () => {
    const dir = folder();
    const state = path.join(dir, "state");
    expect(
      cache(["add", path.join(dir, "vmlinuz"), "--name", "kernel", "--state", state]).status,
    ).toBe(0);
    const target = `oci://${registry.host}/rack/kernel:v2`;
    const run = cache([
      "push",
      target,
      "--asset",
      "kernel",
      "--state",
      state,
      "--plain-http",
      "--json",
    ]);
    expect([run.status, run.stderr]).toEqual([0, ""]);
    expect(JSON.parse(run.stdout)).toMatchObject({ files: [{ title: "vmlinuz", sha256: kernel }] });
    skopeo(
      "copy",
      "--src-tls-verify=false",
      `docker://${registry.host}/rack/kernel:v2`,
      `dir:${dir}/copy`,
    );
    expect(readFileSync(path.join(dir, "copy", kernel)).equals(KERNEL)).toBe(true);
  });

  it("says where a registry that is not there would have been", () => {
    const run = cache([
      "push",
      "oci://127.0.0.1:9/a:b",
      path.join(folder(), "vmlinuz"),
      "--plain-http",
    ]);
    expect([run.status, run.stderr]).toEqual([1, expect.stringContaining("E_STORE_UNREACHABLE")]);
  });
});

describe("push to a bucket", () => {
  const env = (): Readonly<Record<string, string>> => ({
    AWS_ACCESS_KEY_ID: s3.accessKey,
    AWS_SECRET_ACCESS_KEY: s3.secretKey,
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_REGION: s3.region,
  });
  const store = (): string =>
    `{ s3: boot, endpoint: "${s3.endpoint}", region: ${s3.region}, accessKey: { env: KEY }, secretKey: { env: SECRET } }`;
  const keys = (): Readonly<Record<string, string>> => ({
    KEY: s3.accessKey,
    SECRET: s3.secretKey,
  });

  it("with keys of the environment, and back with those of a site", () => {
    const dir = folder();
    const run = cache(["push", "s3://boot/talos/v1/", path.join(dir, "vmlinuz")], env());
    expect([run.status, run.stderr]).toEqual([0, ""]);
    expect(run.stdout).toContain("s3://boot/talos/v1/vmlinuz: 3.00 MB");
    const site = siteOf(dir, run.stdout, store());
    const state = path.join(dir, "state");
    const got = cache(["prefetch", "--site", site, "--state", state], keys());
    expect([got.status, got.stderr]).toEqual([0, ""]);
    expect(got.stdout).toContain(kernel.slice(0, 12));
  });

  it("with keys of a site; never over another object unless told so", () => {
    const dir = folder();
    const site = siteOf(dir, "assets: {}\n", store());
    const put = (file: string, ...more: string[]): Run =>
      cache(
        ["push", "s3://boot/x/", `${path.join(dir, file)}=file`, "--site", site, ...more],
        keys(),
      );
    expect(put("vmlinuz").status).toBe(0);
    expect(put("vmlinuz").stdout).toContain("which it had already");
    const refused = put("initrd.img");
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("E_USAGE")]);
    const over = put("initrd.img", "--overwrite");
    expect([over.status, over.stdout]).toEqual([0, expect.stringContaining(initrd)]);
  });

  it("wrong keys are refused, and never shown", () => {
    const wrong = { ...env(), AWS_SECRET_ACCESS_KEY: "not-the-secret-at-all" };
    const run = cache(["push", "s3://boot/y/", path.join(folder(), "vmlinuz")], wrong);
    expect([run.status, run.stderr]).toEqual([1, expect.stringContaining("E_STORE_REFUSED")]);
    expect(run.stderr + run.stdout).not.toContain("not-the-secret");
  });

  it("says what is missing where nothing says where the bucket is", () => {
    const run = cache(["push", "s3://boot/y/", path.join(folder(), "vmlinuz")]);
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining("AWS_ENDPOINT_URL")]);
  });
});

describe("what other programs read", () => {
  it("skopeo copies out of an export, and into a cache that prefetch then takes it from", () => {
    const dir = folder();
    const state = path.join(dir, "state");
    cache(["add", path.join(dir, "vmlinuz"), "--name", "kernel", "--state", state]);
    expect(cache(["export", path.join(dir, "stick"), "--state", state]).status).toBe(0);
    skopeo("copy", `oci:${dir}/stick:kernel`, `dir:${dir}/copy`);
    expect(readFileSync(path.join(dir, "copy", kernel)).equals(KERNEL)).toBe(true);

    const other = path.join(dir, "other");
    const site = path.join(dir, "offline.yaml");
    writeFileSync(
      site,
      `site: x\nnetwork: { address: 10.0.0.1/24 }\nassets:\n  kernel: { url: "http://127.0.0.1:9/vmlinuz", sha256: "${kernel}" }\n`,
    );
    // Any file makes the cache there; then skopeo fills it under the asset's name.
    cache(["add", path.join(dir, "initrd.img"), "--name", "initrd", "--state", other]);
    skopeo("copy", `oci:${dir}/stick:kernel`, `oci:${other}/cache:kernel`);
    const got = cache(["prefetch", "--site", site, "--state", other]);
    expect([got.status, got.stderr]).toEqual([0, ""]);
    expect(got.stdout).toBe(`kernel: 3.00 MB, ${kernel.slice(0, 12)}\n`);
    execFileSync("sha256sum", [path.join(other, "cache", "blobs", "sha256", kernel)]);
  });
});
