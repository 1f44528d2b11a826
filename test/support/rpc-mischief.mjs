// A machine of the rack that speaks RPC to SERVER, first as it should and then not. Prints one line of JSON, and ends with stdin.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";

const [server = "", root = "", file = ""] = process.argv.slice(2);
const MOUNT = { prog: 100_005, port: 635 };
const NFS = { prog: 100_003, port: 2049 };
const LAST = 0x8000_0000;
const PATIENCE_MS = 20_000;

const words = (...list) => {
  const o = Buffer.alloc(4 * list.length);
  for (const [i, word] of list.entries()) o.writeUInt32BE(word, 4 * i);
  return o;
};
const text = (s) =>
  Buffer.concat([words(s.length), Buffer.from(s), Buffer.alloc((4 - (s.length % 4)) % 4)]);
const GROUPS = Array.from({ length: 16 }, (_, i) => i);
const CREDENTIAL = words(7, 0, 0, 0, GROUPS.length, ...GROUPS);

const call = (xid, { prog }, vers, proc, args) =>
  Buffer.concat([
    words(xid, 0, 2, prog, vers, proc, 1, CREDENTIAL.length),
    CREDENTIAL,
    words(0, 0),
    args,
  ]);
const record = (octets, last = true) =>
  Buffer.concat([words(octets.length + (last ? LAST : 0)), octets]);

async function udp(program, vers, proc, args) {
  const socket = createSocket("udp4");
  socket.send(call(5, program, vers, proc, args), program.port, server);
  const [reply] = await once(socket, "message", { signal: AbortSignal.timeout(PATIENCE_MS) });
  socket.close();
  return reply.subarray(24);
}

/** A connection, the records that came by it, and whether it is over. */
async function tcp() {
  const socket = connect(NFS.port, server);
  socket.on("error", () => {});
  const end = { socket, records: [], over: false };
  let rest = Buffer.alloc(0);
  socket.on("data", (piece) => {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE() - LAST) {
      const len = rest.readUInt32BE() - LAST;
      end.records.push(rest.subarray(4, 4 + len));
      rest = rest.subarray(4 + len);
    }
  });
  socket.on("close", () => {
    end.over = true;
  });
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  return end;
}

async function until(what, isSo) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

const handleIn = (result) => result.subarray(4, 36);
const rootHandle = handleIn(await udp(MOUNT, 1, 1, text(root)));
const handle = handleIn(await udp(NFS, 2, 4, Buffer.concat([rootHandle, text(file)])));
const read = Buffer.concat([handle, words(0, 8_192, 0)]);
const write = Buffer.concat([handle, words(0, 0, 0, 8_192), Buffer.alloc(8_192)]);
const out = {};

// Datagrams of more than one packet, both ways.
out.udpRead = (await udp(NFS, 2, 6, read)).readUInt32BE(72);
out.udpWrite = (await udp(NFS, 2, 8, write)).readUInt32BE();

// Calls in a row, each in fragments of 37 octets, answered in any order.
const good = await tcp();
for (let xid = 0; xid < 50; xid++) {
  const message = call(xid, NFS, 2, 6, read);
  for (let i = 0; i < message.length; i += 37) {
    good.socket.write(record(message.subarray(i, i + 37), i + 37 >= message.length));
  }
}
await until("50 replies", () => good.records.length === 50);
out.pipelined = new Set(good.records.map((r) => r.readUInt32BE())).size;
good.socket.write(record(call(99, NFS, 2, 8, write)));
await until("the reply to WRITE", () => good.records.length === 51);
out.tcpWrite = good.records[50].readUInt32BE(24);
good.socket.destroy();

const tooLong = await tcp();
tooLong.socket.write(words(LAST + 16_385));
await until("the end of a connection", () => tooLong.over);
const endless = await tcp();
for (let i = 0; i < 1_000; i++) endless.socket.write(record(Buffer.alloc(1_000), false));
await until("the end of another", () => endless.over);

// Half calls on many connections, and clients that ask for much and take nothing.
const half = Buffer.concat([words(LAST + 4_096), Buffer.alloc(100)]);
const lingering = [];
for (let i = 0; i < 60; i++) lingering.push(await tcp());
for (const { socket } of lingering) socket.write(half);
const greedy = [];
for (let i = 0; i < 8; i++) greedy.push(await tcp());
const calls = Buffer.concat(Array.from({ length: 500 }, () => record(call(1, NFS, 2, 6, read))));
for (const { socket } of greedy) {
  socket.pause();
  for (let i = 0; i < 20; i++) socket.write(calls);
}
await until("room for us alone", () => lingering.filter(({ over }) => !over).length <= 8);

const began = performance.now();
const last = await tcp();
last.socket.write(record(call(77, NFS, 2, 6, read)));
await until("to be served all the same", () => last.records.length === 1);
out.served = last.records[0].length;
out.servedMs = Math.round(performance.now() - began);
out.open = [...lingering, ...greedy, last].filter(({ over }) => !over).length;
process.stdout.write(`${JSON.stringify(out)}\n`);
process.stdin.on("end", () => process.exit()).resume();
