// node live-tap.mjs lane|pcap INTERFACE
//
// What an interface carries, by pipe: through the agent's own frame lane, or through node-pcap. Runs inside a network
// namespace. For each frame: its length (4 octets, big-endian), the frame. Length 0 says that the interface is open.
import { createRequire } from "node:module";
import { openFrameLane } from "../../dist/agent/link/frame-lane.js";

const [kind, name] = process.argv.slice(2);
const SNAP_LEN = 65_535;
const KERNEL_BUFFER = 8 * 1024 * 1024;
const CAPTURED_LEN = 8;

function put(frame) {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(frame.length);
  process.stdout.write(Buffer.concat([head, frame]));
}

if (kind === "lane") {
  const lane = openFrameLane(name);
  lane.onFrame((len) => put(lane.rx.u8.subarray(0, len)));
} else {
  const pcap = createRequire(import.meta.url)("pcap");
  const options = { snap_length: SNAP_LEN, buffer_size: KERNEL_BUFFER, buffer_timeout: 0 };
  const session = pcap.createSession(name, options);
  session.on("packet", ({ buf, header }) => {
    put(buf.subarray(0, header.readUInt32LE(CAPTURED_LEN)));
  });
}
process.stdin.on("data", () => {});
process.stdin.on("end", () => process.exit(0));
put(Buffer.alloc(0));
