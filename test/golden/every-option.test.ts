import { describe, expect, it } from "vitest";
import { LinkType } from "../../agent/capture/captured-frame.ts";
import { fragments, frame, udpPacket } from "../support/packets.ts";
import { PcapWriter } from "../support/pcap-writer.ts";
import { tempDir } from "../support/temp-dir.ts";
import { type Comparison, compareWithTshark, decodeCapture, hasTshark } from "../support/tshark.ts";

// What DHCP, TFTP and ARP can say and no capture holds, and every kind of link, put together by hand and read by tshark and
// by us. (That tshark is there is checked beside the captures.)

const TIMEOUT_MS = 60_000;
const CLIENT = "192.168.7.2";
const SERVER = "192.168.7.1";
const DHCP_REQUEST = [`${CLIENT}:68`, `${SERVER}:67`] as const;
const DHCP_REPLY = [`${SERVER}:67`, `${CLIENT}:68`] as const;

const FIXED_LEN = 236;
const SNAME_AT = 44;
const FILE_AT = 108;

/** A BOOTP header in which every field is another number, with cookie and options behind it. */
function dhcp(op: 1 | 2, options: string, sname = "", file = ""): Uint8Array {
  const fixed = Buffer.alloc(FIXED_LEN);
  const numbers = "010602 deadbeef 0005 8000 c0a80702 c0a80703 c0a80701 c0a80704 0003ba5baeb3";
  fixed.writeUInt8(op, 0);
  hex(numbers).copy(fixed, 1);
  hex(sname).copy(fixed, SNAME_AT);
  hex(file).copy(fixed, FILE_AT);
  return Buffer.concat([fixed, hex(`63825363 ${options}`)]);
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}

function text(words: string): string {
  return Buffer.from(words).toString("hex");
}

const LONG = "01".repeat(255);

