import { copyFile, writeFile } from "node:fs/promises";
import path from "node:path";

/** A file that stands in for one that we may not ship, or need not. */
interface StandIn {
  readonly file: string;
  readonly octets: number;
}

/**
 * The files that examples/lab/site.yaml names, with sizes true to life. ofwboot's is a multiple of 4, since Sun PROMs load
 * whole words and the agent pads to that.
 */
const STAND_INS: readonly StandIn[] = [
  { file: "ofwboot.net", octets: 100_300 },
  { file: "netbsd", octets: 6_000_640 },
  { file: "undionly.kpxe", octets: 70_085 },
  { file: "vmlinuz", octets: 8_123_392 },
  { file: "initrd.img", octets: 12_000_511 },
];

/** Fills `folder` with the site file of `example` and the files it names; returns the site file's path. */
export async function layOutExample(example: string, folder: string): Promise<string> {
  const site = path.join(folder, "site.yaml");
  await copyFile(path.join(example, "site.yaml"), site);
  for (const [i, { file, octets }] of STAND_INS.entries()) {
    await writeFile(path.join(folder, file), standIn(i + 1, octets));
  }
  return site;
}

/**
 * Octets that the seed decides and that repeat nowhere soon (xorshift32): a block that was swapped, lost or sent twice
 * changes the file. `seed`: not 0.
 */
export function standIn(seed: number, octets: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(octets / 4));
  let x = Math.imul(seed, 0x9e3779b1);
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer, 0, octets);
}
