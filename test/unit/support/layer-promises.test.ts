import { mkdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { LayerPromises } from "../../real/nfs/power/layer-promises.ts";
import { factsOf } from "../../real/nfs/power/tree-facts.ts";
import { doStep, type FileStep } from "../../support/file-ops/file-step.ts";
import { LocalFiles } from "../../support/file-ops/local-files.ts";
import { copyRoot, makeLowerRoot } from "../../support/file-ops/lower-root.ts";
import { tempDir } from "../../support/temp-dir.ts";

const OLD_MS = Date.UTC(2002);
const WRITE: FileStep = { op: "write", path: "a/b/c", at: 0, len: 20_000, octet: 7 };
const STEPS: readonly FileStep[] = [
  { op: "create", path: "x", mode: 0o600 },
  { op: "rename", path: "x", to: "y" },
  { op: "setMtime", path: "c", mtimeMs: OLD_MS },
  { op: "symlink", path: "d/b", target: "../c d" },
  WRITE,
  { op: "remove", path: "y" },
];

/** What the machine was told of the first steps, and a directory in which other ones are done. */
async function setUp({ told, done }: { readonly told: number; readonly done: number }) {
  const dir = tempDir();
  const lower = path.join(dir, "lower");
  mkdirSync(lower);
  makeLowerRoot(lower);
  const promises = await LayerPromises.make("sun1", lower, dir);
  await copyRoot(lower, path.join(dir, "there"));
  const files = new LocalFiles(path.join(dir, "there"));
  const check = async (): Promise<string[]> => {
    const lines: string[] = [];
    for (const [at, { node, size, mtimeMs, content }] of await factsOf(files)) {
      lines.push(`node sun1 ${encodeURIComponent(at)} ${node} ${size} ${mtimeMs} ${content}`);
    }
    return [...lines, "CHECK OK", "working"];
  };
  const did = STEPS.slice(0, told).map((_, i) => `did sun1 ${i}`);
  expect(await promises.run([...(await check()), ...did], STEPS)).toEqual([]);
  for (const step of STEPS.slice(0, done)) await doStep(files, step);
  const look = async (): Promise<string> => (await promises.run(await check(), [])).join("\n");
  return { files, look };
}

describe("what a machine was answered before its agent lost the power", () => {
  it.each([0, 1, 2, 3, 4, 5])("is there, and steps after it may be: %i", async (told) => {
    for (let done = told; done <= STEPS.length; done++) {
      const { look } = await setUp({ told, done });
      expect(await look()).toBe("");
      expect(await look()).toBe("");
    }
  });

  it.each([1, 2, 3, 4, 5, 6])("is missed: step %i", async (told) => {
    const { look } = await setUp({ told, done: told - 1 });
    expect(await look()).toMatch(/sun1, next .*\n".*" is .*; answered was /);
  });

  it("may end with some pages of a write, and is then what was found", async () => {
    const { files, look } = await setUp({ told: 4, done: 4 });
    const write = (at: number, len: number): Promise<unknown> =>
      files.write(WRITE.path, at, new Uint8Array(len).fill(7));
    await write(4_096, 4_096);
    await write(12_288, 4_096);
    expect(await look()).toBe("");
    expect(await look()).toBe("");
    await write(12_288, 1);
    expect(await look()).toBe("");
    await write(0, 4_096);
    expect(await look()).toContain(`"a/b/c" is `);
  });

  it("does not end with half a page, nor with other octets", async () => {
    for (const [len, octet] of [
      [100, 7],
      [4_096, 8],
    ] as const) {
      const { files, look } = await setUp({ told: 4, done: 4 });
      await files.write(WRITE.path, 0, new Uint8Array(len).fill(octet));
      expect(await look()).toContain(`"a/b/c" is `);
    }
  });

  it("keeps a date that was set", async () => {
    const { files, look } = await setUp({ told: 3, done: 3 });
    await files.setMtime("c", OLD_MS + 1_000);
    expect(await look()).toContain(`"c" is `);
  });
});
