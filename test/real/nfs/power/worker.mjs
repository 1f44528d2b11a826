// node worker.mjs STATE BOOT work|look
//
// Looks at the overlays and uploads that a power cut left and says what there is, then works on them without end and says what was
// answered. What cannot be is a line FAULT, and ends it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ChunkCache } from "../../../../dist/agent/assets/chunk-cache.js";
import { DirectoryTree } from "../../../../dist/agent/assets/trees/directory-tree.js";
import { Overlays } from "../../../../dist/agent/assets/trees/overlay/overlays.js";
import { fault, say } from "./console.mjs";
import { checkRecords, sayTree, workOn } from "./layers.mjs";
import { saySlots, swap } from "./swap.mjs";
import { checkUploads, upload } from "./uploads.mjs";

process.on("uncaughtException", (error) => fault(error.stack));
process.on("unhandledRejection", (error) => fault(error?.stack ?? error));

const [, , stateDir, boot, mode] = process.argv;
const data = "/app/data";
const QUOTA = 1e9;
const UPLOADERS = ["minipc", "switch"];

const steps = JSON.parse(readFileSync(path.join(data, `steps-${boot}.json`), "utf8"));
const chunks = new ChunkCache(65_536, 4_000_000);
const lower = await DirectoryTree.open(path.join(data, "lower"), chunks);
const overlays = Overlays.open(stateDir);
await overlays.sweep();
const treeOf = (machine) => overlays.tree({ machine, profile: "sun" }, QUOTA, lower, chunks);
const trees = Object.keys(steps).map((machine) => [machine, treeOf(machine)]);
const swapping = treeOf("swap");
for (const [machine, tree] of [...trees, ["swap", swapping]]) {
  await tree.layer.ready();
  checkRecords(overlays, machine, tree.layer);
}
for (const [machine, tree] of trees) await sayTree(tree, machine);
await saySlots(swapping);
const store = await checkUploads(stateDir);
say("CHECK OK");
if (mode === "work") {
  say("working");
  await Promise.all([
    ...trees.map(([machine, tree]) => workOn(tree, machine, steps[machine])),
    swap(swapping, boot),
    ...UPLOADERS.map((machine) => upload(store, machine, boot)),
  ]);
  fault("there was nothing more to do");
}
await overlays.close();
