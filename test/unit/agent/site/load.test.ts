import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSite } from "../../../../agent/site/load.ts";
import { KEY } from "./site-text.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "site-test-"));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const at = path.join(dir, name);
  await writeFile(at, content);
  return at;
}

const GOOD = "site: s\nnetwork: { address: 10.0.0.1/24 }\n";

const KEY_COMMENT = "untrusted comment: openbsd 7.7 base public key";
const keySite = (key: string): string =>
  `${GOOD}assets: { a: { file: f, checksums: { url: "https://x/S", signify: "${key}" } } }\n`;

describe("loadSite", () => {
  it("reads a file and finds its templates beside it", async () => {
    await file("t.liquid", "x");
    const at = await file(
      "good.yaml",
      `${GOOD}profiles: { p: { files: { f: { template: t.liquid } } } }\n`,
    );
    const site = await loadSite(at);
    expect(site).toMatchObject({ name: "s", dir });
    expect(site.profiles.get("p")?.files.get("f")).toEqual({
      kind: "template",
      file: path.join(dir, "t.liquid"),
    });
  });

  it("takes no folder for a template", async () => {
    const at = await file(
      "folder.yaml",
      `${GOOD}profiles: { p: { files: { f: { template: . } } } }\n`,
    );
    await expect(loadSite(at)).rejects.toMatchObject({ code: "E_SITE_INVALID" });
  });

  it("reads the public keys beside it", async () => {
    const key = `${KEY_COMMENT}\n${KEY}\n`;
    await file("base.pub", key);
    const at = await file("keys.yaml", keySite("base.pub"));
    const site = await loadSite(at);
    expect(site.assets.get("a")?.checksums?.signature).toEqual({ by: "signify", key });
  });

  it.each([
    ["a folder", "."],
    ["no file", "none.pub"],
    ["a device, which may never end", "/dev/zero"],
    ["a file that is far too large for a key", "large.pub"],
  ])("takes %s for no public key", async (_, name) => {
    await file("large.pub", `${KEY_COMMENT}\n${KEY}\n${"\n".repeat(5000)}`);
    const at = await file("no-key.yaml", keySite(name));
    await expect(loadSite(at)).rejects.toMatchObject({
      code: "E_SITE_INVALID",
      cause: [{ message: `the public key "${name}" is not there, or cannot be read` }],
    });
  });

  it("says that there is no such file", async () => {
    const at = path.join(dir, "none.yaml");
    await expect(loadSite(at)).rejects.toMatchObject({
      code: "E_SITE_READ",
      message: `${at}: there is no such file`,
      cure: "Check the path of the site file; it is relative to the folder the command runs in.",
    });
  });

  it("says that it was given a folder", async () => {
    await expect(loadSite(dir)).rejects.toMatchObject({
      code: "E_SITE_READ",
      message: `${dir}: it is a directory`,
      cure: "Give --site the file itself.",
    });
  });

  it("says that the file is not UTF-8", async () => {
    const at = await file("latin1.yaml", Uint8Array.of(0x73, 0x3a, 0x20, 0xe9));
    await expect(loadSite(at)).rejects.toMatchObject({
      code: "E_SITE_READ",
      message: `${at}: it is not UTF-8 text`,
      cure: "Save it as UTF-8.",
    });
  });

  it("lists all mistakes in one error, with the problems as its cause", async () => {
    const at = await file("bad.yaml", "site: s\nnetwork: { adress: 1 }\nfoo: 1\n");
    await expect(loadSite(at)).rejects.toMatchObject({
      code: "E_SITE_INVALID",
      message: expect.stringMatching(/has 2 mistakes\n\n.*bad\.yaml:2:12: .*bad\.yaml:3:1: /s),
      cause: [
        { path: at, line: 2, column: 12, source: "network: { adress: 1 }" },
        { path: at, line: 3, column: 1 },
      ],
    });
  });
});
