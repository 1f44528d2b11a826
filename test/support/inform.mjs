// node inform.mjs INTERFACE
//
// Asks DHCP for the URL of the configuration, as an agent without one does, and prints what it said as JSON.
import { informOn } from "../../dist/agent/config/finding/system-inform.js";
import { systemClock } from "../../dist/agent/link/clock.js";

const [, , name] = process.argv;
const url = await informOn([name], systemClock, new AbortController().signal);
process.stdout.write(`${JSON.stringify({ url: url ?? null })}\n`);
