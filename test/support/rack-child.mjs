// node rack-child.mjs INTERFACE ADDRESS BROADCAST STATE
//
// The agent's captures and its Wake-on-LAN on an interface of a network namespace. Takes one JSON object a line,
// { "do": "start" | "stop" | "wake", … }, and answers each with one: { "value": … } or { "code": …, "message": … }.
import { createInterface } from "node:readline";
import { Captures } from "../../dist/agent/capture/captures.js";
import { openCaptureLane } from "../../dist/agent/link/capture-lane.js";
import { systemClock } from "../../dist/agent/link/clock.js";
import { openFrameLane } from "../../dist/agent/link/frame-lane.js";
import { findInterface } from "../../dist/agent/link/interfaces.js";
import { Journal } from "../../dist/agent/log/journal.js";
import { WakeService } from "../../dist/agent/services/wake.js";
import { parseIpv4 } from "../../dist/protocols/wire/ipv4-address.js";
import { parseMac } from "../../dist/protocols/wire/mac-address.js";

const [interfaceName, address, broadcast, stateDir] = process.argv.slice(2);
const journal = new Journal(100, Date.now);
const captures = await Captures.create({
  stateDir,
  openLane: openCaptureLane,
  clock: systemClock,
  wallNs: () => BigInt(Date.now()) * 1_000_000n,
  journal,
});
const { mac } = findInterface(interfaceName, parseIpv4(address), 24);
const lane = openFrameLane(interfaceName, "ether proto 0x88b5");
const network = { address: parseIpv4(address), broadcast: parseIpv4(broadcast) };
const wake = new WakeService(
  { planner: { site: { network } }, journal, clock: systemClock },
  { mac, sendFrame: (emit) => lane.send(emit(lane.tx)), prepareNeighbour: async () => {} },
);
const actions = {
  start: ({ filter, maxOctets }) =>
    captures.start({ interfaceName, filter, by: "a test", ...(maxOctets ? { maxOctets } : {}) }),
  stop: ({ id }) => captures.stop(id),
  list: async () => captures.list(),
  wake: async ({ mac: text }) => {
    wake.wake({ name: "it", mac: text, macOctets: parseMac(text), ip: 1 }, "a test");
    return {};
  },
};
process.stdout.write("{}\n");
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { value: await actions[request.do](request) };
  } catch ({ code, message }) {
    answer = { code, message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
