// node tftp-fetch.mjs SERVER FILE TIMES [jump]
//
// A plain client: reads a file in blocks of 1024, one after the other, and asks again after a second. Prints one line of JSON for
// each time: how many octets, in how many ms, their SHA-256. With "jump" it never acknowledges the last block, as loaders that jump at once.
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";

const [server, file, times, end] = process.argv.slice(2);
const PATIENCE_MS = 1_000;
/** Then it begins anew from another port, as firmware does. */
const MAX_RETRIES = 3;
const MAX_STARTS = 8;

function fetchOnce(startMs, starts = 1) {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const hash = createHash("sha256");
    let [port, got, octets, retries] = [0, 0, 0, 0];
    let last = Buffer.from(`\0\x01${file}\0octet\0blksize\x001024\0`, "latin1");
    let timer;
    const send = (packet, sent) => {
      last = packet;
      socket.send(packet, port || 69, server, sent);
      clearTimeout(timer);
      timer = setTimeout(() => {
        retries += 1;
        if (retries <= MAX_RETRIES) send(last);
        else if (starts >= MAX_STARTS) reject(new Error(`no answer after block ${got}`));
        else socket.close(() => fetchOnce(startMs, starts + 1).then(resolve, reject));
      }, PATIENCE_MS);
    };
    const ack = (sent) => send(Buffer.from([0, 4, got >> 8, got & 0xff]), sent);
    const finish = () => {
      clearTimeout(timer);
      socket.close(() => {
        const ms = Math.round(performance.now() - startMs);
        resolve({ octets, ms, sha256: hash.digest("hex") });
      });
    };
    socket.on("message", (msg, from) => {
      if (port !== 0 && from.port !== port) return;
      port = from.port;
      if (msg[1] === 5) reject(new Error(msg.toString("latin1", 4)));
      if (msg[1] === 6 && got === 0) ack();
      if (msg[1] !== 3 || msg.readUInt16BE(2) !== ((got + 1) & 0xffff)) return;
      got = (got + 1) & 0xffff;
      octets += msg.length - 4;
      hash.update(msg.subarray(4));
      if (msg.length - 4 === 1_024) ack();
      else if (end === "jump") finish();
      // Node sends a turn later, and nothing more from a socket that is closed.
      else ack(finish);
    });
    send(last);
  });
}

for (let i = 0; i < Number(times); i++) {
  process.stdout.write(`${JSON.stringify(await fetchOnce(performance.now()))}\n`);
}
