import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BootServer } from "../../../../../agent/services/dhcp/boot-server.ts";
import { DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import {
  capturedDhcp,
  clientMessage,
  type DhcpChange,
  optionCodes,
  optionHex,
  viewOf,
} from "../../../../support/dhcp-frames.ts";
import { FakeUdpPorts } from "../../../../support/fake-udp.ts";
import { ip, RACK, testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

const PORT = 4_011;
const CLASS = Buffer.from("PXEClient:Arch:00007:UNDI:003000").toString("hex");
/** A request of EDK2's as options. */
const EDK2 = `350103 5d020007 3c20${CLASS}`;
const PLAIN = { mac: "525400aa0003", ciaddr: "172.24.42.88" } as const;

async function setUp(text: string = RACK) {
  const rack = await testRack(text);
  const ports = new FakeUdpPorts();
  const located: string[] = [];
  const server = new BootServer({
    context: rack.context,
    located: (mac, address) => located.push(`${mac} ${formatIpv4(address)}`),
  });
  await server.start(ports);
  const port = ports.port(PORT);
  /** Hands a message on and returns what went out. */
  const ask = (frame: string, change: DhcpChange = {}, src = "172.24.42.88", srcPort = PORT) => {
    port.deliver(clientMessage(frame, change), ip(src), srcPort);
    expect(port.slabsOut).toBe(0);
    return port.take();
  };
  return { ...rack, server, port, located, ask };
}

describe("BootServer", () => {
  it("gives OVMF its file: from 4011 to 4011, in the header and in option 67", async () => {
    const rack = await setUp();
    const all = await capturedDhcp("ovmf-proxydhcp-4011.pcap");
    const [asked, theirs] = all.filter(({ dstPort }) => dstPort === PORT);
    if (!asked || !theirs) throw new Error("nobody asks port 4011");
    const { o, at, len } = asked.message;
    rack.port.deliver(o.u8.slice(at, at + len), asked.src, asked.srcPort);
    const [sent] = rack.port.take();
    if (!sent) throw new Error("no answer");
    expect([formatIpv4(sent.dst), sent.dstPort]).toEqual(["192.168.77.72", PORT]);
    const view = viewOf(sent.octets);
    expect([view.messageType, view.xid, view.ciaddr]).toEqual([
      DhcpMessageType.Ack,
      asked.view.xid,
      asked.view.ciaddr,
    ]);
    expect([view.fileText(), view.optionText(DhcpOption.BootfileName)]).toEqual([
      "grub.efi",
      "grub.efi",
    ]);
    expect(formatIpv4(view.siaddr)).toBe("172.24.42.150");
    expect(optionCodes(view)).toEqual(expect.arrayContaining([...optionCodes(theirs.view)]));
    for (const code of [DhcpOption.VendorClassIdentifier, DhcpOption.ClientMachineIdentifier]) {
      expect(optionHex(view, code)).toBe(optionHex(theirs.view, code));
    }
    expect(view.optionAt(DhcpOption.VendorSpecific)).toBe(-1);
    expect(view.optionAt(DhcpOption.IpAddressLeaseTime)).toBe(-1);
    expect(rack.located).toEqual(["52:54:00:aa:00:03 192.168.77.72"]);
    expect(rack.last()).toMatchObject({
      machine: "plain",
      event: "REQUEST to port 4011",
      reply: "ACK from port 4011, boot grub.efi",
      outcome: "answered",
    });
  });

  it("echoes the item that iPXE chose from a menu, and answers the port that it asks from", async () => {
    const rack = await setUp();
    const all = await capturedDhcp("ipxe-bios-proxydhcp.pcap");
    const asked = all.find(({ dstPort }) => dstPort === PORT);
    if (!asked) throw new Error("nobody asks port 4011");
    const { o, at, len } = asked.message;
    const whole = o.u8.slice(at, at + len);
    // dnsmasq's menu had item 8001; ours has 8000.
    rack.port.deliver(whole, asked.src, asked.srcPort);
    expect(rack.port.take()).toEqual([]);
    expect(rack.last().decision).toBe("chose item 32769 of a menu, which is not one of ours");
    const itemAt = Buffer.from(whole).indexOf("470480010000", 0, "hex");
    whole[itemAt + 3] = 0;
    rack.port.deliver(whole, asked.src, asked.srcPort);
    const [sent] = rack.port.take();
    if (!sent) throw new Error("no answer");
    expect([formatIpv4(sent.dst), sent.dstPort]).toEqual(["192.168.77.71", 68]);
    const view = viewOf(sent.octets);
    expect(optionHex(view, DhcpOption.VendorSpecific)).toBe("470480000000ff");
    expect(view.optionText(DhcpOption.BootfileName)).toBe("http://172.24.42.150/boot.ipxe");
  });

  it.each([
    ["the bootstrap server, type 0", "2b07 4704 00000000 ff", "470400000000ff"],
    ["no item of a menu", "2b04 060103 ff", ""],
  ])("takes %s", async (_, vendor, echoed) => {
    const rack = await setUp();
    const [sent] = rack.ask(frames.EDK2_REQUEST, { ...PLAIN, options: `${EDK2} ${vendor}` });
    expect(sent && optionHex(viewOf(sent.octets), DhcpOption.VendorSpecific)).toBe(echoed);
  });

  it.each([
    ["00006", "0006"],
    ["00007", "0007"],
    ["00009", "0009"],
    ["00010", "000a"],
    ["00011", "000b"],
    ["00027", "001b"],
    ["00039", "0027"],
    ["00000", "0000"],
  ])("answers architecture %s", async (arch, code) => {
    const rack = await setUp();
    const name = Buffer.from(`PXEClient:Arch:${arch}:UNDI:003000`).toString("hex");
    const options = `350103 5d02${code} 3c20${name}`;
    const [sent] = rack.ask(frames.EDK2_REQUEST, { ...PLAIN, options });
    expect(sent && viewOf(sent.octets).fileText()).toBe("grub.efi");
  });

  it("answers INFORM as REQUEST, and a server identifier that is ours", async () => {
    const rack = await setUp();
    const options = EDK2.replace("350103", "350108");
    expect(rack.ask(frames.EDK2_REQUEST, { ...PLAIN, options })).toHaveLength(1);
    const ours = `${EDK2} 3604ac182a96`;
    expect(rack.ask(frames.EDK2_REQUEST, { ...PLAIN, options: ours })).toHaveLength(1);
  });

  it.each<[string, DhcpChange, string]>([
    ["a machine of nobody", { mac: "020000000001", options: EDK2 }, "not a machine of this site"],
    ["a DISCOVER", { ...PLAIN, options: EDK2.replace("350103", "350101") }, "not what a PXE"],
    ["what is no PXE client", { ...PLAIN, options: "350103" }, "does not call itself PXEClient"],
    [
      "HTTP boot",
      { ...PLAIN, options: `350103 3c0a${Buffer.from("HTTPClient").toString("hex")}` },
      "does not call itself PXEClient",
    ],
    ["a relay", { ...PLAIN, options: EDK2, giaddr: "10.1.0.1" }, "came by a relay"],
    ["a question to another one", { ...PLAIN, options: `${EDK2} 36040a000001` }, "10.0.0.1"],
    [
      "a layer that asks for credentials",
      { ...PLAIN, options: `${EDK2} 2b07 4704 80008000 ff` },
      "asks for layer 32768",
    ],
    ["a machine without a profile", { mac: "525400aa0001", options: EDK2 }, "has no profile"],
  ])("is silent to %s, and says why", async (_, change, words) => {
    const rack = await setUp();
    expect(rack.ask(frames.EDK2_REQUEST, change)).toEqual([]);
    expect(rack.last().outcome).toBe("silent");
    expect(rack.last().decision).toContain(words);
    expect(rack.located.filter((l) => !l.startsWith("52:54:00:aa:00:01"))).toEqual([]);
  });

  it("counts rubbish, in the message and in its option 43", async () => {
    const rack = await setUp();
    expect(rack.ask("00".repeat(99))).toEqual([]);
    expect(rack.context.counters.get("dhcp", "truncated")).toBe(1);
    const options = `${EDK2} 2b03 47ff00`;
    expect(rack.ask(frames.EDK2_REQUEST, { ...PLAIN, options })).toEqual([]);
    expect(rack.context.counters.get("dhcp", "bad-length")).toBe(1);
    expect(rack.ask(frames.EDK2_REQUEST, { ...PLAIN, op: 2 })).toEqual([]);
    expect(rack.journal.entries()).toEqual([]);
  });

  it("answers one card only so often", async () => {
    const rack = await setUp();
    const change = { ...PLAIN, options: EDK2 };
    let answered = 0;
    for (let i = 0; i < 100; i++) answered += rack.ask(frames.EDK2_REQUEST, change).length;
    expect(answered).toBe(20);
    expect(rack.context.counters.get("dhcp", "too-many")).toBe(80);
    rack.clock.advance(1_000);
    expect(rack.ask(frames.EDK2_REQUEST, change)).toHaveLength(1);
  });

  it("answers nobody but who asks, and loses no memory, whatever comes", async () => {
    const rack = await setUp();
    const whole = clientMessage(frames.EDK2_REQUEST, {
      ...PLAIN,
      options: `${EDK2} 2b07470480000000ff`,
    });
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    const input = fc.tuple(fc.array(change, { maxLength: 6 }), fc.nat(whole.length));
    fc.assert(
      fc.property(input, ([changes, cut]) => {
        const u8 = Uint8Array.from(whole);
        for (const [at, octet] of changes) u8[at] = octet;
        rack.clock.advance(1_000);
        rack.port.deliver(u8.subarray(0, whole.length - (cut % 8)), ip(PLAIN.ciaddr), PORT);
        expect(rack.port.slabsOut).toBe(0);
        for (const { dst, dstPort, octets } of rack.port.take()) {
          expect([formatIpv4(dst), dstPort, viewOf(octets).op]).toEqual([PLAIN.ciaddr, PORT, 2]);
        }
      }),
      { interruptAfterTimeLimit: 1_000, numRuns: 20_000 },
    );
    expect(rack.journal.entries().some((e) => e.outcome === "answered")).toBe(true);
  });

  it("drops a question when no memory is left, and is silent once it is stopped", async () => {
    const rack = await setUp();
    rack.port.congested = true;
    expect(rack.ask(frames.EDK2_REQUEST, { ...PLAIN, options: EDK2 })).toEqual([]);
    expect(rack.context.counters.get("dhcp", "too-many")).toBe(1);
    rack.server.stop();
    expect(rack.port.closed).toBe(true);
  });
});
