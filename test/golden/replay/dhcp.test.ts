import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fieldOf } from "../../../agent/replay/message.ts";
import { optionCodes } from "../../support/dhcp-frames.ts";
import { expectGolden } from "../golden-text.ts";
import { Asked } from "./dhcp-asked.ts";
import { brokenRules } from "./dhcp-mode-rules.ts";
import { MODES } from "./dhcp-modes.ts";
import { throughRelay } from "./dhcp-relayed.ts";
import { askingCaptures, type DhcpReplay, replayDhcp } from "./dhcp-replay.ts";
import { readReply } from "./dhcp-rules.ts";
import { repliesText } from "./dhcp-text.ts";

// What every client of the captures that asks for an address is told: by reservations, out of a pool, and beside another server.
// `make golden` writes the texts anew.

const FOLDER = fileURLToPath(new URL("dhcp", import.meta.url));
const names = await askingCaptures();

describe("what we tell real clients that ask for an address", { timeout: 60_000 }, () => {
  it.each(names)("%s", async (name) => {
    let text = "";
    for (const mode of MODES) {
      const replay = await replayDhcp(name, mode);
      expect(replay.exchanges.length, "questions").toBeGreaterThan(0);
      expect(brokenRules(replay), mode).toEqual([]);
      text += repliesText(replay);
    }
    expectGolden(join(FOLDER, name.replace(/pcap$/, "txt")), text, `${name} is answered by`);
  });

  it("is written down for every capture in which somebody asks, and for no other", () => {
    expect(readdirSync(FOLDER).sort()).toEqual(names.map((name) => name.replace(/pcap$/, "txt")));
  });

  it("is BOOTP where BOOTP was spoken: SLOF with xid 0, klibc with 236 octets", async () => {
    for (const [name, xid] of [
      ["slof-bootp-tftp.pcap", 0],
      ["linux-klibc-ipconfig-bootp.pcap", 4_032_403_821],
    ] as const) {
      const { sent } = await replayDhcp(name, "reservations");
      const views = sent.map(readReply);
      expect(views.map((v) => [v?.xid, v?.isBootp, v?.optionAt(53)])).toEqual([[xid, true, -1]]);
    }
  });

  it("is one address by RARP and by DHCP", async () => {
    for (const mode of ["reservations", "pool"] as const) {
      const { exchanges } = await replayDhcp("linux-ipany-e1000.pcap", mode);
      const told = exchanges.flatMap(({ ours }) =>
        ours.map((m) => fieldOf(m, "tpa") ?? fieldOf(m, "yiaddr")),
      );
      expect(told.length).toBe(4);
      expect(new Set(told).size).toBe(1);
    }
  });

  it("comes from port 4011 where it was asked there", async () => {
    const { sent } = await replayDhcp("ovmf-proxydhcp-4011.pcap", "proxy");
    const last = sent.at(-1);
    expect([last?.srcPort, last?.to]).toEqual([4011, "192.168.77.72:4011"]);
    expect(last && readReply(last)?.fileText()).toBe("ipxe");
  });
});

describe("what we tell them through a relay", { timeout: 60_000 }, () => {
  it("goes to the relay, with its option 82 as it came, behind all others", async () => {
    let relayed = 0;
    for (const name of names) {
      const octets = await throughRelay(name);
      if (!octets) continue;
      relayed += 1;
      const replay = await replayDhcp(name, "reservations", octets);
      expect(brokenRules(replay), name).toEqual([]);
      const views = replay.sent.map(readReply).filter((view) => view && !view.isBootp);
      expect(views.map((view) => view && optionCodes(view).at(-1))).toEqual(views.map(() => 82));
    }
    expect(relayed).toBeGreaterThan(40);
  });
});

describe("the rules for answers", { timeout: 60_000 }, () => {
  /** A replay of which one reply is made another. */
  async function changed(
    change: (octets: Uint8Array) => Uint8Array | undefined,
  ): Promise<DhcpReplay> {
    const replay = await replayDhcp("uboot-dhcp-tftp.pcap", "pool");
    const [first, ...rest] = replay.sent;
    const octets = first && change(Uint8Array.from(first.octets));
    return { ...replay, sent: first && octets ? [{ ...first, octets }, ...rest] : rest };
  }

  it.each<[string, (octets: Uint8Array) => Uint8Array | undefined]>([
    ["DISCOVER is answered by silence", () => undefined],
    ["cannot be read", (o) => o.subarray(0, 299)],
    ["has 250 octets", (o) => Uint8Array.from([...o.subarray(0, 249), 255])],
    ["has xid", (o) => o.fill(0, 4, 8)],
    ["begins with", (o) => o.fill(50, 240, 241)],
    ["has pads, or octets after its end", (o) => Uint8Array.from([...o, 7])],
    ["is of no pool", (o) => o.fill(33, 19, 20)],
    ["names another server", (o) => o.fill(7, 248, 249)],
  ])("find it when a reply %s", async (words, change) => {
    expect((await brokenRules(await changed(change))).join("\n")).toContain(words);
  });

  it("know who takes an address and a boot file from two servers", async () => {
    const { exchanges } = await replayDhcp("grub-bios.pcap", "proxy");
    const told = exchanges.map((e) => new Asked(e)).map((a) => a.usesTwoServers);
    expect(told.filter((uses) => uses).length).toBe(1);
  });
});
