import { spawnSync } from "node:child_process";
import { renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileSource } from "../../../../../agent/assets/stores/file-source.ts";
import { FolderSource } from "../../../../../agent/assets/stores/folder-source.ts";
import type { ObjectVersion, Source } from "../../../../../agent/assets/stores/source.ts";
import { matchesWildcard } from "../../../../../agent/site/wildcard.ts";
import { drain, never } from "../../../../support/store-environment.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

async function versionOf(source: Source): Promise<ObjectVersion> {
  const probe = await source.probe(undefined, never());
  if (!probe.changed) throw new Error("without a version everything is new");
  return probe.version;
}

function read(source: Source, from = 0, version?: ObjectVersion): Promise<Buffer> {
  const request = { from, ...(version && { version }), signal: never() };
  return source.open(request).then((object) => drain(object.octets));
}

describe("a file", () => {
  test("is given as it is, from anywhere", async () => {
    const octets = Buffer.alloc(600_000, "0123456789abcdef");
    const source = new FileSource(join(tempDir({ a: octets }), "a"));
    const version = await versionOf(source);
    expect(version).toMatchObject({ size: 600_000, fileName: "a" });
    expect((await read(source)).equals(octets)).toBe(true);
    expect((await read(source, 300_001, version)).equals(octets.subarray(300_001))).toBe(true);
    expect(await read(source, 600_000, version)).toHaveLength(0);
    expect(await source.probe(version, never())).toEqual({ changed: false });
  });

  test("is given from its beginning when it is another one by now", async () => {
    const dir = tempDir({ a: "old octets" });
    const source = new FileSource(join(dir, "a"));
    const version = await versionOf(source);
    writeFileSync(join(dir, "b"), "new octets");
    renameSync(join(dir, "b"), join(dir, "a"));
    expect(await source.probe(version, never())).toMatchObject({ changed: true });
    const object = await source.open({ from: 4, version, signal: never() });
    expect(object.from).toBe(0);
    expect(`${await drain(object.octets)}`).toBe("new octets");
    expect(await source.open({ from: 4, signal: never() })).toMatchObject({ from: 0 });
  });

  test.each<[string, (file: string) => void]>([
    ["shrinks", (file) => writeFileSync(file, "short")],
    ["grows", (file) => writeFileSync(file, "x".repeat(700_000))],
    ["gets another time", (file) => utimesSync(file, 1, 1)],
    [
      "is replaced",
      (file) => {
        writeFileSync(`${file}.new`, "y".repeat(600_000));
        renameSync(`${file}.new`, file);
      },
    ],
  ])("that %s while it is read is refused", async (_, change) => {
    const file = join(tempDir({ a: "x".repeat(600_000) }), "a");
    const object = await new FileSource(file).open({ from: 0, signal: never() });
    const reader = object.octets[Symbol.asyncIterator]();
    await reader.next();
    change(file);
    const rest = drain({ [Symbol.asyncIterator]: () => reader });
    await expect(rest).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: `${file} changed while it was read`,
    });
  });

  test("that is not there, or no file", async () => {
    const dir = tempDir({ "sub/a": "x" });
    const pipe = join(dir, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    for (const [file, code] of [
      [join(dir, "none"), "E_ASSET_MISSING"],
      [join(dir, "sub/a/b"), "E_ASSET_MISSING"],
      [join(dir, "sub"), "E_ASSET_READ"],
      [pipe, "E_ASSET_READ"],
    ] as const) {
      const source = new FileSource(file);
      await expect(source.probe(undefined, never()), file).rejects.toMatchObject({ code });
      await expect(read(source), file).rejects.toMatchObject({ code });
    }
  });

  test("an aborted transfer gives the signal's reason", async () => {
    const source = new FileSource(join(tempDir({ a: "x".repeat(600_000) }), "a"));
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const object = await source.open({ from: 0, signal: abort.signal });
    const reader = object.octets[Symbol.asyncIterator]();
    await reader.next();
    abort.abort(reason);
    await expect(reader.next()).rejects.toBe(reason);
    await expect(source.open({ from: 0, signal: abort.signal })).rejects.toBe(reason);
    await expect(source.probe(undefined, abort.signal)).rejects.toBe(reason);
  });
});

describe("a folder", () => {
  function age(dir: string, name: string, seconds: number): void {
    utimesSync(join(dir, name), seconds, seconds);
  }

  test("gives the newest file that matches, links to files among them", async () => {
    const dir = tempDir({
      "talos-1.iso": "one",
      "talos-2.iso": "two",
      "talos-9.iso.part": "x",
      ".talos-9.iso": "x",
      "talos-9.iso~": "x",
      "talos-9.tmp": "x",
      "other.iso": "x",
      "talos-dir.iso/file": "x",
      "elsewhere/three": "three",
    });
    age(dir, "talos-1.iso", 2_000);
    age(dir, "talos-2.iso", 1_000);
    age(dir, "elsewhere/three", 3_000);
    const source = new FolderSource(dir, "talos-*");
    expect(`${await read(source)}`).toBe("one");
    const version = await versionOf(source);
    expect(version.fileName).toBe("talos-1.iso");

    symlinkSync(join(dir, "elsewhere/three"), join(dir, "talos-3.iso"));
    symlinkSync(join(dir, "gone"), join(dir, "talos-4.iso"));
    expect(await source.probe(version, never())).toMatchObject({
      changed: true,
      version: { fileName: "talos-3.iso" },
    });
    expect(`${await read(source, 2, version)}`).toBe("three");

    age(dir, "talos-1.iso", 3_000);
    // Of one time, the last by name.
    expect(`${await read(source)}`).toBe("three");
  });

  test("without such a file, or not there", async () => {
    const dir = tempDir({ a: "x" });
    await expect(read(new FolderSource(dir, "*.iso"))).rejects.toMatchObject({
      code: "E_STORE_MISSING",
      message: `no file in ${dir} matches "*.iso"`,
    });
    await expect(read(new FolderSource(join(dir, "none"), "*"))).rejects.toMatchObject({
      code: "E_STORE_MISSING",
      message: `the folder ${join(dir, "none")} cannot be read`,
    });
  });
});

test.each([
  ["", "", true],
  ["a", "", false],
  ["", "*", true],
  ["abc", "abc", true],
  ["abc", "a?c", true],
  ["a😀c", "a?c", true],
  ["ac", "a?c", false],
  ["talos-v1.2.iso", "talos-*.iso", true],
  ["talos-v1.2.iso.sig", "talos-*.iso", false],
  ["a.b.c", "*.c", true],
  ["aXbXc", "a*b*c", true],
  ["aXbX", "a*b*c", false],
  ["a.c", "a[.]c", false],
  ["A", "a", false],
  ["a".repeat(255), `${"*a".repeat(60)}*b`, false],
])("%s matches %s: %s", (name, pattern, matches) => {
  expect(matchesWildcard(name, pattern)).toBe(matches);
});
