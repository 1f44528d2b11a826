import type { Board } from "./board.ts";

/**
 * The smallest board that the agent is built for. It has no wired interface: the rack hangs on a USB Ethernet
 * adapter at the OTG port (USB 2.0), and Wi-Fi (2.4 GHz, 802.11n) is the uplink. Linux names the activity light
 * "ACT" and gives the model as "raspberrypi,model-zero-2-w" (bcm2837-rpi-zero-2-w.dts).
 */
export const RASPBERRY_PI_ZERO_2_W: Board = {
  id: "raspberry-pi-zero-2-w",
  title: "Raspberry Pi Zero 2 W",
  match: { deviceTreeCompatible: ["raspberrypi,model-zero-2-w"] },
  memoryMiB: 512,
  nics: [
    { kind: "adapter", bus: "usb", mbps: 480 },
    { kind: "wifi", bus: "soc", name: "wlan0", mbps: 72 },
  ],
  storage: { kind: "sd", wears: true },
  led: { name: "ACT" },
  budgets: {
    heapMiB: 96,
    chunkCacheMiB: 16,
    chunkKiB: 256,
    linkBufferKiB: 2_048,
    transfers: 32,
    httpConnections: 64,
    rpcConnections: 64,
    journalEntries: 2_000,
    diskCacheMiB: 8_192,
    fetches: 1,
    hashThread: false,
  },
};
