import { describe, expect, it } from "vitest";
import { LinkType } from "../../../../agent/capture/captured-frame.ts";
import { messageJson } from "../../../../agent/capture/message.ts";
import {
  emitAck,
  emitDataHeader,
  emitOack,
  emitRrq,
  TftpMode,
} from "../../../../protocols/tftp/packet.ts";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { bytes } from "../../../support/hex.ts";
import { FrameFeed, fragments, frame, ipv4Packet, udpPacket } from "../../../support/packets.ts";

const CLIENT = "192.168.77.21:2001";
const SERVER = "192.168.77.1:69";
const TRANSFER = "192.168.77.1:40000";

function emitted(write: (o: Octets) => number): Uint8Array {
  const o = Octets.alloc(600);
  return o.u8.slice(0, write(o));
}

const options = [
  { name: "blksize", value: "1428" },
  { name: "tsize", value: "0" },
];
const rrq = emitted((o) => emitRrq({ filename: "C0A84D15", mode: TftpMode.Octet, options }, o, 0));
const oack = emitted((o) => emitOack(options.slice(0, 1), o, 0));
const ack = emitted((o) => emitAck(0, o, 0));
const data = Uint8Array.of(...emitted((o) => emitDataHeader(1, o, 0)), 1, 2, 3);
const request = udpPacket(CLIENT, SERVER, rrq);

const ARP_BODY = `0001 0800 06 04 0001 020000000001 c0a84d15 000000000000 c0a84d01`;
const rrqFields = {
  opcode: 1,
  filename: "C0A84D15",
  mode: "octet",
  options: [
    ["blksize", "1428"],
    ["tsize", "0"],
  ],
};

describe("what a message is", () => {
  it("is one JSON object, in this order", () => {
    const feed = new FrameFeed();
    const [message] = feed.give(frame(bytes(ARP_BODY), 0x0806));
    expect(message && messageJson(message)).toBe(
      '{"frame":1,"time":"2023-11-14T22:13:21.000000Z","protocol":"arp","status":"ok","fields":' +
        '{"op":1,"sha":"02:00:00:00:00:01","spa":"192.168.77.21","tha":"00:00:00:00:00:00","tpa":"192.168.77.1"}}',
    );
  });

  it("tells RARP by the EtherType", () => {
    const [message] = new FrameFeed().give(frame(bytes(ARP_BODY), 0x8035));
    expect(message?.protocol).toBe("rarp");
  });
});

describe("below IP", () => {
  it.each([
    { name: "Ethernet", link: LinkType.Ethernet, wrap: (p: Uint8Array) => frame(p) },
    { name: "802.1Q", link: LinkType.Ethernet, wrap: (p: Uint8Array) => frame(p, 0x0800, [5]) },
    { name: "QinQ", link: LinkType.Ethernet, wrap: (p: Uint8Array) => frame(p, 0x0800, [5, 6]) },
    { name: "QinQ, old", link: LinkType.Ethernet, wrap: oldTag },
    { name: "raw", link: LinkType.Raw, wrap: (p: Uint8Array) => p },
    { name: "raw (12)", link: LinkType.RawBsd, wrap: (p: Uint8Array) => p },
    { name: "IPv4", link: LinkType.Ipv4, wrap: (p: Uint8Array) => p },
    { name: "null, big", link: LinkType.Null, wrap: behind("00000002") },
    { name: "null, little", link: LinkType.Null, wrap: behind("02000000") },
    { name: "loop", link: LinkType.Loop, wrap: behind("00000002") },
    {
      name: "cooked",
      link: LinkType.LinuxSll,
      wrap: behind("0000 0001 0006 0200000000010000 0800"),
    },
    {
      name: "cooked, with a tag",
      link: LinkType.LinuxSll,
      wrap: behind("0000 0001 0006 0200000000010000 8100 0005 0800"),
    },
    {
      name: "cooked version 2",
      link: LinkType.LinuxSll2,
      wrap: behind("0800 0000 00000002 0001 00 06 0200000000010000"),
    },
  ])("$name", ({ link, wrap }) => {
    const [message] = new FrameFeed().give(wrap(request), link);
    expect(message).toMatchObject({ protocol: "tftp", status: "ok", fields: rrqFields });
  });

  it("gives a line for what it does not know", () => {
    const feed = new FrameFeed();
    feed.give(frame(new Uint8Array(46), 0x88cc));
    feed.give(new Uint8Array(20), 147);
    feed.give(new Uint8Array(10));
    feed.give(frame(new Uint8Array(30), 0x0800, [1, 2, 3]));
    expect(feed.kinds).toEqual([
      "1 ethernet ok",
      "2 ethernet bad-code",
      "3 ethernet truncated",
      "4 ethernet too-many",
    ]);
    expect(feed.messages[0]?.fields).toMatchObject({ etherType: 0x88cc, length: 60 });
  });
});

