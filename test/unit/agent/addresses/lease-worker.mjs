// node lease-worker.mjs FOLDER LANES MACHINES [STEPS]
//
// Gives addresses to made-up machines, LANES at a time, that come, come back and go, and says what it promised: "bound MAC
// ADDRESS HOST" once that is durable, "leaving MAC ADDRESS" before a machine gives its address back. First it says what it has of
// the runs before: "kept MAC ADDRESS" for each lease, then "ready". Does STEPS in each lane, or works until it is killed.
import { randomInt } from "node:crypto";
import { writeSync } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { AddressBook } from "../../../../dist/agent/addresses/address-book.js";
import { LeaseStore } from "../../../../dist/agent/addresses/lease-store.js";
import { openDatabase } from "../../../../dist/agent/state/database.js";
import { formatIpv4 } from "../../../../dist/protocols/wire/ipv4-address.js";

const [dir, lanes, machines, steps = "Infinity"] = process.argv.slice(2);
const FIRST = (10 << 24) | (1 << 8);
/** A tenth more than there are machines, so that who comes finds mostly what others had. */
const size = Math.ceil(Number(machines) * 1.1);
// What the site file comes to: reading one takes longer than all the rest of the start.
const subnet = {
  name: "rack",
  prefix: 10 << 24,
  prefixLen: 16,
  mask: 0xffff0000 | 0,
  broadcast: (10 << 24) | 0xffff,
  dns: [],
  pool: [{ first: FIRST, last: FIRST + size - 1 }],
  leaseS: 3600,
  probe: false,
  identity: "hardware",
};
const site = {
  network: { address: (10 << 24) | 1, relays: [], subnets: [subnet] },
  machineByMac: new Map(),
  machineByIp: new Map(),
};
const database = openDatabase({ dir: path.join(dir, "db") });
const book = new AddressBook({
  site,
  leases: new LeaseStore(database),
  now: () => performance.now(),
  wallMs: () => Date.now(),
});
const [rack] = book.subnets;
const say = (word, { mac, address }) => `${word} ${mac} ${formatIpv4(address)}\n`;
writeSync(1, `${[...book.leases()].map((lease) => say("kept", lease)).join("")}ready\n`);

function machine(n) {
  const mac = `02:00:00:00:${[n >> 8, n & 255].map((b) => b.toString(16).padStart(2, "0")).join(":")}`;
  return book.client(rack, mac);
}

let promises = 0;
/** A machine that leaves, or one that asks, is offered and takes an address as firmware does. */
async function step(client) {
  const { mac } = client;
  const own = book.choose(rack, client, 0).address;
  if (own !== undefined && book.isKnown(rack, client, own) && randomInt(3) === 0) {
    writeSync(1, say("leaving", { mac, address: own }));
    book.release(rack, client, own);
    return;
  }
  const { address } = book.choose(rack, client, FIRST + randomInt(size));
  if (address === undefined) return;
  book.offer(rack, client, address);
  await turn();
  if (!book.mayHave(rack, client, address)) return;
  const host = `h${String(++promises).padStart(6, "0")}`;
  await book.bind(rack, client, address, 86_400 + randomInt(864_000), host);
  writeSync(1, `bound ${mac} ${formatIpv4(address)} ${host}\n`);
}

async function lane(i) {
  const own = Math.floor(Number(machines) / Number(lanes));
  for (let n = 0; n < Number(steps); n++) {
    await step(machine(i * own + randomInt(own)));
    await turn();
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, (_, i) => lane(i)));
await book.close();
await database.close();
