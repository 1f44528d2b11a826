// Looks at the cache that a power cut left, says what it found, then works on it without end and says what it was promised.
// What cannot be is a line FAULT, and ends it. Arguments: state folder, limit, seed, "work" or "last".
import { createCipheriv, createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeSync } from "node:fs";
import path from "node:path";
import { openDiskCache } from "../../../dist/agent/assets/cache/disk-cache.js";

const [, , stateDir, limitText, seed, mode] = process.argv;
const limit = Number(limitText);
const NAMES = ["kernel", "initrd", "loader", "root"];
const VERSIONS = 3;
const LEAST = 10_000;
const MOST = 5_000_000;
const A_WRITE = 130_000;
const A_WEEK_AND_MORE_MS = 40 * 24 * 3_600_000;
/** A manifest is shorter than this. */
const MANIFEST_LEN = 2_000;

const say = (...words) => writeSync(1, `${words.join(" ")}\n`);
const sha256 = (octets) => createHash("sha256").update(octets).digest("hex");
const idOf = (name) => `power:${name}`;

function fault(...words) {
  say("FAULT", ...words);
  process.exit(1);
}

function must(condition, ...words) {
  if (!condition) fault(...words);
}

/** The octets of a text: as many as it decides. */
function octetsOf(text) {
  const key = createHash("sha256").update(text).digest();
  const len = LEAST + (key.readUInt32LE(16) % (MOST - LEAST));
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(len));
}

let drawn = 0;
/** A whole number below `n` that the seed decides. */
function below(n) {
  const text = `${seed} ${drawn++}`;
  return createHash("sha256").update(text).digest().readUInt32LE(0) % n;
}

/** What other programs see: each manifest that `index.json` lists is there and right, and so are the blobs that those list. */
function checkIndex(dir) {
  const file = path.join(dir, "index.json");
  if (!existsSync(file)) return;
  const layout = JSON.parse(readFileSync(path.join(dir, "oci-layout"), "utf8"));
  must(layout.imageLayoutVersion === "1.0.0", "oci-layout");
  const blob = (digest) => path.join(dir, "blobs", "sha256", digest.replace("sha256:", ""));
  const is = ({ digest, size }, what) => {
    must(existsSync(blob(digest)), "index.json leads to", what, digest, "which is not there");
    const found = statSync(blob(digest)).size;
    must(found === size, what, digest, "has", found, "octets, not", size);
  };
  for (const entry of JSON.parse(readFileSync(file, "utf8")).manifests) {
    is(entry, "manifest");
    const text = readFileSync(blob(entry.digest));
    must(`sha256:${sha256(text)}` === entry.digest, "manifest", entry.digest, "is damaged");
    const { config, layers } = JSON.parse(text);
    for (const part of [config, ...layers]) is(part, "blob");
  }
}

/** Every record has its blob, every blob is sound, the totals are those of the blobs. Prints all of it. */
async function checkRecords(cache) {
  const blobs = path.join(cache.dir, "blobs", "sha256");
  let assets = 0;
  for (const asset of cache.assets()) {
    assets++;
    const versions = asset.versions.map(({ digest }) => digest);
    must(versions.includes(asset.current), asset.name, "has no version that is served");
    if (asset.held) must(versions.includes(asset.held), asset.name, "holds what it has not");
    for (const { digest, size } of asset.versions) {
      must(cache.blob(digest)?.size === size, asset.name, "has no record of blob", digest);
      must(existsSync(cache.blobPath(digest)), asset.name, "has no file of blob", digest);
    }
    say("asset", asset.name, asset.current, asset.held ?? "-", versions.join(","));
  }
  let octets = 0;
  let count = 0;
  let strays = 0;
  for (const digest of readdirSync(blobs)) {
    const { size } = statSync(path.join(blobs, digest));
    if (!cache.blob(digest)) {
      strays += size < MANIFEST_LEN ? 0 : 1;
      continue;
    }
    octets += size;
    count++;
    const { sound } = await cache.check(digest);
    must(sound, "blob", digest, "of", size, "octets is damaged");
    say("blob", digest);
  }
  const usage = await cache.usage();
  must(usage.blobs === count, "totals say", usage.blobs, "blobs, there are", count);
  const used = usage.used - usage.partial - usage.quarantined;
  must(used === octets, "totals say", used, "octets, there are", octets);
  must(usage.quarantined <= limit, "quarantine has", usage.quarantined, "octets");
  for (const file of readdirSync(path.join(cache.dir, "quarantine"))) {
    if (file.endsWith(".why")) continue;
    const digest = sha256(readFileSync(path.join(cache.dir, "quarantine", file)));
    must(digest.startsWith(file), "quarantine/ has other octets as", file);
    say("aside", file, digest);
  }
  say("left", readdirSync(path.join(cache.dir, "ingest")).length, strays);
  return assets;
}

/** Transfers that can go on, and whether their octets are right so far. */
async function checkPartials(cache) {
  for (const name of NAMES) {
    const ingest = await cache.ingest(idOf(name));
    const { at, version } = ingest;
    if (at > 0) {
      const octets = octetsOf(version.etag).subarray(0, at);
      const file = path.join(cache.dir, "ingest", sha256(idOf(name)).slice(0, 32));
      const there = readFileSync(file).subarray(0, at);
      must(there.equals(octets), "transfer", name, "goes on at", at, "after wrong octets");
      say("partial", name, version.etag, at);
    }
    await ingest.suspend();
  }
}

