// node wear-worker.mjs FOLDER DEVICE
//
// A rack of a hundred machines whose leases are in FOLDER, a file system of its own on the block device DEVICE ("loop0"). Says for
// each time what was written to the device: "NAME OCTETS BATCHES LONGEST-WAIT-MS".
import { execFileSync } from "node:child_process";
import { readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { AddressBook } from "../../../dist/agent/addresses/address-book.js";
import { LeaseStore } from "../../../dist/agent/addresses/lease-store.js";
import { parseSite } from "../../../dist/agent/site/load.js";
import { openDatabase } from "../../../dist/agent/state/database.js";

const [dir, device] = process.argv.slice(2);
const MACHINES = 100;
const MINUTE_MS = 60_000;
/** All have been switched on after this long; the last has then a third of the minute left to boot. */
const SWITCHED_ON_MS = 40_000;
const HALF_AN_HOUR_MS = 1_800_000;
/** Of /sys/block/DEVICE/stat: written sectors, of 512 octets. */
const SECTORS_WRITTEN = 6;
const SECTOR_LEN = 512;

const { site } = parseSite(
  "site: s\nnetwork: { address: 10.0.0.1/24, pool: 10.0.0.100-10.0.0.220, lease: 1h }\n",
  "/s.yaml",
);
let passedMs = 0;
const book = new AddressBook({
  site,
  leases: new LeaseStore(openDatabase({ dir: path.join(dir, "db") })),
  now: () => performance.now() + passedMs,
  wallMs: () => Date.now() + passedMs,
});
const [rack] = book.subnets;
let waits = [];

function writtenOctets() {
  execFileSync("sync", ["-f", dir]);
  const stat = readFileSync(`/sys/block/${device}/stat`, "utf8").trim().split(/\s+/);
  return Number(stat[SECTORS_WRITTEN]) * SECTOR_LEN;
}

/** DISCOVER, and REQUEST after the time that such a client waits for other offers. */
async function ask(n, id, hostname, waitMs) {
  const mac = `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;
  const client = book.client(rack, mac, id);
  const { address } = book.choose(rack, client, 0);
  book.offer(rack, client, address);
  if (waitMs > 0) await later(waitMs);
  const from = performance.now();
  await book.bind(rack, client, address, 3600, hostname);
  waits.push(performance.now() - from);
}

/** A ROM, its boot loader and a system, each with an identifier of its own. */
async function boots(n) {
  await later(Math.random() * SWITCHED_ON_MS);
  await ask(n, `00${n}`, "", 1_000 + Math.random() * 2_000);
  await later(3_000);
  await ask(n, `01${n}`, "", 1_000);
  await later(10_000);
  await ask(n, `ff${n}`, `node${n}`, 20);
}

async function renews(n) {
  await later(Math.random() * MINUTE_MS);
  await ask(n, `ff${n}`, `node${n}`, 0);
}

async function measure(name, work) {
  const before = { octets: writtenOctets(), batches: book.batches };
  await Promise.all(Array.from({ length: MACHINES }, (_, n) => work(n)));
  const octets = writtenOctets() - before.octets;
  const longest = Math.max(0, ...waits).toFixed(1);
  waits = [];
  writeSync(1, `${name} ${octets} ${book.batches - before.batches} ${longest}\n`);
}

await measure("first-boot", boots);
await measure("boot-again", async (n) => {
  await Promise.all([boots(n), renews(n)]);
});
passedMs += HALF_AN_HOUR_MS;
await measure("idle", (n) => ask(n, `ff${n}`, `node${n}`, 0));
passedMs += 2 * HALF_AN_HOUR_MS - MINUTE_MS;
await measure("all-renew", renews);
process.exit(0);
