import { describe, expect, it } from "vitest";
import { recogniseDhcp } from "../../../../../agent/plan/family.ts";
import { decideAddress } from "../../../../../agent/services/dhcp/address-decision.ts";
import {
  emitNak,
  emitReply,
  MAX_MESSAGE_LEN,
  type ReplyContent,
} from "../../../../../agent/services/dhcp/message.ts";
import { addressQuestion, evidenceOf } from "../../../../../agent/services/dhcp/question.ts";
import { BOOTREPLY, DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import { formatIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { bytes, dirty } from "../../../../support/hex.ts";
import { ip, type TestRack, testRack } from "../../../../support/test-site.ts";
import * as frames from "../../../protocols/dhcp/frames.ts";

/** Header fields by offset, and options put behind the cookie in place of what was there. */
interface Change {
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly options?: string;
}

function request(frame: string, change: Change = {}): { o: Octets; view: DhcpView } {
  let u8 = bytes(frame);
  if (change.options !== undefined) {
    u8 = Uint8Array.from([...u8.subarray(0, 240), ...bytes(`${change.options} ff`)]);
  }
  const o = new Octets(u8);
  if (change.ciaddr) o.dv.setInt32(12, ip(change.ciaddr));
  if (change.giaddr) o.dv.setInt32(24, ip(change.giaddr));
  const view = new DhcpView();
  expect(view.reset(o, 0, u8.length)).toBe(0);
  return { o, view };
}

/** The reply that a machine of the rack gets to a request, as the server makes it. */
function replyTo(
  rack: TestRack,
  machine: string,
  frame: string,
  change: Change = {},
  more: Partial<ReplyContent> = {},
) {
  const { o, view } = request(frame, change);
  const plan = rack.plan(machine);
  const { network } = rack.site;
  const { family, pi } = recogniseDhcp(evidenceOf(view, o));
  const { addresses } = rack.context;
  const question = addressQuestion(view, plan.machine.mac, network.subnets[0], addresses);
  const decision = decideAddress(question, addresses, network.address);
  if (decision.deed === "none") throw new Error(decision.why);
  const nak = decision.deed === "refuse";
  const offers = decision.deed === "offer" ? DhcpMessageType.Offer : DhcpMessageType.Ack;
  const type = view.messageType === 0 ? 0 : nak ? DhcpMessageType.Nak : offers;
  const out = dirty(MAX_MESSAGE_LEN);
  const server = network.address;
  const informed = view.messageType === DhcpMessageType.Inform;
  const [subnet] = network.subnets;
  const content = {
    type,
    server,
    address: informed ? 0 : plan.address,
    lengthS: type === 0 || informed ? 0 : subnet.leaseS,
    subnet,
    hostname: plan.machine.hostname,
    offer: plan.offer(family),
    family,
    pi,
    proxy: false,
    rapid: false,
    ...more,
  };
  const len = nak
    ? emitNak(server, decision.why, view, o, out, 0)
    : emitReply(content, view, o, out, 0);
  const reply = new DhcpView();
  expect(reply.reset(out, 0, len)).toBe(0);
  expect(reply.op).toBe(BOOTREPLY);
  expect(reply.xid).toBe(view.xid);
  return { reply, len, out, o, view };
}

/** Codes in the order of the options area, without end and pads; "pad" where one stands between options. */
function codesOf(out: Octets, end: number): (number | "pad")[] {
  const codes: (number | "pad")[] = [];
  for (let at = 240; at < end; ) {
    const code = out.u8[at] ?? 255;
    if (code === 255) return codes;
    codes.push(code === 0 ? "pad" : code);
    at += code === 0 ? 1 : 2 + (out.u8[at + 1] ?? 0);
  }
  throw new Error("no end option");
}

const DISCOVER = "350101";
/** Option overload (RFC 2132 section 9.3). */
const OVERLOAD = 52;

describe("emitReply to BOOTP", () => {
  it.each([
    ["KLIBC_BOOTP", frames.KLIBC_BOOTP],
    ["SLOF_BOOTP", frames.SLOF_BOOTP],
    ["UBOOT_BOOTP", frames.UBOOT_BOOTP],
    ["LINUX_BOOTP", frames.LINUX_BOOTP],
  ] as const)(
    "answers %s in 300 octets, its options in the vendor area and no pads between",
    async (_, frame) => {
      const { reply, len, out } = replyTo(await testRack(), "v100", frame);
      expect(len).toBe(300);
      expect(reply.isBootp).toBe(true);
      expect(codesOf(out, 300)).not.toContain("pad");
      expect(codesOf(out, 300)).toContain(DhcpOption.RootPath);
      expect(codesOf(out, 300)).not.toContain(OVERLOAD);
      expect(formatIpv4(reply.yiaddr)).toBe("172.24.42.51");
      expect(formatIpv4(reply.siaddr)).toBe("172.24.42.150");
      expect(formatIpv4(reply.optionIpv4(DhcpOption.SubnetMask))).toBe("255.255.255.0");
    },
  );

  it("names the loader in the header, and nothing to a kernel", async () => {
    const rack = await testRack();
    expect(replyTo(rack, "v100", frames.SLOF_BOOTP).reply.fileText()).toBe("ofwboot");
    expect(replyTo(rack, "v100", frames.LINUX_BOOTP).reply.fileText()).toBe("");
  });

  it("names us to a machine that has nothing to boot as well", async () => {
    const { reply } = replyTo(await testRack(), "bare", frames.SLOF_BOOTP);
    expect(formatIpv4(reply.siaddr)).toBe("172.24.42.150");
    expect(reply.fileText()).toBe("");
  });

  it("writes the root as each family takes it", async () => {
    const rack = await testRack();
    const root = (frame: string): string =>
      replyTo(rack, "v100", frame).reply.optionText(DhcpOption.RootPath);
    expect(root(frames.LINUX_BOOTP)).toBe("172.24.42.150:/sun");
    expect(root(frames.UBOOT_BOOTP)).toBe("/sun");
  });
});

describe("emitReply to DHCP", () => {
  it("offers boot file and server in header and options alike", async () => {
    const { reply } = replyTo(await testRack(), "minipc", frames.EDK2_REQUEST, {
      options: `${DISCOVER} 5d020007 3c0950584543 6c69656e74`,
    });
    expect(reply.messageType).toBe(DhcpMessageType.Offer);
    expect(reply.fileText()).toBe("ipxe-x64");
    expect(reply.optionText(DhcpOption.BootfileName)).toBe("ipxe-x64");
    expect(formatIpv4(reply.siaddr)).toBe("172.24.42.150");
    expect(reply.optionText(DhcpOption.TftpServerName)).toBe("172.24.42.150");
    expect(formatIpv4(reply.optionIpv4(DhcpOption.ServerIdentifier))).toBe("172.24.42.150");
    expect(reply.optionU32(DhcpOption.IpAddressLeaseTime, 0)).toBe(43_200);
    expect(reply.optionText(DhcpOption.HostName)).toBe("minipc");
    expect(reply.optionText(DhcpOption.DomainName)).toBe("rack7.example");
    expect(formatIpv4(reply.optionIpv4(DhcpOption.Router))).toBe("172.24.42.1");
    expect(reply.optionAt(DhcpOption.VendorClassIdentifier)).toBe(-1);
  });

  it("gives iPXE its script, and tells it inside 175 not to wait for a proxy", async () => {
    const { reply, out } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER);
    expect(reply.fileText()).toBe("http://172.24.42.150/boot.ipxe");
    const at = reply.optionAt(DhcpOption.Ipxe);
    expect([...out.u8.subarray(at, at + 3)]).toEqual([0xb0, 1, 1]);
    expect(reply.optionAt(0xb0)).toBe(-1);
  });

  it("calls itself HTTPClient to one, with a URL", async () => {
    const { reply } = replyTo(await testRack(), "minipc", frames.EDK2_REQUEST, {
      options: `${DISCOVER} 5d020010 3c0a48545450436c69656e74`,
    });
    expect(reply.optionText(DhcpOption.VendorClassIdentifier)).toBe("HTTPClient");
    expect(reply.optionText(DhcpOption.BootfileName)).toBe("http://172.24.42.150/ipxe-x64");
  });

  it("says how long the lease is, when to renew it and when to ask others", async () => {
    const { reply } = replyTo(
      await testRack(),
      "minipc",
      frames.IPXE_DISCOVER,
      {},
      { lengthS: 1_000 },
    );
    const seconds = (code: number): number => reply.optionU32(code, -1);
    expect(seconds(DhcpOption.IpAddressLeaseTime)).toBe(1_000);
    expect(seconds(DhcpOption.RenewalTime)).toBe(500);
    expect(seconds(DhcpOption.RebindingTime)).toBe(875);
  });

  it("gives the identifier back (RFC 6842), also in a NAK", async () => {
    const id = "3d07 01525400aabbcc";
    for (const options of [`${DISCOVER} ${id}`, `350103 3204ac182a3d ${id}`]) {
      const { reply, out } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, { options });
      const at = reply.optionAt(DhcpOption.ClientIdentifier);
      expect([...out.u8.subarray(at, at + 7)]).toEqual([...bytes("01525400aabbcc")]);
    }
  });

  it("offers as a proxy: a class, no option 43, the identifier of the machine, and no address", async () => {
    const uuid = "6111 00 000102030405060708090a0b0c0d0e0f";
    const options = `${DISCOVER} 5d020007 3c0950584543 6c69656e74 ${uuid}`;
    const more = { proxy: true, address: 0, lengthS: 0 };
    const { reply, out } = replyTo(
      await testRack(),
      "minipc",
      frames.EDK2_REQUEST,
      { options },
      more,
    );
    expect(reply.yiaddr).toBe(0);
    expect(reply.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient");
    expect(reply.optionAt(DhcpOption.VendorSpecific)).toBe(-1);
    expect(reply.optionAt(DhcpOption.SubnetMask)).toBe(-1);
    expect(reply.optionAt(DhcpOption.IpAddressLeaseTime)).toBe(-1);
    expect(reply.fileText()).toBe("ipxe-x64");
    const at = reply.optionAt(DhcpOption.ClientMachineIdentifier);
    expect([...out.u8.subarray(at, at + 17)]).toEqual([
      ...bytes("00000102030405060708090a0b0c0d0e0f"),
    ]);
  });

  it.each([
    ["rom", "Raspberry Pi Boot   "],
    ["eeprom", "Raspberry Pi Boot"],
  ] as const)("has the menu that the %s of a Raspberry Pi looks for", async (pi, text) => {
    const { reply, out } = replyTo(
      await testRack(),
      "v100",
      frames.IPXE_DISCOVER,
      { options: DISCOVER },
      { pi, family: "raspberry-pi" },
    );
    const at = reply.optionAt(DhcpOption.VendorSpecific);
    const value = out.u8.subarray(at, at + reply.optionLen(DhcpOption.VendorSpecific));
    expect([...value.subarray(0, 11)]).toEqual([
      ...bytes("060103 0a0400505845 09"),
      text.length + 3,
    ]);
    expect(String.fromCharCode(...value)).toContain(text);
    expect(value.at(-1)).toBe(255);
    expect(reply.optionText(DhcpOption.VendorClassIdentifier)).toBe("PXEClient");
  });

  it("says NAK with a reason and no address", async () => {
    const { reply } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, {
      options: "350103 3204c0a84d48",
    });
    expect(reply.messageType).toBe(DhcpMessageType.Nak);
    expect(reply.yiaddr).toBe(0);
    expect(reply.siaddr).toBe(0);
    expect(reply.optionText(DhcpOption.Message)).toBe(
      "wants 192.168.77.72, which is of another network; it may have 172.24.42.60",
    );
    expect(reply.optionAt(DhcpOption.IpAddressLeaseTime)).toBe(-1);
  });

  it("has a relay broadcast a NAK", async () => {
    const change = { options: "350103 3204ac182a3d", giaddr: "10.1.0.1" };
    const { reply } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, change);
    expect(reply.flags & 0x8000).toBe(0x8000);
    expect(formatIpv4(reply.giaddr)).toBe("10.1.0.1");
  });

  it("answers INFORM without address and lease", async () => {
    const change = { options: "350108", ciaddr: "172.24.42.60" };
    const { reply } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, change);
    expect(reply.messageType).toBe(DhcpMessageType.Ack);
    expect(reply.yiaddr).toBe(0);
    expect(formatIpv4(reply.ciaddr)).toBe("172.24.42.60");
    expect(reply.optionAt(DhcpOption.IpAddressLeaseTime)).toBe(-1);
  });

  it("echoes option 82, last", async () => {
    const relay = "5208 0102abcd 02021234";
    const change = { options: `${DISCOVER} ${relay}`, giaddr: "10.1.0.1" };
    const { reply, out, len } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, change);
    const at = reply.optionAt(DhcpOption.RelayAgentInformation);
    expect([...out.u8.subarray(at, at + 8)]).toEqual([...bytes("0102abcd02021234")]);
    expect(codesOf(out, len).at(-1)).toBe(DhcpOption.RelayAgentInformation);
  });

  it("echoes option 82 in a NAK too", async () => {
    const change = { options: "350103 3204ac182a3d 5204 0102abcd", giaddr: "10.1.0.1" };
    const { reply } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, change);
    expect(reply.messageType).toBe(DhcpMessageType.Nak);
    expect(reply.optionLen(DhcpOption.RelayAgentInformation)).toBe(4);
  });

  it("gives a machine without profile its address and nothing to boot", async () => {
    const { reply } = replyTo(await testRack(), "bare", frames.IPXE_DISCOVER);
    expect(formatIpv4(reply.yiaddr)).toBe("172.24.42.62");
    expect(reply.siaddr).toBe(0);
    expect(reply.fileText()).toBe("");
    expect(reply.optionAt(DhcpOption.BootfileName)).toBe(-1);
  });

  it("keeps to what the client can take", async () => {
    const change = { options: `${DISCOVER} 39020240` };
    const { len } = replyTo(await testRack(), "minipc", frames.IPXE_DISCOVER, change);
    expect(len).toBeLessThanOrEqual(576 - 28);
    expect(len).toBeGreaterThanOrEqual(300);
  });
});
