// node announce.mjs '{"announcement": {…}, "interfaces": ["eth0"], "avahi": true}'
//
// Announces an agent or, with a "path" in the announcement, a configuration server, as the product does. Prints
// {"responder", "instance"} at the beginning and at each change, and {"log"} for what the operator would read. A line on its
// standard input is a new announcement; it says goodbye and ends when that closes or at SIGTERM.
import { createInterface } from "node:readline";
import { openAnnouncer, openConfigAnnouncer } from "../../dist/agent/discovery/announcer.js";
import { systemMdns } from "../../dist/agent/discovery/system.js";
import { systemClock } from "../../dist/agent/link/clock.js";

const { announcement, interfaces, avahi } = JSON.parse(process.argv[2]);

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

let announcer;
function tell() {
  if (announcer) say({ responder: announcer.responder, instance: announcer.instance });
}

const options = {
  ...systemMdns(systemClock, { add: () => undefined }),
  interfaces: () => interfaces,
  log: (log) => say({ log }),
  changed: tell,
  ...(avahi ? {} : { avahi: false }),
};
const open = announcement.path === undefined ? openAnnouncer : openConfigAnnouncer;
announcer = await open(announcement, options);
tell();

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => announcer.update(JSON.parse(line)));
const stop = () => announcer.stop().then(() => process.exit(0));
lines.on("close", stop);
process.on("SIGTERM", stop);
