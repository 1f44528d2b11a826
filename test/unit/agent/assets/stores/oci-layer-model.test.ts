import fc from "fast-check";
import { expect, it } from "vitest";
import { openLayerFile } from "../../../../../agent/assets/stores/oci-layer-file.ts";
import type { Descriptor } from "../../../../../agent/assets/stores/oci-manifest.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import {
  BlobBox,
  collected,
  MemoryRepository,
  type TarEntry,
  tarOf,
} from "../../../../support/oci-images.ts";

/** Every path that a layer may touch, folders before what is in them. */
const PATHS = ["a", "a/b", "a/b/c", "a/c", "d", "d/b"] as const;
type Path = (typeof PATHS)[number];

/** What one layer does with a path: nothing, a file, a folder, a whiteout, or a folder that hides what is below it. */
type Change = "" | "file" | "folder" | "gone" | "opaque";
type Layer = Readonly<Record<Path, Change>>;

const anyLayer: fc.Arbitrary<Layer> = fc.record(
  Object.fromEntries(
    PATHS.map((path) => [
      path,
      fc.constantFrom<Change>("", "", "file", "folder", "gone", "opaque"),
    ]),
  ) as Record<Path, fc.Arbitrary<Change>>,
);

const parents = (path: string): string[] => PATHS.filter((other) => path.startsWith(`${other}/`));

/** A layer without files that have something in them: nobody could make that one. */
function tidy(layer: Layer): [Path, Change][] {
  const files = new Set<string>();
  return PATHS.map((path) => {
    const change = parents(path).some((parent) => files.has(parent)) ? "" : layer[path];
    if (change === "file") files.add(path);
    return [path, change];
  });
}

/** The folders that are there because something is in them. */
function needed(changes: readonly [Path, Change][]): Set<string> {
  const there = changes.filter(
    ([, change]) => change === "file" || change === "folder" || change === "opaque",
  );
  return new Set(there.flatMap(([path]) => parents(path)));
}

function entriesOf(layer: Layer, number: number): TarEntry[] {
  const changes = tidy(layer);
  const folders = needed(changes);
  return changes.flatMap(([path, change]): TarEntry[] => {
    const cut = path.lastIndexOf("/") + 1;
    const whiteout: TarEntry = [`${path.slice(0, cut)}.wh.${path.slice(cut)}`, ""];
    const folder: TarEntry[] = folders.has(path) || change === "folder" ? [[`${path}/`, null]] : [];
    if (change === "file") return [[path, `${path} of ${number}`]];
    if (change === "gone") return [whiteout, ...folder];
    if (change === "opaque")
      return [
        [`${path}/`, null],
        [`${path}/.wh..wh..opq`, ""],
      ];
    return folder;
  });
}

/** What an image has, the slow way: layer upon layer, as a container's root is made (OCI image-spec 1.1, layer.md). */
function unpackAll(layers: readonly Layer[]): Map<string, string> {
  const files = new Map<string, string>();
  const remove = (path: string, itself: boolean): void => {
    for (const file of [...files.keys()]) {
      if ((itself && file === path) || file.startsWith(`${path}/`)) files.delete(file);
    }
  };
  layers.forEach((layer, number) => {
    const changes = tidy(layer);
    for (const [path, change] of changes) {
      if (change === "gone") remove(path, true);
      if (change === "opaque") remove(path, false);
    }
    const folders = needed(changes);
    for (const [path, change] of changes) {
      if (folders.has(path) || change === "folder" || change === "opaque") files.delete(path);
      if (change !== "file") continue;
      remove(path, true);
      files.set(path, `${path} of ${number}`);
    }
  });
  return files;
}

it("finds what unpacking all layers would give", async () => {
  const layers = fc.array(anyLayer, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(layers, async (given) => {
      const box = new BlobBox();
      const made: Descriptor[] = [];
      for (const [number, layer] of given.entries()) {
        made.push(box.add(await tarOf(entriesOf(layer, number)), ""));
      }
      const repository = new MemoryRepository(box);
      const expected = unpackAll(given);
      const { signal } = new AbortController();
      for (const path of PATHS) {
        const found = await openLayerFile(repository, made, path, { signal }).then(
          async ({ octets }) => (await collected(octets)).toString(),
          (error: unknown) => (error instanceof AgentError ? error.code : error),
        );
        expect(found, path).toBe(expected.get(path) ?? "E_STORE_MISSING");
      }
    }),
    { interruptAfterTimeLimit: 3_000, numRuns: 1_000 },
  );
});
