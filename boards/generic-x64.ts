import type { Board } from "./board.ts";

/** A PC, a server or a virtual machine. */
export const GENERIC_X64: Board = {
  id: "generic-x64",
  title: "Any x86-64 machine",
  match: { arch: ["x64"] },
  memoryMiB: 1_024,
  nics: [{ kind: "wired", bus: "any", mbps: 1_000 }],
  storage: { kind: "disk", wears: false },
  budgets: {
    heapMiB: 256,
    chunkCacheMiB: 256,
    chunkKiB: 256,
    linkBufferKiB: 4_096,
    transfers: 512,
    httpConnections: 128,
    rpcConnections: 512,
    journalEntries: 20_000,
    diskCacheMiB: 65_536,
    fetches: 2,
    hashThread: true,
  },
};
