// node apply-bundles.mjs DIR
//
// Applies one bundle after the other in DIR from the serial number that standard input gives, confirms every other one, and
// says what was answered: "applied N", "confirmed N". It is meant to be killed in the middle of that.
import { createInterface } from "node:readline";
import { KeptConfig } from "../../dist/agent/config/open-config.js";
import { loadSite } from "../../dist/agent/site/load.js";
import { openDatabase } from "../../dist/agent/state/database.js";
import { plainTools } from "./plain-bundles.mjs";

const [dir] = process.argv.slice(2);
const caller = { kind: "local" };

const keeper = new KeptConfig({
  database: openDatabase({ dir: `${dir}/db` }),
  dir: `${dir}/config`,
  bundles: plainTools,
  loadSite,
  siteChanges: () => [],
  serve: async () => {},
  fault: () => undefined,
  clock: { now: () => performance.now(), after: () => () => {} },
  wallMs: Date.now,
  told: () => {},
  changed: () => {},
  crash: (bug) => {
    throw bug;
  },
});

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  await keeper.start();
  for (let serial = Number(line); ; serial++) {
    const text = `site: s${serial}\nnetwork: { address: 192.168.77.1/24 }\n`;
    await keeper.apply(Buffer.from(JSON.stringify({ serial, text })), { kind: "push", caller });
    process.stdout.write(`applied ${serial}\n`);
    if (serial % 2 === 1) continue;
    await keeper.confirm(serial, caller);
    process.stdout.write(`confirmed ${serial}\n`);
  }
}