describe("IPv6", () => {
  const src = "fe800000000000000000000000000001";
  const dst = "ff020000000000000000000000000002";
  const udp = `07d1 0045 ${(8 + rrq.length).toString(16).padStart(4, "0")} 0000 ${Buffer.from(rrq).toString("hex")}`;
  const len = 8 + rrq.length;

  it.each([
    { name: "plain", next: "11", headers: "" },
    { name: "hop-by-hop", next: "00", headers: "1100000000000000" },
    {
      name: "destination and atomic fragment",
      next: "3c",
      headers: "2c00000000000000 1100000000000000",
    },
  ])("walks through to UDP: $name", ({ next, headers }) => {
    const more = bytes(headers).length;
    const head = `60000000 ${(len + more).toString(16).padStart(4, "0")} ${next} 40 ${src}${dst}`;
    const [message] = new FrameFeed().give(frame(bytes(`${head}${headers}${udp}`), 0x86dd));
    expect(message).toMatchObject({ protocol: "tftp", fields: rrqFields, from: "[fe80::1]:2001" });
  });

  it("is ethernet when there is something else inside", () => {
    const head = `60000000 0008 3a 40 ${src}${dst} 8700000000000000`;
    const [message] = new FrameFeed().give(frame(bytes(head), 0x86dd));
    expect(message).toMatchObject({ protocol: "ethernet", status: "ok" });
  });
});

describe("IPv4", () => {
  it("looks at the checksum, unless a network card was to fill it in", () => {
    const feed = new FrameFeed();
    const packet = request.slice();
    packet[10] = 1;
    feed.give(frame(packet));
    packet[10] = packet[11] = 0;
    feed.give(frame(packet));
    expect(feed.kinds).toEqual(["1 ipv4 bad-checksum", "2 tftp ok"]);
  });

  it("is truncated when it says that it is longer than its frame", () => {
    const [message] = new FrameFeed().give(frame(request.slice(0, -1)));
    expect(message).toMatchObject({ protocol: "ipv4", status: "truncated" });
  });
});

describe("TFTP", () => {
  it("follows a transfer to the ports on which it goes on", () => {
    const feed = new FrameFeed();
    feed.give(frame(request));
    feed.give(frame(udpPacket(TRANSFER, CLIENT, oack)));
    feed.give(frame(udpPacket(CLIENT, TRANSFER, ack)));
    feed.give(frame(udpPacket(TRANSFER, CLIENT, data)));
    feed.give(frame(udpPacket(TRANSFER, CLIENT, Uint8Array.of(9, 9, 9, 9))));
    // Others are no part of it.
    feed.give(frame(udpPacket("192.168.77.9:40000", "192.168.77.22:2001", data)));
    expect(feed.kinds).toEqual([
      "1 tftp ok",
      "2 tftp ok",
      "3 tftp ok",
      "4 tftp ok",
      "5 tftp bad-code",
      "6 udp ok",
    ]);
    expect(feed.messages[1]?.fields).toEqual({ opcode: 6, options: [["blksize", "1428"]] });
    expect(feed.messages[3]?.fields).toEqual({ opcode: 3, block: 1, dataLength: 3 });
  });

  it("knows the transfer also when the request came in fragments, and the answer from elsewhere", () => {
    const feed = new FrameFeed();
    const parts = fragments(udpPacket(CLIENT, "255.255.255.255:69", rrq), 16);
    for (const part of parts) feed.give(frame(part));
    feed.give(frame(udpPacket("192.168.77.7:1234", CLIENT, data)));
    const last = parts.length;
    expect(feed.kinds.slice(0, 2)).toEqual(["1 ipv4 ok", "2 ipv4 ok"]);
    expect(feed.kinds.slice(-2)).toEqual([`${last} tftp ok`, `${last + 1} tftp ok`]);
    expect(feed.messages[last - 1]?.fields).toEqual(rrqFields);
  });

  it("follows a multicast transfer to its group", () => {
    const feed = new FrameFeed();
    const group = [{ name: "multicast", value: "239.1.1.1,1758,1" }];
    feed.give(frame(request));
    feed.give(
      frame(
        udpPacket(
          TRANSFER,
          CLIENT,
          emitted((o) => emitOack(group, o, 0)),
        ),
      ),
    );
    feed.give(frame(udpPacket(TRANSFER, "239.1.1.1:1758", data)));
    expect(feed.kinds[2]).toBe("3 tftp ok");
  });
});

