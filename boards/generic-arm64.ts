import type { Board } from "./board.ts";

/** Stands in for every ARM board that has no profile: assumes little memory and an SD card. */
export const GENERIC_ARM64: Board = {
  id: "generic-arm64",
  title: "Any other ARM board",
  match: { arch: ["arm64", "arm"] },
  memoryMiB: 512,
  nics: [{ kind: "wired", bus: "any", mbps: 1_000 }],
  storage: { kind: "sd", wears: true },
  budgets: {
    heapMiB: 96,
    chunkCacheMiB: 64,
    chunkKiB: 256,
    linkBufferKiB: 4_096,
    transfers: 64,
    httpConnections: 64,
    rpcConnections: 64,
    journalEntries: 2_000,
    diskCacheMiB: 8_192,
    fetches: 1,
    hashThread: true,
  },
};
