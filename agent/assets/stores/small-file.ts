import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** A file that was read in full. */
export interface SmallFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** Reads a regular file of at most `maxLen` octets, never waiting for a pipe. Rejects with what is wrong. */
export async function readSmallFile(file: string, maxLen: number): Promise<SmallFile> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error(`${file} is not a file`);
    const octets = Buffer.alloc(maxLen + 1);
    let len = 0;
    for (;;) {
      const { bytesRead } = await handle.read(octets, len, octets.length - len, len);
      len += bytesRead;
      if (len > maxLen) throw new Error(`${file} has more than ${maxLen} octets`);
      if (bytesRead === 0) break;
    }
    return { text: octets.toString("utf8", 0, len), mode: stats.mode & 0o777 };
  } finally {
    await handle.close();
  }
}
