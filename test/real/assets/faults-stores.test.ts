import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { noise, sha256 } from "../../support/filled-cache.ts";
import { Nginx } from "../../support/nginx.ts";
import { BlobBox } from "../../support/oci-images.ts";
import { Registry, skopeo, writeLayout } from "../../support/registry.ts";
import { startS3Server } from "../../support/s3-server.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { OpenSite } from "../support/open-site.ts";

const MB = 1_000_000;

/** Puts an artifact with one file under a tag, as oras does. */
function tag(registry: Registry, reference: string, octets: Uint8Array): void {
  const box = new BlobBox();
  const layer = box.add(octets, "application/octet-stream", "vmlinuz");
  const dir = tempDir();
  writeLayout(dir, box, { it: box.image([layer]) });
  const to = `docker://${registry.host}/${reference}`;
  skopeo("copy", "--quiet", "--dest-tls-verify=false", `oci:${dir}:it`, to);
}

describe("a registry", () => {
  it("is fetched from and asked again: a tag that moves is followed or refused, as the site says", async () => {
    const registry = await Registry.start();
    onTestFinished(() => registry.close());
    const [old, young] = [noise(2 * MB, 1), noise(3 * MB, 2)];
    tag(registry, "boot:v1", old);
    const sections = `stores: { lab: { oci: "${registry.host}", plainHttp: true } }`;
    const asset = (name: string, pin: string): string =>
      `  ${name}: { oci: "${registry.host}/boot:v1", title: vmlinuz, ${pin} }\n`;
    const site = await OpenSite.open(
      asset("follows", "pin: always-newest") + asset("stays", "pin: first"),
      { sections },
    );
    for (const name of ["follows", "stays"]) {
      await site.when(name, (s) => s.digest === sha256(old));
      expect(await site.served(name)).toBe(sha256(old));
    }
    // The same again is no change.
    site.refresh("follows");
    await site.when("follows", (s) => (s.checkedMs ?? 0) > (s.fetchedMs ?? 0));

    tag(registry, "boot:v1", young);
    site.refresh("follows");
    await site.when("follows", (s) => s.digest === sha256(young));
    expect(await site.served("follows")).toBe(sha256(young));
    site.refresh("stays");
    const { refused } = await site.when("stays", (s) => s.refused !== undefined);
    expect(refused).toMatchObject({ sourceDigest: sha256(young) });
    expect(await site.served("stays")).toBe(sha256(old));
  });

  it("is gone: status says what cannot be refreshed and since when, and what is cached is served", async () => {
    const registry = await Registry.start();
    onTestFinished(() => registry.close());
    const kernel = noise(2 * MB, 3);
    tag(registry, "boot:v1", kernel);
    const sections = `stores: { lab: { oci: "${registry.host}", plainHttp: true } }`;
    const asset = (name: string, reference: string): string =>
      `  ${name}: { oci: "${registry.host}/${reference}", title: vmlinuz }\n`;
    const site = await OpenSite.open(asset("kernel", "boot:v1"), { sections });
    await site.when("kernel", (s) => s.state === "served");
    await registry.kill();
    const beforeMs = Date.now();
    site.refresh("kernel");
    const { stale, state } = await site.when("kernel", (s) => s.stale !== undefined);
    expect(state).toBe("served");
    expect(stale).toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: expect.stringContaining(registry.host),
    });
    expect(stale?.sinceMs).toBeGreaterThanOrEqual(beforeMs);
    expect(site.said("kernel", "failed")).toEqual([
      expect.stringContaining("what is cached goes on being served"),
    ]);
    await site.close();

    // The agent starts anew while it is still gone.
    const again = await OpenSite.open(asset("kernel", "boot:v1") + asset("other", "boot:v2"), {
      sections,
      state: site.state,
    });
    const { error } = await again.when("other", (s) => s.error !== undefined);
    expect(error?.code).toBe("E_STORE_UNREACHABLE");
    expect(await again.served("kernel")).toBe(sha256(kernel));
    again.refresh("kernel");
    await again.when("kernel", (s) => s.stale !== undefined);
    await registry.start();
    again.refresh("kernel");
    await again.when("kernel", (s) => s.stale === undefined);
  });
});

describe("an S3 store", () => {
  it("is fetched from, refreshed, gone, and back", async () => {
    const server = await startS3Server();
    onTestFinished(() => server.stop());
    await server.createBucket("boot");
    const [old, young] = [noise(2 * MB, 4), noise(2 * MB + 1, 5)];
    await server.ask("PUT", "/boot/talos/vmlinuz", old);
    const sections = `stores:
  lab: { s3: boot, endpoint: "${server.endpoint}", region: ${server.region}, pathStyle: true,
         accessKey: { env: KEY }, secretKey: { env: SECRET } }`;
    const variables = { KEY: server.accessKey, SECRET: server.secretKey };
    const assets = `  kernel: { s3: "s3://boot/talos/vmlinuz", pin: always-newest }`;
    const site = await OpenSite.open(assets, { sections, variables });
    await site.when("kernel", (s) => s.digest === sha256(old));
    await server.ask("PUT", "/boot/talos/vmlinuz", young);
    site.refresh("kernel");
    await site.when("kernel", (s) => s.digest === sha256(young));
    expect(await site.served("kernel")).toBe(sha256(young));

    await server.kill();
    site.refresh("kernel");
    const { stale } = await site.when("kernel", (s) => s.stale !== undefined);
    expect(stale?.code).toBe("E_STORE_UNREACHABLE");
    expect(await site.served("kernel")).toBe(sha256(young));
    await server.revive();
    site.refresh("kernel");
    await site.when("kernel", (s) => s.stale === undefined);
    const said = JSON.stringify([site.notes, await site.assets.keeper.status()]);
    expect(said).not.toContain(server.secretKey);
  });
});

