import path from "node:path";
import { describe, expect, it } from "vitest";
import { pushTarget } from "../../../../../agent/cli/cache/push-target.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const NOTHING = { site: undefined, plainHttp: false };
const AWS = {
  AWS_ACCESS_KEY_ID: "id",
  AWS_SECRET_ACCESS_KEY: "secret",
  AWS_REGION: "eu-central-1",
};

function site(stores: string): string {
  const text = `site: x\nnetwork: { address: 10.0.0.1/24 }\nstores:\n${stores}`;
  return path.join(tempDir({ "site.yaml": text }), "site.yaml");
}

describe("where a push goes", () => {
  it("takes AWS's own variables, and puts nothing of them into the target", async () => {
    const target = await pushTarget("s3://boot/talos/v1", NOTHING, AWS);
    expect(target).toEqual({
      kind: "s3",
      prefix: "talos/v1/",
      bucket: {
        kind: "s3",
        bucket: "boot",
        region: "eu-central-1",
        endpoint: "https://s3.eu-central-1.amazonaws.com",
        pathStyle: false,
        accessKey: { kind: "env", variable: "AWS_ACCESS_KEY_ID" },
        secretKey: { kind: "env", variable: "AWS_SECRET_ACCESS_KEY" },
      },
    });
  });

  it("takes another provider's endpoint, in path style", async () => {
    const env = { AWS_ENDPOINT_URL: "https://e2.example.com" };
    expect(await pushTarget("s3://boot", NOTHING, env)).toMatchObject({
      prefix: "",
      bucket: { endpoint: "https://e2.example.com", region: "us-east-1", pathStyle: true },
    });
  });

  it("takes the stores of a site, the longest that covers it, and then no variable", async () => {
    const file = site(
      "  a: { s3: boot, region: eu-west-1 }\n  b: { s3: boot/talos, endpoint: 'https://minio.example.com' }\n  r: { oci: 'registry.example.com', username: me, password: { env: PW } }\n",
    );
    const options = { site: file, plainHttp: false };
    expect(await pushTarget("s3://boot/talos/v1/", options, AWS)).toMatchObject({
      bucket: { endpoint: "https://minio.example.com" },
    });
    expect(await pushTarget("oci://registry.example.com/a/b:c", options, {})).toMatchObject({
      registry: {
        registry: "registry.example.com",
        repository: "a/b",
        reference: "c",
        plainHttp: false,
        access: { username: "me", password: { kind: "env", variable: "PW" } },
      },
    });
  });

  it("takes a registry's user from the environment", async () => {
    const env = { REGISTRY_USERNAME: "me", REGISTRY_PASSWORD: "secret" };
    const target = await pushTarget(
      "oci://r.example.com/a:b",
      { ...NOTHING, plainHttp: true },
      env,
    );
    expect(target).toMatchObject({
      registry: {
        plainHttp: true,
        access: { username: "me", password: { kind: "env", variable: "REGISTRY_PASSWORD" } },
      },
    });
    expect(JSON.stringify(target)).not.toContain('"secret"');
  });

  it.each([
    ["https://x/y", "not a place to push to"],
    ["s3://", "does not name a bucket"],
    ["s3://boot//x", "does not name a bucket"],
    ["s3://boot/x?y", "does not name a bucket"],
    ["s3://boot", "nothing says where the bucket"],
    ["oci://registry.example.com/a:b:c", "OCI reference"],
    ["oci://me:secret@registry.example.com/a:b", "credentials"],
  ])("refuses %s", async (target, words) => {
    const error = await pushTarget(target, NOTHING, {}).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AgentError);
    expect(error).toMatchObject({ code: "E_USAGE", message: expect.stringContaining(words) });
    expect(String(error)).not.toContain("secret");
  });

  it("shows the mistakes of a site's stores", async () => {
    const options = { site: site("  a: { s3: boot }\n"), plainHttp: false };
    await expect(pushTarget("s3://boot", options, {})).rejects.toMatchObject({
      code: "E_SITE_INVALID",
      message: expect.stringContaining("neither a region nor an endpoint"),
    });
  });
});
