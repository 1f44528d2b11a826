// Goes through the life of a few blobs and ends itself at a step: before or after one call of the file system or the
// database. It prints what it was promised, and the number of steps if it gets to the end.
import { createHash } from "node:crypto";
import fs, { writeSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [, , stateDir, last, limit] = process.argv;
const root = new URL("../../../dist/agent/", import.meta.url);

let steps = 0;
function step() {
  if (steps++ === Number(last)) process.kill(process.pid, "SIGKILL");
}
function counted(call) {
  return async function (...args) {
    step();
    const result = await call.apply(this, args);
    step();
    return result;
  };
}
for (const name of ["open", "rename", "unlink"]) promises[name] = counted(promises[name]);
const { renameSync } = fs;
fs.renameSync = (...args) => {
  step();
  renameSync(...args);
  step();
};
syncBuiltinESMExports();
const handle = await promises.open("/dev/null");
const file = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ["write", "writeFile", "datasync", "sync"]) file[name] = counted(file[name]);

const { Database } = await import(new URL("state/database.js", root).href);
Database.prototype.transaction = counted(Database.prototype.transaction);
const { openDiskCache } = await import(new URL("assets/cache/disk-cache.js", root).href);

const say = (...words) => writeSync(1, `${words.join(" ")}\n`);
const PIECE = 256 * 1024;
const cache = await openDiskCache({ stateDir, limit: Number(limit) });

async function put(name, fill, len) {
  await cache.makeRoom(len);
  const octets = Buffer.alloc(len, fill);
  const ingest = await cache.ingest(name);
  await ingest.restart({ size: len });
  await ingest.write(octets.subarray(0, len >> 1));
  await ingest.suspend();
  const again = await cache.ingest(name);
  await again.write(octets.subarray(again.at));
  const received = await again.finish();
  const digest = createHash("sha256").update(octets).digest("hex");
  if (received.digest !== digest) throw new Error("other octets");
  await received.keep();
  const fresh = {
    ...{ digest, size: len, sourceDigest: digest, sourceId: name, treatment: "" },
    ...{ object: {}, mtimeMs: 0, fetchedMs: fill },
  };
  say("updating", name, digest);
  await cache.update(name, (before) => ({
    name,
    versions: [fresh, ...(before?.versions ?? [])],
    current: digest,
  }));
  say("updated", name, digest);
}

await put("a", 1, PIECE + 1000);
await cache.flush();
await put("a", 2, PIECE);
await cache.flush();
// Now the first version has to go.
await put("b", 3, 2 * PIECE);
await cache.collect();
await cache.close();
say("steps", steps);