describe("frames that were cut off", () => {
  it("are truncated, and as far as they go", () => {
    const feed = new FrameFeed();
    feed.give(frame(request), LinkType.Ethernet, 4);
    feed.give(frame(udpPacket(TRANSFER, CLIENT, data)), LinkType.Ethernet, 3);
    feed.give(frame(udpPacket(TRANSFER, CLIENT, data)), LinkType.Ethernet, data.length + 4);
    feed.give(frame(request), LinkType.Ethernet, request.length - 19);
    expect(feed.kinds).toEqual([
      "1 tftp truncated",
      "2 tftp truncated",
      "3 udp truncated",
      "4 ipv4 truncated",
    ]);
    expect(feed.messages[1]?.fields).toMatchObject({ opcode: 3, block: 1 });
  });

  it("are not when only padding is missing", () => {
    const padded = Uint8Array.of(...frame(request), 0, 0, 0, 0);
    const [message] = new FrameFeed().give(padded, LinkType.Ethernet, 3);
    expect(message).toMatchObject({ protocol: "tftp", status: "ok" });
  });
});

describe("ICMP", () => {
  it("says which packet was unreachable", () => {
    const about = udpPacket(TRANSFER, CLIENT, data).slice(0, 28);
    const o = new Octets(Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0, ...about));
    o.dv.setUint16(2, foldChecksum(sum16(o, 0, o.u8.length, 0)));
    const packet = ipv4Packet("192.168.77.21", "192.168.77.1", 1, o.u8);
    const [message] = new FrameFeed().give(frame(packet));
    expect(message).toMatchObject({
      protocol: "ipv4",
      status: "ok",
      fields: {
        protocol: 1,
        icmp: {
          type: 3,
          code: 3,
          name: "port unreachable",
          about: { src: "192.168.77.1", dst: "192.168.77.21", srcPort: 40_000, dstPort: 2_001 },
        },
      },
    });
  });
});

describe("mDNS", () => {
  const query =
    "0000 0000 0001 0000 0000 0000 05 5f68747470 04 5f746370 05 6c6f63616c 00 000c 0001";
  const head = "192.168.77.5:5353";

  it("shows questions", () => {
    const [message] = new FrameFeed().give(
      frame(udpPacket(head, "224.0.0.251:5353", bytes(query))),
    );
    expect(message).toMatchObject({
      protocol: "mdns",
      status: "ok",
      fields: { type: "query", questions: [{ name: "_http._tcp.local", type: "PTR" }] },
    });
  });

  it.each([
    {
      name: "more items than there are octets",
      hex: query.replace("0001 0000", "ffff ffff"),
      status: "truncated",
    },
    { name: "a name that runs out", hex: query.slice(0, 61), status: "bad-length" },
    {
      name: "a name that points to itself",
      hex: "0000 0000 0001 0000 0000 0000 c00c 000c 0001",
      status: "bad-length",
    },
    { name: "half a header", hex: "0000 0000", status: "truncated" },
  ])("$name", ({ hex, status }) => {
    const [message] = new FrameFeed().give(frame(udpPacket(head, "224.0.0.251:5353", bytes(hex))));
    expect(message).toMatchObject({ protocol: "mdns", status });
  });
});

function behind(header: string): (packet: Uint8Array) => Uint8Array {
  return (packet) => Uint8Array.of(...bytes(header), ...packet);
}

/** Two tags, of which the outer one has the type that was used before IEEE 802.1ad. */
function oldTag(packet: Uint8Array): Uint8Array {
  const data = frame(packet, 0x0800, [5, 6]);
  data[12] = 0x91;
  data[13] = 0x00;
  return data;
}
