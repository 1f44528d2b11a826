import { describe, expect, it } from "vitest";
import { isRefusal } from "../../../../../../agent/assets/trees/tree.ts";
import { doStep, randomStep } from "../../../../../support/file-ops/file-step.ts";
import { LocalFiles } from "../../../../../support/file-ops/local-files.ts";
import { makeLowerRoot } from "../../../../../support/file-ops/lower-root.ts";
import { prng } from "../../../../../support/prng.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";
import { type OverlayFixture, ok, overlay } from "./fixture.ts";

/** Checks that each name leads to a node that knows how many there are, and copies all of it into a folder. */
async function audit(o: OverlayFixture): Promise<string> {
  const local = new LocalFiles(tempDir());
  const links = new Map<number, string[]>();
  const visit = async (directory: number, path: string): Promise<number> => {
    let subdirectories = 0;
    for (const { name, fileid } of await ok(o.tree.list(directory))) {
      const child = path === "" ? name : `${path}/${name}`;
      const attributes = await ok(o.tree.attributes(fileid));
      if (attributes.kind === "directory") {
        subdirectories += 1;
        expect(o.tree.parent(fileid)).toBe(directory);
        await local.mkdir(child, attributes.mode);
        expect([child, attributes.nlink]).toEqual([child, 2 + (await visit(fileid, child))]);
      } else links.set(fileid, [...(links.get(fileid) ?? []), child]);
    }
    return subdirectories;
  };
  await visit(o.tree.root, "");
  for (const [id, paths] of links) {
    expect([paths, (await ok(o.tree.attributes(id))).nlink]).toEqual([paths, paths.length]);
  }
  return JSON.stringify([...links].sort());
}

describe("an overlay that many use at once", () => {
  it("is one tree still, and the same after a restart", { timeout: 30_000 }, async () => {
    const o = await overlay();
    makeLowerRoot(o.lowerDir);
    const random = prng(Date.now());
    for (let round = 0; round < 12; round++) {
      const steps = Array.from({ length: 40 }, () => randomStep(random));
      await Promise.all(steps.map((step) => doStep(o.files, step)));
      await audit(o);
    }
    const before = await audit(o);
    await o.reopen();
    expect(await audit(o)).toBe(before);
  });

  it("has a directory that is removed while files are made in it, or has the files", async () => {
    const o = await overlay();
    for (let i = 0; i < 20; i++) {
      const directory = await ok(o.tree.writable.mkdir({ directory: o.tree.root, name: "d" }, {}));
      const [removed, made] = await Promise.all([
        o.tree.writable.rmdir({ directory: o.tree.root, name: "d" }),
        o.tree.writable.create({ directory, name: "f" }, {}),
      ]);
      expect([removed, isRefusal(made) ? made : "made"]).toSatisfy(
        ([a, b]) => (a === undefined && b === "stale") || (a === "not-empty" && b === "made"),
      );
      if (removed === undefined) continue;
      await ok(o.files.remove("d/f"));
      await ok(o.files.rmdir("d"));
    }
  });

  it("ends what is under way when it is closed, and refuses what comes after that", async () => {
    const o = await overlay();
    await o.put("f", "x");
    const id = await o.id("f");
    const writes = [1, 2, 3].map((at) => o.tree.writable.write(id, at, Buffer.from("y")));
    const making = o.tree.writable.create({ directory: o.tree.root, name: "g" }, {});
    await o.overlays.close();
    expect(await Promise.all(writes)).toEqual([undefined, undefined, undefined]);
    expect(await making).toBeTypeOf("number");
    expect(await o.tree.writable.write(id, 0, Buffer.from("z"))).toBe("io");
    expect(await o.tree.writable.remove({ directory: o.tree.root, name: "g" })).toBe("io");
    expect(await o.tree.attributes(id)).toBe("io");
    expect(await o.tree.content(id)).toBe("io");
    await o.reopenAfterKill();
    expect(await o.text("f")).toBe("xyyy");
    expect(await o.list()).toEqual(["f", "g"]);
  });

  it("never has two directories within one another", async () => {
    const o = await overlay({ "a/x": "", "b/y": "" });
    await Promise.all([o.files.rename("a", "b/a"), o.files.rename("b", "a/b")]);
    const names = await o.list();
    expect(names).toHaveLength(1);
  });

  it("lists a directory of very many names", { timeout: 60_000 }, async () => {
    const o = await overlay();
    const make = (i: number): Promise<unknown> =>
      o.tree.writable.create({ directory: o.tree.root, name: `f${i}` }, {});
    const results = await Promise.all(Array.from({ length: 2_500 }, (_, i) => make(i)));
    expect(results.filter((result) => typeof result !== "number")).toEqual([]);
    expect(new Set(await o.list()).size).toBe(2_500);
  });
});
