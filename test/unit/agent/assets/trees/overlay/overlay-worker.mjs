// node overlay-worker.mjs STATE LOWER STEPS
//
// Does the steps of a JSON file to an overlay, one after the other, and says "did N" once step N is answered. The test kills it.
import { readFileSync, writeSync } from "node:fs";
import { ChunkCache } from "../../../../../../dist/agent/assets/chunk-cache.js";
import { DirectoryTree } from "../../../../../../dist/agent/assets/trees/directory-tree.js";
import { Overlays } from "../../../../../../dist/agent/assets/trees/overlay/overlays.js";

const [stateDir, lowerDir, file] = process.argv.slice(2);
const chunks = new ChunkCache(65_536, 4_000_000);
const lower = await DirectoryTree.open(lowerDir, chunks);
const owner = { machine: "sun1", profile: "sun" };
const tree = Overlays.open(stateDir).tree(owner, 1e9, lower, chunks);
const { writable } = tree;

async function walk(path) {
  let at = tree.root;
  for (const name of path.split("/").filter((part) => part !== "")) {
    at = await tree.lookup(at, name);
    if (typeof at === "string") throw new Error(at);
  }
  return at;
}

async function place(path) {
  const slash = path.lastIndexOf("/");
  return { directory: await walk(path.slice(0, Math.max(0, slash))), name: path.slice(slash + 1) };
}

async function changed(path, change) {
  const id = await walk(path);
  const { kind } = await tree.attributes(id);
  if (kind !== "symlink") await writable.change(id, change);
}

const STEPS = {
  create: async ({ path, mode }) => writable.create(await place(path), { mode }),
  mkdir: async ({ path, mode }) => writable.mkdir(await place(path), { mode }),
  setMode: ({ path, mode }) => changed(path, { mode }),
  setMtime: ({ path, mtimeMs }) => changed(path, { mtimeMs }),
  truncate: ({ path, size }) => changed(path, { size }),
  write: async ({ path, at, len, octet }) =>
    writable.write(await walk(path), at, new Uint8Array(len).fill(octet)),
  rmdir: async ({ path }) => writable.rmdir(await place(path)),
  remove: async ({ path }) => writable.remove(await place(path)),
  rename: async ({ path, to }) => writable.rename(await place(path), await place(to)),
  link: async ({ path, to }) => writable.link(await walk(path), await place(to)),
  symlink: async ({ path, target }) => writable.symlink(await place(path), target, {}),
  list: () => undefined,
  read: () => undefined,
};

writeSync(1, "ready\n");
for (const [i, step] of JSON.parse(readFileSync(file, "utf8")).entries()) {
  await Promise.resolve(STEPS[step.op](step)).catch(() => undefined);
  writeSync(1, `did ${i}\n`);
}
// It is killed, and does not end.
setInterval(() => {}, 60_000);
