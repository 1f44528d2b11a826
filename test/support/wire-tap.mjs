// node wire-tap.mjs INTERFACE...
//
// Raw frames of interfaces by pipe: runs inside a network namespace, so that the test, which is outside, can be any number
// of hosts there. Both directions carry: index of the interface (1 octet), length (2, big-endian), frame. One message of
// index 255 and no octets says that all are open.
import { createRequire } from "node:module";

const HEADER = 3;
const READY = 255;
const KERNEL_BUFFER = 8 * 1024 * 1024;
const { Cap } = createRequire(import.meta.url)("cap");

function message(index, frame) {
  const head = Buffer.alloc(HEADER);
  head.writeUInt8(index, 0);
  head.writeUInt16BE(frame.length, 1);
  return Buffer.concat([head, frame]);
}

const caps = process.argv.slice(2).map((name, index) => {
  const cap = new Cap();
  const slab = Buffer.alloc(65_535);
  cap.open(name, "", KERNEL_BUFFER, slab);
  cap.on("packet", (len) => process.stdout.write(message(index, slab.subarray(0, len))));
  return cap;
});

let waiting = Buffer.alloc(0);
process.stdin.on("data", (piece) => {
  waiting = Buffer.concat([waiting, piece]);
  while (waiting.length >= HEADER) {
    const end = HEADER + waiting.readUInt16BE(1);
    if (waiting.length < end) break;
    const frame = waiting.subarray(HEADER, end);
    caps[waiting.readUInt8(0)].send(Buffer.from(frame), frame.length);
    waiting = waiting.subarray(end);
  }
});
process.stdin.on("end", () => process.exit(0));
process.stdout.write(message(READY, Buffer.alloc(0)));
