import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../../agent/assets/chunk-cache.ts";
import type { Content } from "../../../../../agent/assets/content.ts";
import { DirectoryTree } from "../../../../../agent/assets/trees/directory-tree.ts";
import { FirstReads } from "../../../../../agent/assets/trees/first-reads.ts";
import { type Database, openDatabase } from "../../../../../agent/state/database.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { pattern } from "../../../../support/test-site.ts";
import { octetsOf } from "../contents.ts";

const OCTETS = pattern(2_500);
const open: Database[] = [];

afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
});

function database(dir: string): Database {
  const opened = openDatabase({ dir });
  open.push(opened);
  return opened;
}

/** The file as a new agent sees it: nothing of it is in memory. */
async function contentOf(root: string, firstReads: FirstReads): Promise<Content> {
  const tree = await DirectoryTree.open(root, new ChunkCache(1_000, 0), firstReads);
  const found = await tree.lookup(tree.root, "file");
  const content = typeof found === "number" ? await tree.content(found) : found;
  if (typeof content === "string") throw new Error(content);
  return content;
}

/** Changes one octet, and nothing that `stat` shows. */
function rot(file: string, at: number): void {
  const { atime, mtime } = statSync(file);
  const octets = readFileSync(file);
  octets[at] = (octets[at] ?? 0) ^ 1;
  writeFileSync(file, octets);
  utimesSync(file, atime, mtime);
}

function folder(): { root: string; file: string } {
  const root = tempDir({ file: OCTETS });
  const file = path.join(root, "file");
  utimesSync(file, 1_000, 1_000);
  return { root, file };
}

describe("FirstReads", () => {
  it("finds an octet that changed while nothing else did", async () => {
    const { root, file } = folder();
    const firstReads = new FirstReads();
    expect([...(await octetsOf(await contentOf(root, firstReads)))]).toEqual([...OCTETS]);
    rot(file, 1_500);
    const content = await contentOf(root, firstReads);
    await expect(content.load(1)).rejects.toMatchObject({ code: "E_ASSET_DAMAGED" });
    expect([...(await content.load(0))]).toEqual([...OCTETS.subarray(0, 1_000)]);
  });

  it("remembers over a restart, what was read and no more", async () => {
    const { root, file } = folder();
    const dir = path.join(tempDir(), "db");
    const before = new FirstReads(database(dir));
    await (await contentOf(root, before)).load(1);
    await before.close();
    await open.pop()?.close();
    rot(file, 500);
    rot(file, 1_500);
    const after = new FirstReads(database(dir));
    const content = await contentOf(root, after);
    await expect(content.load(1)).rejects.toMatchObject({ code: "E_ASSET_DAMAGED" });
    // This piece is read for the first time now.
    expect((await content.load(0)).length).toBe(1_000);
    await after.close();
  });

  it("takes a file that was changed for another one", async () => {
    const { root, file } = folder();
    const firstReads = new FirstReads(database(path.join(tempDir(), "db")));
    await octetsOf(await contentOf(root, firstReads));
    rot(file, 1_500);
    utimesSync(file, 2_000, 2_000);
    const octets = await octetsOf(await contentOf(root, firstReads));
    expect(octets[1_500]).toBe((OCTETS[1_500] ?? 0) ^ 1);
    await firstReads.close();
    rot(file, 1_500);
    const content = await contentOf(root, firstReads);
    await expect(content.load(1)).rejects.toMatchObject({ code: "E_ASSET_DAMAGED" });
    await firstReads.close();
  });

  it("goes on adding to what was written", async () => {
    const { root, file } = folder();
    const firstReads = new FirstReads(database(path.join(tempDir(), "db")));
    const content = await contentOf(root, firstReads);
    for (const index of [0, 1, 2]) {
      await content.load(index);
      await firstReads.close();
    }
    for (const at of [0, 1_000, 2_000]) rot(file, at);
    const damaged = await contentOf(root, firstReads);
    for (const index of [0, 1, 2]) {
      await expect(damaged.load(index)).rejects.toMatchObject({ code: "E_ASSET_DAMAGED" });
    }
  });
});
