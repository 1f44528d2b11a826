import { describe, expect, it } from "vitest";
import { formatProblems } from "../../../../agent/site/problems.ts";
import { HEAD } from "./problem-table.ts";
import { KEY, read, site } from "./site-text.ts";

const asset = (text: string): string => `${HEAD}assets:\n  a: { ${text} }\n`;
const store = (text: string): string => `${HEAD}stores:\n  s: { ${text} }\n`;
const URL_STORE = 'url: "https://x/", username: u';
const SECRET_KEY = `RWRCSwhunter2${"A".repeat(125)}`;

describe("a credential in a site file is refused, and never shown", () => {
  it.each([
    ["in a URL", asset('url: "https://boot:hunter2@x/a"')],
    ["in a URL without slashes", asset('url: "https:boot:hunter2@x/a"')],
    ["in a URL that is none", asset('url: "https://boot:hunter2@x y/a"')],
    ["in one of the mirrors", asset('url: ["https://x/a", "https://:hunter2@x/a"]')],
    ["before a bucket", asset('s3: "s3://KEY:hunter2@bucket/k"')],
    ["before a registry", asset('oci: "u:hunter2@r.example/x:1"')],
    ["in a signed URL", asset('url: "https://b.s3.amazonaws.com/k?X-Amz-Signature=hunter2"')],
    ["in Google's", asset('url: "https://x/k?a=1&x-goog-signature=hunter2"')],
    ["in Azure's", asset('url: "https://x/k?sv=1&sig=hunter2"')],
    ["in a list's URL", asset('file: a, checksums: { url: "https://u:hunter2@x/S" }')],
    ["as a secret key", asset(`file: a, checksums: { url: "https://x", signify: ${SECRET_KEY} }`)],
    ["in a key file", asset('file: a, checksums: { url: "https://x", signify: other.txt }')],
    ["as a password", store(`${URL_STORE}, password: hunter2`)],
    ["as a long password", store(`${URL_STORE}, password: "hunter2 ${"x".repeat(200)}"`)],
    ["as a list", store(`${URL_STORE}, password: [hunter2]`)],
    ["as a token", store('oci: r.example, token: "hunter2"')],
    ["as keys", store("s3: bucket, region: r, accessKey: hunter2, secretKey: hunter2")],
    ["as the name of a variable", store(`${URL_STORE}, password: { env: "hunter2 is it" }`)],
    ["in a map", store(`${URL_STORE}, password: { text: hunter2 }`)],
    ["under a wrong key", store(`${URL_STORE}, pasword: hunter2`)],
    ["without a space after the colon", store(`${URL_STORE}, password:hunter2`)],
    ["under a wrong key without a space", store(`${URL_STORE}, pasword:hunter2`)],
    ["in a key that is a URL", asset("file: a, url:https://u:hunter2@x/: 1")],
    ["there twice", store(`${URL_STORE}, password: { env: A }, password: hunter2`)],
    ["with the user", store('url: "https://x/", username: "u:hunter2"')],
    ["in an endpoint", store('s3: bucket, endpoint: "https://u:hunter2@x/"')],
    ["in a store's URL", store('url: "https://u:hunter2@x/"')],
    ["in a store's registry", store('oci: "u:hunter2@r.example"')],
    ["on several lines", `${HEAD}stores:\n  s:\n    oci: r.example\n    token: |\n      hunter2\n`],
    ["beside another mistake", store('oci: 7, token: "hunter2"')],
  ])("%s", (_, text) => {
    const problems = read(text).problems ?? [];
    expect(problems.length).toBeGreaterThan(0);
    expect(formatProblems(problems)).not.toContain("hunter2");
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  it("says how to name it instead", () => {
    const [inUrl] = read(asset('url: "https://boot:hunter2@x/a"')).problems ?? [];
    expect(inUrl).toMatchObject({
      line: 4,
      column: 13,
      message: "there are credentials in this address, and a site file holds none",
      cure: "take them out; in a store for this address write username and password: { env: NAME } or { file: PATH }",
      source: `  a: { url: ${"*".repeat('"https://boot:hunter2@x/a"'.length)} }`,
    });
    const [written] = read(store(`oci: r.example, token: hunter2`)).problems ?? [];
    expect(written).toMatchObject({
      column: 31,
      message: "a credential is written out here, and a site file holds none",
      cure: "say where it is: { env: NAME } or { file: PATH }",
      source: "  s: { oci: r.example, token: ******* }",
    });
  });

  it("takes what only looks like one", () => {
    const { assets } = site(
      `${HEAD}assets:\n  a: { url: "https://x/@scope/a@1.2?v=a@b" }\n  b: { file: "u:p@x" }\n` +
        `  c: { oci: "r.example/x:1@sha256:${"9f".repeat(32)}" }\n` +
        `  d: { file: f, checksums: { url: "https://x/S", signify: "${KEY}" } }\n`,
    );
    expect(assets.get("a")?.sources).toMatchObject([{ url: "https://x/@scope/a@1.2?v=a@b" }]);
    expect(assets.size).toBe(4);
  });
});