describe.runIf(hasTshark())("tshark sees the same", { timeout: TIMEOUT_MS }, () => {
  it.each([
    [
      "options of PXE, iPXE, relays and unknown ones",
      DHCP_REQUEST,
      dhcp(
        1,
        `350101 370401030cfb 5211 0104aabbccdd 0209112233445566778899 3902 05dc 5d0400070000 5e03010201
         3d070100 03ba5baeb3 4d04 ${text("iPXE")} af06 b10102 eb0100 e003 010203 fe01ff ff`,
      ),
    ],
    ["no end", DHCP_REQUEST, dhcp(1, "350101")],
    ["pads between and behind", DHCP_REQUEST, dhcp(1, "0000 350101 00 0c0176 ff 000000")],
    ["no cookie, 236 octets", DHCP_REQUEST, dhcp(1, "").slice(0, FIXED_LEN)],
    ["a long option in two", DHCP_REPLY, dhcp(2, `350105 2bff ${LONG} 2b03 020202 ff`)],
    [
      "options in file",
      DHCP_REPLY,
      dhcp(2, "350102 340101 ff", text("srv"), `0c04 ${text("v100")} 1104 ${text("/a/b")} ff`),
    ],
    [
      "options in sname",
      DHCP_REPLY,
      dhcp(2, "350102 340102 ff", `4204 ${text("tftp")} ff`, text("boot/file")),
    ],
    ["server and file names", DHCP_REPLY, dhcp(2, "350102 ff", text("srv"), text("boot/file"))],
  ])("of DHCP with %s", async (_, [from, to], message) => {
    expectSame(await compare([frame(udpPacket(from, to, message))]), 1);
  });

  // RFC 2131 section 4.1 has `file` first; tshark takes them as they lie, with sname before file.
  it("of DHCP with options in file and sname, but for their order", async () => {
    const message = dhcp(
      2,
      "350102 340103 ff",
      `4204 ${text("tftp")} ff`,
      `0c04 ${text("v100")} ff`,
    );
    const { differences } = await compare([frame(udpPacket(...DHCP_REPLY, message))]);
    expect(differences.map((d) => [d.field, d.tshark, d.ours])).toEqual([
      ["dhcp.option.type", "53 52 66 12", "53 52 12 66"],
      ["dhcp.option.value", "2 3 74667470 76313030", "2 3 76313030 74667470"],
    ]);
  });

  it("of TFTP, every packet", async () => {
    const z = "00";
    const [client, server] = [`${CLIENT}:2000`, `${SERVER}:3000`];
    const options = `${text("blksize")}${z}${text("1428")}${z}${text("tsize")}${z}${text("0")}${z}`;
    const packets = [
      [client, `${SERVER}:69`, `0001${text("a/b")}${z}${text("octet")}${z}${options}`],
      [server, client, `0006${options}`],
      [client, server, "00040000"],
      [server, client, `00030001${"5a".repeat(512)}`],
      [client, server, "00040001"],
      [server, client, "00030002"],
      [client, server, `00050008${text("no more")}${z}`],
      [`${CLIENT}:2001`, `${SERVER}:69`, `0002${text("up")}${z}${text("NETASCII")}${z}`],
      [`${SERVER}:3001`, `${CLIENT}:2001`, "00040000"],
      [`${CLIENT}:2001`, `${SERVER}:3001`, "00030001686578"],
      [`${CLIENT}:2002`, `${SERVER}:69`, `0001${text("to")}${z}${text("mail")}${z}`],
      [`${SERVER}:69`, `${CLIENT}:2002`, `00050001${z}`],
    ] as const;
    const frames = packets.map(([from, to, octets]) => frame(udpPacket(from, to, hex(octets))));
    expectSame(await compare(frames), frames.length);
  });

  it("of ARP and RARP, with tags and without", async () => {
    const body = (op: number): Buffer =>
      hex(`0001 0800 06 04 000${op} 0003ba5baeb3 c0a80702 080020a1b2c3 c0a80701`);
    const frames = [1, 2, 3, 4, 8, 9].flatMap((op) => [
      frame(body(op), 0x0806),
      frame(body(op), 0x8035, [42]),
      frame(body(op), 0x8035, [7, 42]),
    ]);
    expectSame(await compare(frames), frames.length);
  });

  const request = udpPacket(...DHCP_REQUEST, dhcp(1, "350101 ff"));
  const sll = hex("0000 0001 0006 0003ba5baeb3 0000 0800");
  const sll2 = hex("0800 0000 00000002 0001 00 06 0003ba5baeb3 0000");
  it.each([
    ["raw IP", LinkType.Raw, ""],
    ["IPv4", LinkType.Ipv4, ""],
    ["loopback of BSD, little-endian", LinkType.Null, "02000000"],
    ["loopback of BSD, big-endian", LinkType.Null, "00000002"],
    ["loopback of OpenBSD", LinkType.Loop, "00000002"],
    ["Linux cooked", LinkType.LinuxSll, sll.toString("hex")],
    ["Linux cooked, version 2", LinkType.LinuxSll2, sll2.toString("hex")],
  ])("on a link of the kind %s", async (_, linkType, head) => {
    const packets = [request, ...fragments(request, 160)];
    const frames = packets.map((packet) => Buffer.concat([hex(head), packet]));
    expectSame(await compare(frames, linkType), 2);
  });
});

async function compare(frames: readonly Uint8Array[], linkType?: number): Promise<Comparison> {
  const writer = new PcapWriter(linkType);
  for (const [i, octets] of frames.entries()) writer.add(octets, 1_767_323_045_000 + i);
  const file = `${tempDir()}/made.pcap`;
  writer.save(file);
  const messages = await decodeCapture(file);
  expect(messages.filter((m) => m.status !== "ok")).toEqual([]);
  return compareWithTshark(file);
}

function expectSame(comparison: Comparison, messages: number): void {
  expect(comparison.differences).toEqual([]);
  expect(comparison.onlyOurs).toEqual([]);
  expect(comparison.messages).toBe(messages);
}
