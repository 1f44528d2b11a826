import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ARP_LEN, emitArp, RARP_REQUEST } from "../../../protocols/arp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_RARP,
  emitEthernet,
} from "../../../protocols/ethernet/frame.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { fileName, WireRecorder } from "../../support/pcap-recorder.ts";
import { decodeToText, textDifference } from "../../support/pcap-text.ts";
import { tempDir } from "../../support/temp-dir.ts";

const SUN = Uint8Array.of(0x00, 0x03, 0xba, 0x5b, 0xae, 0xb3);
const FRAME_LEN = ETHERNET_HEADER_LEN + ARP_LEN;

function rarpRequest(): Uint8Array {
  const o = Octets.alloc(FRAME_LEN);
  const dst = new Uint8Array(6).fill(0xff);
  emitEthernet({ dst, src: SUN, etherType: ETHERTYPE_RARP }, o, 0);
  emitArp({ op: RARP_REQUEST, sha: SUN, spa: 0, tha: SUN, tpa: 0 }, o, ETHERNET_HEADER_LEN);
  return o.u8;
}

describe("WireRecorder", () => {
  it("leaves a capture and what it decodes to", async () => {
    const recorder = new WireRecorder();
    recorder.tap(rarpRequest(), 0);
    recorder.tap(rarpRequest(), 1_500.25);
    const folder = join(tempDir(), "new");
    const file = await recorder.keep(folder, "sun");
    expect(readdirSync(folder).sort()).toEqual(["sun.pcap", "sun.txt"]);
    const { messages, text } = await decodeToText(file);
    expect(messages.map(({ protocol, time, fields: { sha } }) => [protocol, time, sha])).toEqual([
      ["rarp", "2026-01-02T03:04:05.000000Z", "00:03:ba:5b:ae:b3"],
      ["rarp", "2026-01-02T03:04:06.500250Z", "00:03:ba:5b:ae:b3"],
    ]);
    expect(readFileSync(join(folder, "sun.txt"), "utf8")).toBe(text);
  });

  it("stops at its limit, and says what is missing", async () => {
    const recorder = new WireRecorder(200);
    for (let i = 0; i < 5; i++) recorder.tap(rarpRequest(), i);
    expect([recorder.count, recorder.leftOut]).toEqual([3, 2]);
    const folder = tempDir();
    await recorder.keep(folder, "storm");
    const text = readFileSync(join(folder, "storm.txt"), "utf8");
    expect(text).toMatch(/\n2 frames after these were not kept\n$/);
  });

  it("names files after tests", () => {
    expect(fileName("a Sun > boots: PROM, then a loader that asks by DHCP")).toBe(
      "a-sun-boots-prom-then-a-loader-that-asks-by-dhcp",
    );
  });
});

describe("textDifference", () => {
  const frame = (n: number, text: string): string => `${String(n).padStart(6)}  at  ${text}\n`;
  const before = frame(1, "arp") + frame(2, "nfs") + frame(2, "nfs again") + frame(3, "tftp");

  it("finds none in the same text", () => {
    expect(textDifference(before, before)).toBeUndefined();
  });

  it("shows the frames that differ, all messages of each", () => {
    const after = before.replace("nfs again\n", "rpc\n        xid=7\n");
    expect(textDifference(before, after)).toBe(
      "frame 2:\n-      2  at  nfs\n-      2  at  nfs again\n+      2  at  nfs\n+      2  at  rpc\n+         xid=7\n",
    );
  });

  it("shows a frame that is on one side only, and no more than three", () => {
    expect(textDifference(before, before + frame(4, "dhcp"))).toBe(
      "frame 4:\n- (nothing)\n+      4  at  dhcp\n",
    );
    const five = [1, 2, 3, 4, 5].map((n) => frame(n, "arp")).join("");
    expect(textDifference(five, five.replaceAll("arp", "rarp"))).toMatch(
      /^frame 1:[\s\S]*frame 2:[\s\S]*frame 3:[\s\S]*and 2 more frames\n$/,
    );
  });
});
