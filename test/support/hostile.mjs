// node hostile.mjs slow|rubbish|spoof|give …
//
// What a stranger on an agent's network does, until its standard input closes; prints "up" when it is at it.
//
//   slow ADDRESS PORT COUNT          that many connections that never end their request; one that is closed is opened again
//   rubbish ADDRESS PORT SEED        random octets, mutated requests and claims to the port, and to its mDNS; prints how many
//   spoof ADDRESS TXT                announces "rack-a" at this address, with a TXT record in JSON, and says goodbye for the real one
//   give PORT FILE                   serves the file, read anew each time, to whoever asks by HTTP; prints a line for each
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { encode } from "dns-packet";
import { encodeCbor } from "../../dist/agent/control/cbor.js";

const [what, ...args] = process.argv.slice(2);
const MDNS = { port: 5353, address: "224.0.0.251" };

function slow([host, port, count]) {
  const open = () => {
    const socket = connect({ host, port: Number(port) });
    socket.on("connect", () => socket.write("GET /v1/status HTTP/1.1\r\nHost: "));
    socket.on("error", () => undefined);
    socket.on("close", () => setTimeout(open, 20));
  };
  for (let i = 0; i < Number(count); i++) open();
}

/** mulberry32. */
function randomOf(seed) {
  let state = Number(seed) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

async function rubbish([host, port, seed]) {
  const random = randomOf(seed);
  const octets = (len) => Buffer.from(Array.from({ length: len }, () => random(256)));
  const call = encodeCbor({
    agent: "a".repeat(52),
    nonce: octets(32),
    verb: "status.get",
    args: {},
  });
  const protectedHeaders = Buffer.concat([
    Buffer.from("a3012703", "hex"),
    encodeCbor("x"),
    Buffer.from("04", "hex"),
    encodeCbor(octets(32)),
  ]);
  const sign1 = Buffer.concat([
    Buffer.from("d284", "hex"),
    encodeCbor(protectedHeaders),
    Buffer.from("a0", "hex"),
    encodeCbor(call),
    encodeCbor(octets(64)),
  ]);
  const claim = encodeCbor({
    publicKey: octets(32),
    name: "m",
    nonce: octets(32),
    proof: octets(32),
  });
  const mutated = (from) => {
    const to = Buffer.from(from);
    for (let n = 1 + random(4); n > 0; n--) to[random(to.length)] = random(256);
    return random(4) === 0 ? to.subarray(0, random(to.length)) : to;
  };
  const post = (path, type, body, len = body.length) =>
    Buffer.concat([
      Buffer.from(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\nContent-Length: ${len}\r\n\r\n`,
      ),
      body,
    ]);
  const kinds = [
    () => octets(1 + random(600)),
    () => Buffer.concat([Buffer.from([0x16, 3, 1]), octets(random(600))]),
    () => post("/v1/call", "application/cose", mutated(sign1)),
    () => post("/v1/claim", "application/cbor", mutated(claim)),
    () => post("/v1/claim", "application/json", octets(random(300))),
    () => post("/v1/call", "application/cose", octets(100), 2 ** (10 + random(40))),
    () =>
      Buffer.from(
        `GET /${octets(random(200)).toString("base64url")} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      ),
    () =>
      Buffer.from(
        `GET /v1/status HTTP/1.1\r\nHost: ${host}\r\nX: ${"x".repeat(random(20_000))}\r\n\r\n`,
      ),
  ];
  const multicast = createSocket({ type: "udp4", reuseAddr: true });
  await new Promise((resolve) => multicast.bind(0, resolve));
  const [own] = Object.values(networkInterfaces())
    .flat()
    .filter((a) => !a.internal);
  multicast.setMulticastInterface(own.address);
  const one = () =>
    new Promise((resolve) => {
      const socket = connect({ host, port: Number(port) });
      const timer = setTimeout(() => socket.destroy(), 300);
      socket.on("connect", () => socket.write(kinds[random(kinds.length)]()));
      socket.on("data", () => socket.destroy());
      socket.on("error", () => undefined);
      socket.on("close", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  let count = 0;
  const worker = async () => {
    for (;;) {
      await one();
      multicast.send(octets(1 + random(500)), MDNS.port, MDNS.address, () => undefined);
      count += 1;
      if (count % 100 === 0) process.stdout.write(`${count}\n`);
    }
  };
  for (let n = 0; n < 12; n++) void worker();
}

function spoof([address, txt]) {
  const instance = "rack-a._pilotlight._tcp.local";
  const host = "impostor.local";
  const srv = { port: 7458, target: host, priority: 0, weight: 0 };
  const records = (ttl) => [
    { type: "PTR", name: "_pilotlight._tcp.local", ttl, data: instance },
    { type: "SRV", name: instance, ttl, flush: true, data: srv },
    { type: "TXT", name: instance, ttl, flush: true, data: JSON.parse(txt) },
    { type: "A", name: host, ttl, flush: true, data: address },
  ];
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.bind(MDNS.port, () => {
    socket.addMembership(MDNS.address, address);
    socket.setMulticastInterface(address);
    socket.setMulticastTTL(255);
    let goodbye = false;
    setInterval(() => {
      goodbye = !goodbye;
      const answers = goodbye ? records(0) : records(120);
      const message = encode({ type: "response", flags: 1 << 10, answers });
      socket.send(message, MDNS.port, MDNS.address);
    }, 100);
  });
}

function give([port, file]) {
  createServer((request, response) => {
    process.stdout.write(`${request.url}\n`);
    response.setHeader("content-type", "application/cose");
    response.end(readFileSync(file));
  }).listen(Number(port));
}

process.stdin.on("data", () => undefined).on("end", () => process.exit(0));
await { slow, rubbish, spoof, give }[what](args);
process.stdout.write("up\n");
