import type { Board } from "./board.ts";

/** Gigabit Ethernet in the chip itself (GENET), not behind USB as on the models before (bcm2711-rpi-4-b.dts). */
export const RASPBERRY_PI_4B: Board = {
  id: "raspberry-pi-4b",
  title: "Raspberry Pi 4 Model B",
  match: { deviceTreeCompatible: ["raspberrypi,4-model-b"] },
  memoryMiB: 1_024,
  nics: [
    { kind: "wired", bus: "soc", name: "eth0", mbps: 1_000 },
    { kind: "wifi", bus: "soc", name: "wlan0", mbps: 433 },
  ],
  storage: { kind: "sd", wears: true },
  led: { name: "ACT" },
  budgets: {
    heapMiB: 192,
    chunkCacheMiB: 256,
    chunkKiB: 512,
    linkBufferKiB: 4_096,
    transfers: 256,
    httpConnections: 128,
    rpcConnections: 256,
    journalEntries: 10_000,
    diskCacheMiB: 16_384,
    fetches: 2,
    hashThread: true,
  },
};
