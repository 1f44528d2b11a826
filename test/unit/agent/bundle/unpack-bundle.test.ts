import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { OpenedBundle } from "../../../../agent/bundle/bundle.ts";
import { openBundle } from "../../../../agent/bundle/open-bundle.ts";
import { sealBundle } from "../../../../agent/bundle/seal-bundle.ts";
import { removeUnfinished, unpackBundle } from "../../../../agent/bundle/unpack-bundle.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { bundleOf } from "../../../support/bundles.ts";
import { EVA } from "../../../support/operator-keys.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const FILES: Readonly<Record<string, string>> = {
  "site.yaml": "site: rack7\n",
  "templates/a.liquid": "a",
  "templates/deep/er/b.liquid": "b",
  "keys/empty": "",
};

function opened(files = FILES): OpenedBundle {
  const octets = Object.entries(files).map(([name, text]) => [name, Buffer.from(text)] as const);
  return openBundle(sealBundle(bundleOf({ files: new Map(octets) }), EVA));
}

/** Every file below a folder, with its content. */
function filesBelow(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => statSync(path.join(dir, name)).isFile());
  return Object.fromEntries(
    files.map((name) => [name, readFileSync(path.join(dir, name), "utf8")]),
  );
}

function modeOf(...parts: string[]): number {
  return statSync(path.join(...parts)).mode & 0o777;
}

describe("unpackBundle", () => {
  it("writes all files and nothing else, whatever the umask", async () => {
    const folder = path.join(tempDir(), "config", "7-0a1b2c3d");
    const before = process.umask(0o777 & ~0o700);
    onTestFinished(() => void process.umask(before));
    expect(await unpackBundle(opened(), folder)).toBe(path.join(folder, "site.yaml"));
    process.umask(0);
    const open = path.join(path.dirname(folder), "8-0a1b2c3d");
    await unpackBundle(opened(), open);
    for (const dir of [folder, open]) {
      expect(filesBelow(dir)).toEqual(FILES);
      expect(modeOf(dir)).toBe(0o750);
      expect(modeOf(dir, "templates", "deep", "er")).toBe(0o750);
      expect(modeOf(dir, "templates", "deep", "er", "b.liquid")).toBe(0o640);
    }
    expect(readdirSync(path.dirname(folder)).sort()).toEqual(["7-0a1b2c3d", "8-0a1b2c3d"]);
  });

  it("leaves alone what is as it should be", async () => {
    const folder = path.join(tempDir(), "7");
    await unpackBundle(opened(), folder);
    const { ino } = statSync(path.join(folder, "site.yaml"));
    await unpackBundle(opened(), folder);
    expect(statSync(path.join(folder, "site.yaml")).ino).toBe(ino);
  });

  it.each<readonly [string, (folder: string) => void]>([
    ["a changed file", (dir) => writeFileSync(path.join(dir, "site.yaml"), "site: rack8\n")],
    ["a file too much", (dir) => writeFileSync(path.join(dir, "more"), "")],
    ["a file too few", (dir) => rmSync(path.join(dir, "keys/empty"))],
    ["a link in place of a file", (dir) => replaceByLink(path.join(dir, "site.yaml"))],
    ["a link in place of a folder", (dir) => replaceByLink(path.join(dir, "templates"))],
    ["a link in place of it all", (dir) => replaceByLink(dir)],
    [
      "a file in place of it all",
      (dir) => {
        rmSync(dir, { recursive: true });
        writeFileSync(dir, "x");
      },
    ],
  ])("puts right what has %s", async (_, spoil) => {
    const parent = tempDir();
    const folder = path.join(parent, "7");
    await unpackBundle(opened(), folder);
    spoil(folder);
    await unpackBundle(opened(), folder);
    expect(filesBelow(folder)).toEqual(FILES);
    expect(readdirSync(parent)).toEqual(["7"]);
  });

  it("writes through no link", async () => {
    const dir = tempDir({ "victim/site.yaml": "not yours" });
    mkdirSync(path.join(dir, "config"));
    symlinkSync(path.join(dir, "victim"), path.join(dir, "config", "7"));
    await unpackBundle(opened(), path.join(dir, "config", "7"));
    expect(filesBelow(path.join(dir, "victim"))).toEqual({ "site.yaml": "not yours" });
    expect(filesBelow(path.join(dir, "config", "7"))).toEqual(FILES);
  });

  it("says why when it cannot, and leaves nothing", async () => {
    const dir = tempDir({ file: "" });
    const error = await rejection("E_STATE", unpackBundle(opened(), path.join(dir, "file", "7")));
    expect(error.message).toContain(path.join(dir, "file"));
    expect(readdirSync(dir)).toEqual(["file"]);
  });
});

describe("removeUnfinished", () => {
  it("removes what a power cut left, and nothing else", async () => {
    const parent = tempDir({ "7.draft-00/site.yaml": "", "8/site.yaml": "" });
    await removeUnfinished(parent);
    expect(readdirSync(parent)).toEqual(["8"]);
    await removeUnfinished(path.join(parent, "none"));
    expect(existsSync(path.join(parent, "none"))).toBe(false);
  });
});

/** What stands there is moved beside, where the link leads. */
function replaceByLink(at: string): void {
  const target = path.join(tempDir(), "moved");
  mkdirSync(target);
  rmSync(at, { recursive: true });
  symlinkSync(target, at);
}
