// node lease-worker.mjs FOLDER ROUND
//
// Gives addresses to one made-up machine after the other and says so once each is durable: "bound MAC ADDRESS". First it says
// what it has of the runs before: "kept MAC ADDRESS" for each lease, "count N". Ends when it is killed.
import { AddressBook } from "../../../../dist/agent/addresses/address-book.js";
import { LeaseStore } from "../../../../dist/agent/addresses/lease-store.js";
import { parseSite } from "../../../../dist/agent/site/load.js";
import { openDatabase } from "../../../../dist/agent/state/database.js";
import { formatIpv4 } from "../../../../dist/protocols/wire/ipv4-address.js";

const [dir, round] = process.argv.slice(2);
const text = "site: s\nnetwork: { address: 10.0.0.1/16, pool: 10.0.1.0-10.0.200.0, lease: 365d }\n";
const { site } = parseSite(text, "/s.yaml");
const database = openDatabase({ dir });
const book = new AddressBook({
  site,
  leases: new LeaseStore(database),
  now: () => performance.now(),
  wallMs: () => Date.now(),
});
let kept = 0;
const say = (words) => process.stdout.write(`${words}\n`);
for (const { mac, address } of book.leases()) {
  kept += 1;
  if (kept % 7 === 0) say(`kept ${mac} ${formatIpv4(address)}`);
}
say(`count ${kept}`);
const [rack] = book.subnets;
for (let n = 0; ; n++) {
  const batch = [0, 1, 2].map((i) => {
    const mac = `02:00:00:${[Number(round), n, i].map((b) => (b & 255).toString(16).padStart(2, "0")).join(":")}`;
    const client = book.client(rack, mac);
    const { address } = book.choose(rack, client, 0);
    book.offer(rack, client, address);
    return book
      .bind(rack, client, address, 86_400, "")
      .then(() => say(`bound ${mac} ${formatIpv4(address)}`));
  });
  await Promise.all(batch);
}
