// node inform.mjs INTERFACE
//
// Asks DHCP for the URL of the configuration, as an agent without one does, and prints what it said as JSON.
import { writeSync } from "node:fs";
import { informOn } from "../../dist/agent/config/finding/system-inform.js";
import { systemClock } from "../../dist/agent/link/clock.js";

const [, , name] = process.argv;
const url = await informOn([name], systemClock, new AbortController().signal);
writeSync(1, `${JSON.stringify({ url: url ?? null })}\n`);
// A lane that was closed keeps the process until a frame passes its filter.
process.exit();