/** Keys and signatures of one tool, as it makes them. */
interface Signer {
  /** What the site calls it. */
  readonly tool: "signify" | "minisign";
  /** The name of the file that the site's `url` leads to, and of the others beside it. */
  readonly list: string;
  publicKey(which: "ours" | "other"): string;
  /** The files that a mirror has: the list, and its signature. */
  sign(which: "ours" | "other", digest: string): Readonly<Record<string, Uint8Array>>;
}

function signify(dir: string): Signer {
  const run = (...args: readonly string[]): void => {
    execFileSync("signify-openbsd", args, { cwd: dir });
  };
  for (const key of ["ours", "other"]) run("-G", "-n", "-p", `${key}.pub`, "-s", `${key}.sec`);
  return {
    tool: "signify",
    list: "SHA256.sig",
    publicKey: (which) => join(dir, `${which}.pub`),
    sign(which, digest) {
      execFileSync("sh", ["-c", `echo 'SHA256 (bsd.rd) = ${digest}' > SHA256`], { cwd: dir });
      run("-S", "-e", "-s", `${which}.sec`, "-m", "SHA256", "-x", "SHA256.sig");
      return { "SHA256.sig": readFileSync(join(dir, "SHA256.sig")) };
    },
  };
}

function minisign(dir: string): Signer {
  const run = (...args: readonly string[]): void => {
    execFileSync("minisign", args, { cwd: dir });
  };
  for (const key of ["ours", "other"])
    run("-G", "-W", "-f", "-p", `${key}.pub`, "-s", `${key}.min`);
  return {
    tool: "minisign",
    list: "SHA256SUMS",
    publicKey: (which) => join(dir, `${which}.pub`),
    sign(which, digest) {
      execFileSync("sh", ["-c", `echo '${digest}  bsd.rd' > SHA256SUMS`], { cwd: dir });
      run("-S", "-H", "-s", `${which}.min`, "-m", "SHA256SUMS", "-t", "release");
      const file = (name: string): Buffer => readFileSync(join(dir, name));
      return { SHA256SUMS: file("SHA256SUMS"), "SHA256SUMS.minisig": file("SHA256SUMS.minisig") };
    },
  };
}

describe.each([
  ["SHA256.sig by signify", signify],
  ["SHA256SUMS.minisig by minisign", minisign],
])("%s", (_, make) => {
  it("names what is served; a list that another key has signed changes nothing", async () => {
    const signer = make(tempDir());
    const versions = [noise(MB, 6), noise(MB + 1, 7), noise(MB + 2, 8)] as const;
    const nginx = await Nginx.start();
    const publish = (which: "ours" | "other", octets: Uint8Array): void => {
      nginx.put("bsd.rd", octets);
      const files = signer.sign(which, sha256(octets));
      for (const [name, text] of Object.entries(files)) nginx.put(name, text);
    };
    publish("ours", versions[0]);
    const key = signer.publicKey("ours");
    const site = await OpenSite.open(
      `  kernel: { url: "${nginx.origin}/bsd.rd", checksums: { url: "${nginx.origin}/${signer.list}", ${signer.tool}: ${key} } }`,
    );
    await site.when("kernel", (s) => s.digest === sha256(versions[0]));

    publish("other", versions[1]);
    site.refresh("kernel");
    const { stale } = await site.when("kernel", (s) => s.stale !== undefined);
    expect(stale?.code).toBe("E_CHECKSUMS");
    expect(await site.served("kernel")).toBe(sha256(versions[0]));
    // Not even fetched: it was never asked for again.
    expect((await nginx.requests(2)).filter((line) => line.startsWith("GET /bsd.rd"))).toHaveLength(
      1,
    );

    publish("ours", versions[2]);
    site.refresh("kernel");
    await site.when("kernel", (s) => s.digest === sha256(versions[2]));
    expect((await site.status("kernel")).stale).toBeUndefined();
    expect(await site.served("kernel")).toBe(sha256(versions[2]));
    await site.close();

    // Whoever has nothing yet is given nothing either.
    publish("other", versions[1]);
    const fresh = await OpenSite.open(
      `  kernel: { url: "${nginx.origin}/bsd.rd", checksums: { url: "${nginx.origin}/${signer.list}", ${signer.tool}: ${key} } }`,
    );
    const { error } = await fresh.when("kernel", (s) => s.error !== undefined);
    expect(error?.code).toBe("E_CHECKSUMS");
    expect(await fresh.served("kernel")).toBeUndefined();
  });
});
