import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { NET } from "./rig.ts";

// What a machine does, as a program of its own in the machine's namespace: client.js COMMAND ARGS. Prints JSON.

const TFTP_PORT = 69;
const BLKSIZE = 1_468;
const WINDOW = 64;
const SECOND = 1_000;

const COMMANDS: Readonly<Record<string, (...args: string[]) => Promise<unknown>>> = {
  "http-first": httpFirst,
  "tftp-first": tftpFirst,
  "http-hits": httpHits,
  "http-read": httpRead,
  "tftp-read": tftpRead,
};

/** When the first octet of a file's content came: milliseconds since 1970. */
async function httpFirst(name = ""): Promise<number> {
  return await new Promise((resolve, reject) => {
    const request = get(`http://${NET.agent}/${name}`, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.once("data", () => {
        resolve(Date.now());
        request.destroy();
      });
    });
    request.on("error", reject);
  });
}

/** The same by TFTP, without options, so that the first answer is the first block. */
async function tftpFirst(name = ""): Promise<number> {
  const socket = createSocket("udp4");
  socket.send(readRequest(name, []), TFTP_PORT, NET.agent);
  const repeat = setInterval(
    () => socket.send(readRequest(name, []), TFTP_PORT, NET.agent),
    SECOND,
  );
  const [packet, peer] = await once(socket, "message");
  const now = Date.now();
  clearInterval(repeat);
  if (packet.readUInt16BE(0) !== 3) throw new Error(`TFTP ${packet.toString("hex")}`);
  socket.send(Buffer.from([0, 5, 0, 0, 0]), peer.port, peer.address);
  socket.close();
  return now;
}

/** GETs a second of a file, by `connections` at once for `ms`, each reading it to its end. */
async function httpHits(origin = "", name = "", connections = "", ms = ""): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
  const until = performance.now() + Number(ms);
  const began = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: Number(connections) }, async () => {
      while (performance.now() < until) {
        await read(`${origin}/${name}`, agent);
        done += 1;
      }
    }),
  );
  const tookMs = performance.now() - began;
  agent.destroy();
  return (done / tookMs) * SECOND;
}

/** Reads a file whole with so many readers at once. Octets of all. */
async function httpRead(name = "", readers = ""): Promise<number> {
  const all = Array.from({ length: Number(readers) }, () => read(`http://${NET.agent}/${name}`));
  return (await Promise.all(all)).reduce((a, b) => a + b, 0);
}

async function read(url: string, agent?: Agent): Promise<number> {
  return await new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      const want = Number(response.headers["content-length"]);
      let got = 0;
      response.on("data", (piece: Buffer) => {
        got += piece.length;
      });
      response.on("close", () => {
        if (response.statusCode === 200 && got === want) resolve(got);
        else reject(new Error(`status ${response.statusCode}, ${got} octets of ${want}`));
      });
    });
    request.on("error", reject);
  });
}

/** Reads a file with so many readers at once, to its end or for `ms`. Octets of all. */
async function tftpRead(name = "", readers = "", ms = ""): Promise<number> {
  const all = Array.from({ length: Number(readers) }, () => tftpReader(name, Number(ms)));
  return (await Promise.all(all)).reduce((a, b) => a + b, 0);
}

/** Blocks in order, an ACK after each window and after each gap. */
async function tftpReader(name: string, ms: number): Promise<number> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 1_000_000 });
  const options = ["blksize", String(BLKSIZE), "windowsize", String(WINDOW)];
  const until = performance.now() + ms;
  let got = 0;
  let octets = 0;
  let acked = 0;
  return await new Promise((resolve, reject) => {
    const end = (packet: Buffer, port: number): void => {
      clearInterval(tick);
      socket.send(packet, port, NET.agent, () => socket.close(() => resolve(octets)));
    };
    let port = 0;
    let heardMs = performance.now();
    const ack = (): void => {
      acked = got;
      socket.send(Buffer.from([0, 4, (got >> 8) & 0xff, got & 0xff]), port, NET.agent);
    };
    const tick = setInterval(() => {
      if (performance.now() - heardMs < SECOND) return;
      heardMs = performance.now();
      if (port === 0) socket.send(readRequest(name, options), TFTP_PORT, NET.agent);
      else ack();
    }, 100);
    socket.on("error", reject);
    socket.on("message", (packet, peer) => {
      heardMs = performance.now();
      port = peer.port;
      const opcode = packet.readUInt16BE(0);
      if (opcode === 6) return ack();
      if (opcode !== 3) return reject(new Error(`TFTP ${packet.toString("latin1", 2)}`));
      if (packet.readUInt16BE(2) !== ((got + 1) & 0xffff)) {
        // A gap: the window begins anew behind it, once.
        if (got !== acked) ack();
        return;
      }
      got += 1;
      octets += packet.length - 4;
      if (packet.length - 4 < BLKSIZE) {
        end(Buffer.from([0, 4, (got >> 8) & 0xff, got & 0xff]), port);
      } else if (heardMs > until) {
        end(Buffer.from([0, 5, 0, 0, 0]), port);
      } else if (got - acked >= WINDOW) ack();
    });
    socket.send(readRequest(name, options), TFTP_PORT, NET.agent);
  });
}

function readRequest(name: string, options: readonly string[]): Buffer {
  return Buffer.from(`\0\x01${[name, "octet", ...options].join("\0")}\0`, "latin1");
}

const [command = "", ...args] = process.argv.slice(2);
const run = COMMANDS[command];
if (!run) throw new Error(`no command ${command}`);
process.stdout.write(JSON.stringify(await run(...args)));