async function receive(cache, name) {
  const ingest = await cache.ingest(idOf(name));
  let text = ingest.version?.etag;
  if (ingest.at === 0 || below(4) === 0) {
    text = `${seed} ${drawn}`;
    say("starting", name);
    await ingest.restart({ etag: text, size: octetsOf(text).length });
  } else {
    say("starting", name);
    say("resumed", name, text, ingest.at);
  }
  const octets = octetsOf(text);
  const end = below(5) === 0 ? below(octets.length) : octets.length;
  for (let at = ingest.at; at < end; at += A_WRITE) {
    await ingest.write(octets.subarray(at, Math.min(end, at + A_WRITE)));
  }
  if (end < octets.length) {
    const { at } = ingest;
    await ingest.suspend();
    say("suspended", name, text, at);
    return undefined;
  }
  const received = await ingest.finish();
  must(received.digest === sha256(octets), name, "was received wrongly:", text);
  return received;
}

async function put(cache, name) {
  await cache.makeRoom(MOST);
  const received = await receive(cache, name);
  if (!received) return;
  const { digest, size } = received;
  if (below(8) === 0) {
    say("quarantining");
    const file = await received.quarantine("a test");
    if (file) say("quarantined", file, digest);
    return;
  }
  await received.keep();
  say("kept", digest);
  const version = {
    digest,
    size,
    sourceDigest: digest,
    sourceId: idOf(name),
    treatment: "",
    object: { size },
    mtimeMs: 0,
    fetchedMs: 0,
  };
  await promise(cache, name, (before) => {
    const others = (before?.versions ?? []).filter((other) => other.digest !== digest);
    const kept = others.filter((other, at) => at < VERSIONS - 1 || other.digest === before?.held);
    return { name, versions: [version, ...kept], current: digest };
  });
}

async function rollBack(cache, name) {
  const versions = cache.asset(name)?.versions ?? [];
  const older = versions[below(Math.max(1, versions.length))]?.digest;
  if (older === undefined) return;
  await promise(cache, name, (before) => ({ ...before, current: older, held: older }));
}

/** Changes a record, and says before and after what is then served. */
async function promise(cache, name, change) {
  const wanted = change(cache.asset(name));
  const words = [name, wanted?.current ?? "-", wanted?.held ?? "-"];
  say("updating", ...words);
  await cache.update(name, () => wanted);
  say("updated", ...words);
}

async function step(cache) {
  const name = NAMES[below(NAMES.length)];
  const what = below(20);
  if (what < 12) await put(cache, name);
  else if (what < 15) await rollBack(cache, name);
  else if (what < 16) await promise(cache, name, () => undefined);
  else {
    say("evicting");
    if (what < 17) await cache.collect();
    else if (what < 18) await cache.flush();
    else await cache.makeRoom(2 * MOST);
  }
}

async function work() {
  const cache = await openDiskCache({ stateDir, limit });
  for (;;) {
    try {
      await step(cache);
    } catch (error) {
      // Octets that are served, transfers that are suspended and the limit may leave no room.
      if (error?.code !== "E_CACHE_FULL") throw error;
      say("full");
      for (const name of NAMES) await (await cache.ingest(idOf(name))).discard();
    }
  }
}

/** After a long time nothing is left of what crashes left. */
async function last() {
  const nowMs = () => Date.now() + A_WEEK_AND_MORE_MS;
  const cache = await openDiskCache({ stateDir, limit, nowMs });
  await cache.collect();
  await cache.flush();
  const ingest = readdirSync(path.join(cache.dir, "ingest"));
  must(ingest.length === 0, "ingest/ still has", ingest.join(","));
  const known = new Set();
  const index = JSON.parse(readFileSync(path.join(cache.dir, "index.json"), "utf8"));
  const listed = index.manifests.map(({ digest }) => digest.replace("sha256:", ""));
  for (const digest of [...listed, sha256("{}")]) known.add(digest);
  let versions = 0;
  for (const asset of cache.assets()) {
    for (const { digest } of asset.versions) known.add(digest);
    versions += asset.versions.length;
  }
  must(listed.length === versions, "index.json lists", listed.length, "versions of", versions);
  const there = readdirSync(path.join(cache.dir, "blobs", "sha256"));
  const left = there.filter((name) => !known.has(name));
  must(left.length === 0, "blobs/ still has", left.join(","));
  must(there.length === known.size, "blobs/ has", there.length, "files, not", known.size);
  await cache.close();
  say("COLLECTED");
}

// A fault of this program ends it with its stack, as a line that the test looks for.
process.on("uncaughtException", (error) => fault(error.stack));
process.on("unhandledRejection", (error) => fault(error?.stack ?? error));

const dir = path.join(stateDir, "cache");
if (existsSync(path.join(stateDir, "db"))) {
  const aside = readdirSync(path.join(stateDir, "db")).filter((name) => name.includes("damaged"));
  must(aside.length === 0, "a database was put aside before:", aside.join(","));
}
checkIndex(dir);
const checked = await openDiskCache({ stateDir, limit });
const aside = readdirSync(path.join(stateDir, "db")).filter((name) => name.includes("damaged"));
must(aside.length === 0, "the records were damaged and had to be made anew");
const assets = await checkRecords(checked);
await checkPartials(checked);
await checked.close();
checkIndex(dir);
say("CHECK OK", assets, "assets");
if (mode === "last") {
  await last();
} else {
  say("working");
  await work();
}
