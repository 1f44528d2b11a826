// Machines that write files by TFTP, without a wire in between.
import { createCipheriv, createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { UploadStore } from "../../../../dist/agent/services/tftp/upload-store.js";
import { UploadTransfer } from "../../../../dist/agent/services/tftp/upload-transfer.js";
import { TFTP_HEADER_LEN, TftpMode, TftpOpcode } from "../../../../dist/protocols/tftp/packet.js";
import { Octets } from "../../../../dist/protocols/wire/octets.js";
import { fault, must, say } from "./console.mjs";

const QUOTA = 1e9;
const MOST = 60_000;
const BLKSIZE = 1_428;
const WINDOW = 8;
const PEER = { dst: 0x0a00_0002, dstPort: 2_000 };
const SLAB = 2_048;

/** The octets of a file's name: as many as it decides. */
function octetsOf(name) {
  const key = createHash("sha256").update(name).digest();
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(key.readUInt32LE(16) % MOST));
}

/** Every file is whole, and nothing else is left. A line for each. */
export async function checkUploads(stateDir) {
  const folder = path.join(stateDir, "uploads");
  const store = new UploadStore(folder);
  await store.sweep();
  for (const machine of existsSync(folder) ? readdirSync(folder) : []) {
    for (const name of readdirSync(path.join(folder, machine))) {
      const octets = readFileSync(path.join(folder, machine, name));
      must(octets.equals(octetsOf(name)), "upload", machine, name, "has", octets.length, "octets");
      say("upload", machine, name);
    }
  }
  return store;
}

/** Writes file after file; each is told of when its last block was acknowledged. */
export async function upload(store, machine, boot) {
  for (let n = 0; ; n++) {
    const name = `${machine}-${boot}-${n}`;
    const octets = octetsOf(name);
    const file = await store.begin(machine, name, QUOTA, octets.length);
    must(file.code === undefined, "upload", name, file.why);
    await transfer(file, octets);
    say("stored", machine, name);
  }
}

/** Resolves when the last block was acknowledged. */
function transfer(file, octets) {
  const last = Math.floor(octets.length / BLKSIZE) + 1;
  let receive = () => {};
  let acknowledged = () => {};
  const port = {
    port: 1_069,
    onDatagram: (handler) => {
      receive = handler;
    },
    borrow: () => ({ octets: Octets.alloc(SLAB) }),
    release: () => {},
    send: ({ octets: { dv } }) => {
      const [opcode, block] = [dv.getUint16(0), dv.getUint16(2)];
      must(opcode !== TftpOpcode.Error, "upload", file.where, "was refused:", block);
      const at = opcode === TftpOpcode.Oack ? 0 : block;
      // The client's packets come after the one that they answer.
      setImmediate(() => (at === last ? acknowledged() : sendWindow(at)));
    },
    close: () => {},
  };
  const sendWindow = (from) => {
    for (let block = from + 1; block <= Math.min(from + WINDOW, last); block++) {
      const data = octets.subarray((block - 1) * BLKSIZE, block * BLKSIZE);
      const packet = Octets.alloc(TFTP_HEADER_LEN + data.length);
      packet.dv.setUint16(0, TftpOpcode.Data);
      packet.dv.setUint16(2, block);
      packet.u8.set(data, TFTP_HEADER_LEN);
      const from = { src: PEER.dst, srcPort: PEER.dstPort, broadcast: false };
      receive({ ...from, octets: packet, at: 0, len: packet.u8.length });
    }
  };
  const clock = {
    now: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
  const counters = { add: (...words) => fault("upload", file.where, ...words) };
  return new Promise((resolve) => {
    acknowledged = resolve;
    new UploadTransfer({
      ...PEER,
      ...{ file, port, mode: TftpMode.Octet, maxBlksize: BLKSIZE, request: new Uint8Array(0) },
      options: { blksize: BLKSIZE, windowsize: WINDOW },
      context: { clock, counters },
      limits: {},
      events: { ended: () => {}, over: () => {} },
    }).pump();
  });
}
