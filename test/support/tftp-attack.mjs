// node tftp-attack.mjs INTERFACE OWN-MAC AGENT-MAC AGENT-IP MACHINE-IP FILE PER-SECOND SECONDS
//
// Asks for a file from random ports: half of the requests in the name of a machine of the site, half in that of addresses that the
// site does not name, and a few writes. Prints "up" when it begins, and at its end one line of JSON: how many were sent.
import { createRequire } from "node:module";

const TURN_MS = 5;
const [name, macText, agentMacText, agentText, machineText, file, perSecondText, secondsText] =
  process.argv.slice(2);
const macOf = (text) => Buffer.from(text.replaceAll(":", ""), "hex");
const ipOf = (text) => Buffer.from(text.split(".").map(Number));
const [mac, agentMac] = [macOf(macText), macOf(agentMacText)];
const [agent, machine] = [ipOf(agentText), ipOf(machineText)];
const count = Number(perSecondText) * Number(secondsText);

/** mulberry32. */
let state = 7;
function random(below) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

const frame = Buffer.alloc(256);
agentMac.copy(frame, 0);
mac.copy(frame, 6);
frame.writeUInt16BE(0x0800, 12);

function request(src, opcode, text) {
  const payload = Buffer.from(`\0\0${text}\0octet\0blksize\x001024\0windowsize\x0016\0`, "latin1");
  payload[1] = opcode;
  payload.copy(frame, 42);
  frame.fill(0, 14, 42);
  frame[14] = 0x45;
  frame.writeUInt16BE(28 + payload.length, 16);
  frame[22] = 64;
  frame[23] = 17;
  src.copy(frame, 26);
  agent.copy(frame, 30);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += frame.readUInt16BE(i);
  sum = (sum & 0xffff) + (sum >>> 16);
  frame.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 24);
  frame.writeUInt16BE(1_024 + random(64_000), 34);
  frame.writeUInt16BE(69, 36);
  frame.writeUInt16BE(8 + payload.length, 38);
  return 42 + payload.length;
}

/** Of the prefix, above those that the site names. */
function stranger() {
  const address = Buffer.from(agent);
  address[3] = 180 + random(70);
  return address;
}

function make() {
  const src = random(2) === 0 ? machine : stranger();
  const kind = random(16);
  return request(src, kind === 0 ? 2 : 1, kind < 12 ? file : `none${random(1_000_000)}`);
}

const { Cap } = createRequire(import.meta.url)("cap");
const cap = new Cap();
// It hears nothing: no host has this address.
cap.open(name, "ether host 02:00:00:00:00:00", 64 * 1_024, Buffer.alloc(65_535));

const startMs = performance.now();
let sent = 0;
let refused = 0;

function turn() {
  const seconds = (performance.now() - startMs) / 1_000;
  const due = Math.min(count, Math.floor(seconds * Number(perSecondText)));
  for (; sent < due; sent++) {
    try {
      cap.send(frame, make());
    } catch {
      refused += 1;
    }
  }
  if (sent < count) {
    setTimeout(turn, TURN_MS);
    return;
  }
  process.stdout.write(`${JSON.stringify({ sent, refused, seconds })}\n`);
  process.exit(0);
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write("up\n");
turn();
