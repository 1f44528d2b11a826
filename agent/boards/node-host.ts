import { readFileSync } from "node:fs";
import os from "node:os";
import type { BoardHost } from "./recognise.ts";

const MIB = 1 << 20;

/** This computer, within the memory limit of the container or unit that we run in. */
export function nodeHost(): BoardHost {
  const total = os.totalmem();
  // Undefined or 0 when unknown, and 2^64 or the like when there is no limit.
  const limit = process.constrainedMemory() || total;
  return {
    readText,
    arch: os.arch(),
    memoryMiB: Math.floor(Math.min(total, limit) / MIB),
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // No device tree, or not for us: recognition goes on by the processor.
    return undefined;
  }
}
