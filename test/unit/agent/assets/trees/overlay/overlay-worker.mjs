// node overlay-worker.mjs STATE LOWER STEPS
//
// Does the steps of a JSON file to an overlay, one after the other, and says "did N" once step N is answered. The test kills it.
import { readFileSync, writeSync } from "node:fs";
import { ChunkCache } from "../../../../../../dist/agent/assets/chunk-cache.js";
import { DirectoryTree } from "../../../../../../dist/agent/assets/trees/directory-tree.js";
import { Overlays } from "../../../../../../dist/agent/assets/trees/overlay/overlays.js";
import { doTreeStep } from "../../../../../support/file-ops/tree-steps.mjs";

const [stateDir, lowerDir, file] = process.argv.slice(2);
const chunks = new ChunkCache(65_536, 4_000_000);
const lower = await DirectoryTree.open(lowerDir, chunks);
const owner = { machine: "sun1", profile: "sun" };
const tree = Overlays.open(stateDir).tree(owner, 1e9, lower, chunks);

writeSync(1, "ready\n");
for (const [i, step] of JSON.parse(readFileSync(file, "utf8")).entries()) {
  await doTreeStep(tree, step);
  writeSync(1, `did ${i}\n`);
}
// It is killed, and does not end.
setInterval(() => {}, 60_000);
