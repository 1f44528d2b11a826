import type { Board } from "./board.ts";

/** Gigabit Ethernet in the RP1 companion chip, which hangs on PCIe (bcm2712-rpi-5-b.dts). */
export const RASPBERRY_PI_5: Board = {
  id: "raspberry-pi-5",
  title: "Raspberry Pi 5",
  match: { deviceTreeCompatible: ["raspberrypi,5-model-b"] },
  memoryMiB: 1_024,
  nics: [
    { kind: "wired", bus: "pcie", name: "eth0", mbps: 1_000 },
    { kind: "wifi", bus: "soc", name: "wlan0", mbps: 433 },
  ],
  storage: { kind: "sd", wears: true },
  led: { name: "ACT" },
  budgets: {
    heapMiB: 192,
    chunkCacheMiB: 256,
    chunkKiB: 256,
    linkBufferKiB: 4_096,
    transfers: 512,
    httpConnections: 128,
    rpcConnections: 512,
    journalEntries: 10_000,
    diskCacheMiB: 32_768,
    fetches: 2,
    hashThread: true,
  },
};
