import { createHash, randomFillSync } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";

const STEP = 4 * 1024 * 1024;

/** Makes a file that no compression and no sparse block shortens; gives its SHA-256 in hex. */
export function makeFile(file: string, octets: number): string {
  const hash = createHash("sha256");
  const piece = randomFillSync(Buffer.alloc(STEP));
  const fd = openSync(file, "w");
  for (let at = 0; at < octets; at += STEP) {
    piece.writeUInt32LE(at / STEP);
    const part = piece.subarray(0, Math.min(STEP, octets - at));
    hash.update(part);
    writeSync(fd, part);
  }
  closeSync(fd);
  return hash.digest("hex");
}
