import { describe, expect, it } from "vitest";
import { ProxyDhcp } from "../../../../../agent/services/dhcp/proxy.ts";
import { DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import {
  capturedDhcp,
  clientQuestion,
  type DhcpChange,
  type DhcpFrame,
  dhcpFrame,
  optionCodes,
  optionHex,
  viewOf,
} from "../../../../support/dhcp-frames.ts";
import { settle } from "../../../../support/eventually.ts";
import { FakeSender } from "../../../../support/fake-sender.ts";
import { FakeUdpPort } from "../../../../support/fake-udp.ts";
import { ip, RACK, type TestRack, testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

/** The same rack with a Raspberry Pi, one of whose cards is a Pi 3's, and a rule for strangers. */
const PIS = `${RACK}
  pi3: { mac: "b8:27:eb:00:00:01", ip: 172.24.42.63, profile: plain }
  pi4: { mac: "dc:a6:32:00:00:01", ip: 172.24.42.64, profile: plain }
unknown:
  lab: { match: { mac: "52:54:00:bb" }, profile: plain }
`;
const PI_CLASS = hexText("PXEClient:Arch:00000:UNDI:002001");
const PI_OPTIONS = `350101 5d020000 3c20${PI_CLASS}`;

function hexText(text: string): string {
  return Buffer.from(text).toString("hex");
}

async function setUp() {
  const rack = await testRack(PIS);
  const sender = new FakeSender();
  const located: string[] = [];
  const proxy = new ProxyDhcp({
    context: rack.context,
    sender,
    located: (mac, address) => located.push(`${mac} ${formatIpv4(address)}`),
  });
  const port = new FakeUdpPort(67);
  proxy.use(port);
  /** Hands a message on and returns the offer that it drew. */
  const ask = (frame: string, change: DhcpChange = {}): DhcpFrame | undefined => {
    const m = clientQuestion(frame, change);
    proxy.handle(m, 0);
    m.o.u8.fill(0x5a);
    const [sent] = sender.frames.splice(0);
    return sent && dhcpFrame(sent);
  };
  return { ...rack, sender, proxy, port, located, ask };
}

function why({ last }: Pick<TestRack, "last">): string {
  const { outcome, decision } = last();
  return `${outcome}: ${decision}`;
}

describe("ProxyDhcp", () => {
  it("offers OVMF what it boots, without an address and without option 43, so that it comes to port 4011", async () => {
    const rack = await setUp();
    const [discover, , theirs] = await capturedDhcp("ovmf-proxydhcp-4011.pcap");
    if (!discover || !theirs) throw new Error("the capture has no DISCOVER");
    rack.proxy.handle(discover.message, 0);
    const [sent] = rack.sender.frames;
    const offer = sent && dhcpFrame(sent);
    if (!offer) throw new Error("no offer");
    expect([offer.dstMac, offer.route]).toEqual([
      "ff:ff:ff:ff:ff:ff",
      "172.24.42.150:67 > 255.255.255.255:68",
    ]);
    const { view } = offer;
    expect([view.messageType, view.xid, view.yiaddr, view.ciaddr]).toEqual([
      DhcpMessageType.Offer,
      discover.view.xid,
      0,
      0,
    ]);
    expect(formatIpv4(view.siaddr)).toBe("172.24.42.150");
    expect([view.fileText(), view.optionText(DhcpOption.BootfileName)]).toEqual([
      "grub.efi",
      "grub.efi",
    ]);
    // All that dnsmasq said to the same question, and the file.
    expect(optionCodes(view)).toEqual(expect.arrayContaining([...optionCodes(theirs.view)]));
    for (const code of [DhcpOption.VendorClassIdentifier, DhcpOption.ClientMachineIdentifier]) {
      expect(optionHex(view, code)).toBe(optionHex(theirs.view, code));
    }
    for (const code of [43, 51, 1, 3, 6, 28]) expect(view.optionAt(code)).toBe(-1);
    expect(rack.last()).toMatchObject({
      machine: "plain",
      family: "uefi-x64",
      event: "DISCOVER",
      reply: "ProxyDHCP OFFER, boot grub.efi",
      outcome: "answered",
    });
  });

  it("leaves the REQUEST of OVMF to the other server, and learns its address from it", async () => {
    const rack = await setUp();
    const all = await capturedDhcp("ovmf-proxydhcp-4011.pcap");
    const request = all.find(({ view, dstPort }) => dstPort === 67 && view.messageType === 3);
    if (!request) throw new Error("the capture has no REQUEST");
    rack.proxy.handle(request.message, 0);
    expect(rack.sender.frames).toEqual([]);
    expect(why(rack)).toBe("silent: its address is the affair of 192.168.77.1");
    expect(rack.located).toEqual(["52:54:00:aa:00:03 192.168.77.72"]);
  });

  it("gives iPXE its script in the offer, which it takes without asking port 4011", async () => {
    const rack = await setUp();
    const [discover] = await capturedDhcp("ipxe-bios-proxydhcp.pcap");
    if (!discover) throw new Error("the capture has no DISCOVER");
    rack.proxy.handle(discover.message, 0);
    const [sent] = rack.sender.frames;
    const offer = sent && dhcpFrame(sent);
    // It did not set the broadcast flag; without an address there is no other way.
    expect(discover.view.flags).toBe(0);
    expect(offer?.dstMac).toBe("ff:ff:ff:ff:ff:ff");
    expect(offer?.view.optionText(DhcpOption.BootfileName)).toBe("http://172.24.42.150/boot.ipxe");
    expect(offer?.view.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient");
    expect(offer?.view.yiaddr).toBe(0);
  });

  it("calls an offer for HTTP boot one, with the URL", async () => {
    const rack = await setUp();
    const options = `350101 5d020010 3c21${hexText("HTTPClient:Arch:00016:UNDI:003000")}`;
    const offer = rack.ask(frames.IPXE_DISCOVER, { mac: "525400aa0003", options });
    expect(offer?.view.optionText(DhcpOption.VendorClassIdentifier)).toBe("HTTPClient");
    expect(offer?.view.optionText(DhcpOption.BootfileName)).toBe("http://172.24.42.150/grub.efi");
    expect(offer?.view.yiaddr).toBe(0);
  });

  it.each([
    ["b827eb000001", "Raspberry Pi Boot   "],
    ["dca632000001", "Raspberry Pi Boot"],
  ])("gives the Raspberry Pi %s the menu that it looks for", async (mac, menu) => {
    const rack = await setUp();
    const offer = rack.ask(frames.IPXE_DISCOVER, { mac, options: PI_OPTIONS });
    const hex = offer && optionHex(offer.view, DhcpOption.VendorSpecific);
    expect(hex).toContain(`0000${menu.length.toString(16)}${hexText(menu)}`);
  });

  it("offers U-Boot what it boots", async () => {
    const rack = await setUp();
    const options = `350101 3c0c${hexText("U-Boot.armv8")}`;
    const offer = rack.ask(frames.IPXE_DISCOVER, { mac: "525400aa0003", options });
    expect([offer?.view.yiaddr, offer?.view.fileText()]).toEqual([0, "grub.efi"]);
  });

  it.each([
    ["SLOF", "350101 37050103064243 5d02000c", "slof takes all from the server of its address"],
    ["GRUB", "350101", "what does not say that it boots takes all"],
    ["a Linux kernel", "350101 370911280103060c0f1a2a", "linux-kernel takes all from the server"],
    ["a BSD loader", `350101 3c14${hexText("NetBSD:sparc64:libsa")}`, "bsd-loader takes all"],
    ["a Sun", `350101 3c0d${hexText("SUNW.Sun-Fire")}`, "openfirmware takes all"],
  ])("is silent to %s, and says why", async (_, options, words) => {
    const rack = await setUp();
    expect(rack.ask(frames.IPXE_DISCOVER, { mac: "525400aa0003", options })).toBeUndefined();
    expect(why(rack)).toContain(`silent: ${words}`);
  });

  it("does not take GRUB for the ROM that loaded it", async () => {
    const rack = await setUp();
    const [discover] = await capturedDhcp("ovmf-proxydhcp-4011.pcap");
    if (!discover) throw new Error("the capture has no DISCOVER");
    rack.proxy.handle(discover.message, 0);
    rack.sender.frames.splice(0);
    expect(
      rack.ask(frames.IPXE_DISCOVER, { mac: "525400aa0003", options: "350101" }),
    ).toBeUndefined();
  });

  it.each<[string, DhcpChange, string]>([
    ["a machine of nobody", { mac: "020000000001" }, "not a machine of this site"],
    ["a machine without a profile", { mac: "525400aa0001" }, "has no profile"],
    ["RELEASE", { options: "350107" }, "RELEASE is the affair of the server"],
    ["INFORM", { options: "350108", ciaddr: "172.24.42.99" }, "INFORM is the affair of"],
    ["a REQUEST of our offer", { options: "350103 3604ac182a96" }, "takes our offer for one"],
    ["a relay of nobody", { giaddr: "8.8.8.8" }, "8.8.8.8, which is not a relay"],
  ])("is silent to %s", async (_, change, words) => {
    const rack = await setUp();
    expect(rack.ask(frames.IPXE_DISCOVER, change)).toBeUndefined();
    expect(rack.port.take()).toEqual([]);
    expect(why(rack)).toContain("silent: ");
    expect(why(rack)).toContain(words);
  });

  it("is silent to BOOTP, which would take an offer for its address", async () => {
    const rack = await setUp();
    expect(rack.ask(frames.SLOF_BOOTP, { mac: "525400aa0003" })).toBeUndefined();
    expect(rack.last()).toMatchObject({ protocol: "bootp", outcome: "silent" });
    expect(why(rack)).toContain("BOOTP for an address, which another server gives");
  });

  it("answers by a relay of the site", async () => {
    const rack = await setUp();
    expect(rack.ask(frames.IPXE_DISCOVER, { giaddr: "10.1.0.1" })).toBeUndefined();
    const [sent] = rack.port.take();
    expect(sent && [formatIpv4(sent.dst), sent.dstPort]).toEqual(["10.1.0.1", 67]);
    expect(sent && viewOf(sent.octets).yiaddr).toBe(0);
    expect(rack.port.slabsOut).toBe(0);
  });

  it("lets a machine boot that a rule is about, and keeps its plan by the address that it gets elsewhere", async () => {
    const rack = await setUp();
    const mac = "525400bb0007";
    expect(rack.ask(frames.EDK2_REQUEST, { mac, options: edk2Options() })).toBeUndefined();
    await settle();
    const [sent] = rack.sender.frames.splice(0);
    expect(sent && dhcpFrame(sent)?.view.fileText()).toBe("grub.efi");
    rack.ask(frames.EDK2_REQUEST, { mac, options: `${edk2Options("03")} 3204ac182ac8` });
    await settle();
    expect(rack.located).toEqual(["52:54:00:bb:00:07 172.24.42.200"]);
    expect(rack.planner.byIp(ip("172.24.42.200"))?.machine.mac).toBe("52:54:00:bb:00:07");
    expect(rack.sender.frames).toEqual([]);
  });

  it("counts rubbish, and does not hear servers", async () => {
    const rack = await setUp();
    rack.proxy.handle(clientQuestion("00".repeat(100)), 0);
    expect(rack.context.counters.get("dhcp", "truncated")).toBe(1);
    expect(rack.ask(frames.IPXE_DISCOVER, { op: 2 })).toBeUndefined();
    expect(rack.journal.entries()).toEqual([]);
  });

  it("says so when the link fails, and goes on", async () => {
    const rack = await setUp();
    rack.sender.failure = new Error("the cable");
    rack.ask(frames.IPXE_DISCOVER);
    expect(why(rack)).toContain("failed: the offer could not be sent: the cable");
    rack.sender.failure = undefined;
    expect(rack.ask(frames.IPXE_DISCOVER)).toBeDefined();
  });
});

/** The options of EDK2, in a message of the type. */
function edk2Options(type = "01"): string {
  return `3501${type} 5d020007 3c20${hexText("PXEClient:Arch:00007:UNDI:003000")}`;
}
