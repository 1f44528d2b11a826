// A machine that writes many blocks of a file at once, as a kernel does with what it swaps.

import { must, say } from "./console.mjs";
import { contentOf } from "./layers.mjs";

const SLOT = 4_096;
const SLOTS = 24;
const WRITERS = 6;

/** A line for each slot that was written: how often. */
export async function saySlots(tree) {
  for (const { name, fileid } of await tree.list(tree.root)) {
    if (!name.startsWith("swap-")) continue;
    const octets = await contentOf(tree, fileid);
    for (let slot = 0; slot * SLOT < octets.length; slot++) {
      const block = octets.subarray(slot * SLOT, (slot + 1) * SLOT);
      const times = block.readUInt32LE(0);
      must(block.equals(blockOf(times)), name, "slot", slot, "is of no write");
      say("slot", `${name}/${slot}`, times);
    }
  }
}

/** Writes the slots of a new file, several at the same time, each again and again. */
export async function swap(tree, boot) {
  const name = `swap-${boot}`;
  const id = await tree.writable.create({ directory: tree.root, name }, {});
  must(typeof id === "number", name, id);
  const write = async (writer) => {
    for (let times = 1; ; times++) {
      for (let slot = writer; slot < SLOTS; slot += WRITERS) {
        const refused = await tree.writable.write(id, slot * SLOT, blockOf(times));
        must(refused === undefined, name, refused);
        say("wrote", `${name}/${slot}`, times);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
}

/** Zeros are what was never written. */
function blockOf(times) {
  const block = Buffer.alloc(SLOT);
  for (let at = 0; at < SLOT; at += 4) block.writeUInt32LE(times, at);
  return block;
}
