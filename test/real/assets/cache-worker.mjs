// Works on a cache without end, and says on standard output what it was promised. The test kills it.
import { createHash, randomBytes, randomInt } from "node:crypto";
import { writeSync } from "node:fs";
import { openDiskCache } from "../../../dist/agent/assets/cache/disk-cache.js";

const [, , stateDir, limit] = process.argv;
const NAMES = ["kernel", "initrd", "loader", "ipxe.efi", "root"];
const VERSIONS = 3;
const LONGEST = 700_000;

const say = (...words) => writeSync(1, `${words.join(" ")}\n`);
const cache = await openDiskCache({ stateDir, limit: Number(limit) });
say("ready");

async function receive(id, octets) {
  const ingest = await cache.ingest(id);
  // What is there from before is of octets that are gone: only a test of the real thing would go on with them.
  if (ingest.at === 0 || randomInt(4) > 0) await ingest.restart({ size: octets.length });
  for (let at = ingest.at; at < octets.length; at += 90_000) {
    await ingest.write(octets.subarray(at, at + 90_000));
  }
  if (randomInt(6) === 0) {
    await ingest.suspend();
    return undefined;
  }
  return await ingest.finish();
}

async function put(name) {
  const octets = randomBytes(randomInt(LONGEST));
  await cache.makeRoom(octets.length);
  const received = await receive(`test:${name}`, octets);
  if (!received) return;
  if (randomInt(12) === 0) {
    await received.quarantine("a test");
    return;
  }
  const { digest, size } = await received.keep();
  say("kept", digest);
  const fetchedMs = Date.now();
  say("updating", name, digest);
  await cache.update(name, (before) => ({
    name,
    versions: [
      {
        digest,
        size,
        sourceDigest: createHash("sha256").update(digest).digest("hex"),
        sourceId: `test:${name}`,
        treatment: "",
        object: { size },
        mtimeMs: 0,
        fetchedMs,
      },
      ...(before?.versions ?? []),
    ].slice(0, VERSIONS),
    current: digest,
  }));
  say("updated", name, digest);
}

for (;;) {
  await put(NAMES[randomInt(NAMES.length)]);
  if (randomInt(5) === 0) await cache.collect();
  if (randomInt(5) === 0) await cache.makeRoom(2 * LONGEST);
  if (randomInt(5) === 0) await cache.flush();
}
