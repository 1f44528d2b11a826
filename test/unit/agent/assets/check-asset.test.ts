import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { checkAsset, missingSecrets } from "../../../../agent/assets/check-asset.ts";
import { createStoreEnvironment } from "../../../../agent/assets/stores/store-environment.ts";
import type { AssetSpec } from "../../../../agent/site/site.ts";
import { fileAsset } from "../../../support/asset-specs.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const stores = createStoreEnvironment({ variables: { SET: "x" }, version: "0", warn: () => {} });
const { signal } = new AbortController();
const servers: { close(): void }[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function problemsOf(spec: AssetSpec, ask = false): Promise<string[]> {
  const problems = await checkAsset(spec, { stores, ask, signal });
  return problems.map(({ code, message }) => `${code} ${message}`);
}

function file(octets: Uint8Array | string): string {
  return path.join(tempDir({ file: octets }), "file");
}

const sha256 = (octets: string): string => createHash("sha256").update(octets).digest("hex");

describe("checkAsset", () => {
  it("has nothing to say of a file that is as it should be", async () => {
    expect(await problemsOf(fileAsset("a", file("good"), sha256("good")))).toEqual([]);
    expect(await problemsOf(fileAsset("a", file("good")))).toEqual([]);
  });

  it("tells what is missing, and what is another one", async () => {
    expect(await problemsOf(fileAsset("a", "/nonexistent/x"))).toEqual([
      expect.stringMatching(/^E_ASSET_MISSING asset "a": .*\/nonexistent\/x/),
    ]);
    expect(await problemsOf(fileAsset("a", file("bad"), sha256("good")))).toEqual([
      expect.stringMatching(
        new RegExp(`^E_ASSET_DIGEST asset "a": .*${sha256("bad")}.*${sha256("good")}`),
      ),
    ]);
  });

  it("unpacks files to see whether that can be done", async () => {
    const packed = fileAsset("a", file(gzipSync("text")));
    expect(await problemsOf({ ...packed, treatment: { decompress: "gzip" } })).toEqual([]);
    expect(await problemsOf({ ...packed, treatment: { decompress: "xz" } })).toEqual([
      expect.stringMatching(/^E_TREATMENT asset "a": .*is not xz but gzip/),
    ]);
  });

  it("takes the digest of a list of this host", async () => {
    const list = file(`${sha256("good")}  boot.bin\n`);
    const { sha256: _, ...asset } = fileAsset("a", file("bad"));
    const spec: AssetSpec = {
      ...asset,
      checksums: { source: { kind: "file", file: list }, entry: "boot.bin" },
    };
    expect(await problemsOf(spec)).toEqual([expect.stringMatching(/^E_ASSET_DIGEST asset "a": /)]);
    writeFileSync(list, "nothing of it\n");
    expect(await problemsOf(spec)).toEqual([expect.stringMatching(/^E_CHECKSUMS asset "a": /)]);
  });

  it("asks stores only when it is told to", async () => {
    let asked = 0;
    const server = createServer((request, response) => {
      asked += 1;
      response.writeHead(request.url === "/there" ? 200 : 404).end();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const at = (name: string): AssetSpec => ({
      ...fileAsset("a", ""),
      sources: [{ kind: "http", url: `http://127.0.0.1:${port}/${name}`, access: {} }],
    });
    expect(await problemsOf(at("gone"))).toEqual([]);
    expect(asked).toBe(0);
    expect(await problemsOf(at("there"), true)).toEqual([]);
    expect(await problemsOf(at("gone"), true)).toEqual([
      expect.stringMatching(/^E_STORE_MISSING asset "a": /),
    ]);
  });
});

describe("missingSecrets", () => {
  it("names each that is not there once, and reads those that are", async () => {
    const of = (variable: string): AssetSpec => ({
      ...fileAsset("a", ""),
      sources: [
        {
          kind: "http",
          url: "https://store.example/a",
          access: { token: { kind: "env", variable } },
        },
      ],
    });
    const missing = await missingSecrets([of("SET"), of("UNSET"), of("UNSET")], stores);
    expect(missing.map(({ code, message }) => [code, message])).toEqual([
      ["E_SECRET", "the variable UNSET is not set"],
    ]);
  });
});
