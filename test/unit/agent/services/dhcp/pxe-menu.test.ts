import { describe, expect, it } from "vitest";
import { BootServer } from "../../../../../agent/services/dhcp/boot-server.ts";
import { ProxyDhcp } from "../../../../../agent/services/dhcp/proxy.ts";
import { DhcpServer } from "../../../../../agent/services/dhcp/server.ts";
import { DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import {
  clientMessage,
  clientQuestion,
  type DhcpChange,
  dhcpFrame,
  optionHex,
  viewOf,
} from "../../../../support/dhcp-frames.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { ip, RACK, testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

const MENU = `menu: { prompt: "F8: menu", timeout: 5s, items: [{ name: Debian }, { name: Test, boot: grub.efi }] }`;
const PLAIN = "525400aa0003";
const SITE = RACK.replace("boot: grub.efi }", `${MENU} }`).replace(
  "boot/kernel: netbsd }",
  "boot/kernel: netbsd }\n    menu: { items: [{ name: Debian }] }",
);
/** 6: no broadcast, no multicast; 8: both types at 172.24.42.150; 10: 5 s; 9: the items. */
const OPTION = [
  "060103",
  "080e 8000 01 ac182a96 8001 01 ac182a96",
  `0a09 05 ${text("F8: menu")}`,
  `0910 8000 06 ${text("Debian")} 8001 04 ${text("Test")}`,
  "ff",
];
const UEFI = `5d020007 3c20${text("PXEClient:Arch:00007:UNDI:003000")}`;
const BIOS = `5d020000 3c20${text("PXEClient:Arch:00000:UNDI:002001")}`;
const IPXE = `4d04${text("iPXE")} ${BIOS}`;
const DISCOVER = "350101";
const REQUEST = "350103";

async function setUp(site = SITE) {
  const rack = await testRack(site);
  const sender = new FakeSender();
  const ports = new FakeUdpPorts();
  const located = (): void => {};
  const proxy = new ProxyDhcp({ context: rack.context, sender, located });
  const bootServer = new BootServer({ context: rack.context, located });
  await bootServer.start(ports);
  const port = ports.port(4_011);
  /** What a proxy offers to a card. */
  const offer = (options: string, mac = PLAIN): DhcpView | undefined => {
    proxy.handle(
      clientQuestion(frames.EDK2_REQUEST, { mac, options: `${DISCOVER} ${options}` }),
      0,
    );
    const [sent] = sender.frames.splice(0);
    return sent && dhcpFrame(sent)?.view;
  };
  /** What port 4011 answers to a card that chose an item. */
  const choose = (type: string, options = UEFI, mac = PLAIN): DhcpView | undefined => {
    const change: DhcpChange = {
      mac,
      ciaddr: "172.24.42.88",
      options: `${REQUEST} ${options} 2b07 4704 ${type}0000 ff`,
    };
    port.deliver(clientMessage(frames.EDK2_REQUEST, change), ip("172.24.42.88"), 4_011);
    const [sent] = port.take();
    return sent && viewOf(sent.octets);
  };
  return { ...rack, sender, offer, choose };
}

function text(words: string): string {
  return Buffer.from(words).toString("hex");
}

function option43(view: DhcpView | undefined): string | undefined {
  return view && optionHex(view, DhcpOption.VendorSpecific);
}

describe("a boot menu", () => {
  it("is in the offer of a proxy, octet for octet", async () => {
    const rack = await setUp();
    const offer = rack.offer(UEFI);
    expect(option43(offer)).toBe(OPTION.join("").replaceAll(" ", ""));
    expect(offer?.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient");
    expect(rack.last().reply).toBe("ProxyDHCP OFFER, a menu, boot ipxe-x64");
  });

  it.each([
    ["BIOS", BIOS, true],
    ["UEFI", UEFI, true],
    ["iPXE as a ROM", IPXE, true],
    ["U-Boot", `3c0c${text("U-Boot.armv8")}`, false],
    ["HTTP boot", `5d020010 3c21${text("HTTPClient:Arch:00016:UNDI:003000")}`, false],
  ])("is shown by those that can, or not: %s", async (_, options, shown) => {
    // The first item is what minipc boots.
    const rack = await setUp(SITE.replace("chain: {", "chain: { uboot: ipxe-x64, "));
    const vendor = option43(rack.offer(options, "525400aa0002"));
    if (shown) expect(vendor).toContain(text("Debian"));
    else expect(vendor).toBe("");
  });

  it("is shown once in a boot: not by iPXE that a ROM loaded, and by that ROM again", async () => {
    const rack = await setUp();
    const minipc = "525400aa0002";
    expect(option43(rack.offer(BIOS, minipc))).not.toBe("");
    rack.clock.advance(60_000);
    expect(option43(rack.offer(IPXE, minipc))).toBe("");
    expect(option43(rack.offer(BIOS, minipc))).not.toBe("");
    // Somebody looked at the menu for a while.
    rack.clock.advance(5 * 60_000);
    rack.choose("8000", BIOS, minipc);
    expect(option43(rack.offer(IPXE, minipc))).toBe("");
    rack.clock.advance(5 * 60_000);
    expect(option43(rack.offer(IPXE, minipc))).not.toBe("");
  });

  it.each([
    ["8000", "ipxe-x64", 'chose "Debian" of the menu: first boot program of uefi-x64 is ipxe-x64'],
    ["8001", "grub.efi", 'chose "Test" of the menu: it boots grub.efi'],
    ["0000", "ipxe-x64", "first boot program of uefi-x64 is ipxe-x64"],
  ])("gives the item %s its file, and says that it is that one", async (type, file, why) => {
    const rack = await setUp();
    const ack = rack.choose(type);
    expect([ack?.messageType, ack?.fileText()]).toEqual([DhcpMessageType.Ack, file]);
    expect(option43(ack)).toBe(`4704${type}0000ff`);
    expect(rack.last().decision.startsWith(why)).toBe(true);
  });

  it.each(["8002", "7fff", "0001"])("has no item %s", async (type) => {
    const rack = await setUp();
    expect(rack.choose(type)).toBeUndefined();
    expect(rack.last()).toMatchObject({
      outcome: "silent",
      decision: `chose item ${Number.parseInt(type, 16)} of a menu, which is not one of ours`,
    });
  });

  it("boots its first item where nothing else would be booted", async () => {
    const rack = await setUp(
      SITE.replace("{ name: Debian }, ", "").replace("uefi-x64: ipxe-x64, ", ""),
    );
    expect(rack.offer(UEFI)?.fileText()).toBe("grub.efi");
    expect(rack.last().decision).toContain('"Test" of the menu boots grub.efi unless');
  });

  it("is in the offer and the ACK of a server that gives the addresses, which is for PXE then", async () => {
    const rack = await testRack(SITE);
    const sender = new FakeSender();
    const server = new DhcpServer(rack.context, sender);
    await server.start(new FakeUdpPorts());
    for (const type of [DISCOVER, `${REQUEST} 3204ac182a3d`]) {
      const options = `${type} ${UEFI}`;
      const { o, at, len } = clientQuestion(frames.EDK2_REQUEST, { mac: PLAIN, options });
      server.handleBroadcast(o, { payloadAt: at, payloadLen: len } as never);
      await new Promise((resolve) => setImmediate(resolve));
      const [sent] = sender.frames.splice(0);
      const view = sent && dhcpFrame(sent)?.view;
      expect(view?.yiaddr).toBe(ip("172.24.42.61"));
      expect(option43(view)).toBe(OPTION.join("").replaceAll(" ", ""));
      expect(view?.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient");
    }
    server.stop();
  });
});
