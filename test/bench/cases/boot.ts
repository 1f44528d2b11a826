import { DHCP_LIMITS, DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { DHCP_SERVER_PORT, DhcpMessageType, DhcpOption } from "../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { ETHERTYPE_IPV4, EthernetView } from "../../../protocols/ethernet/frame.ts";
import { IPPROTO_UDP, Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { emitDataHeader, emitOack, TftpView } from "../../../protocols/tftp/packet.ts";
import { UdpView } from "../../../protocols/udp/datagram.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { dirty } from "../../support/hex.ts";
import { capDecoders, dhcpProtocol } from "../baseline/packages.ts";
import { decodeTftp, encodeDataHeader, encodeOack } from "../baseline/tftp.ts";
import {
  DHCP_REPLIES,
  DHCP_REQUESTS,
  TFTP_ACKS_AND_DATA,
  TFTP_OACKS,
  TFTP_REQUESTS,
} from "../frames.ts";
import { type Packet, pick, rotation } from "../packets.ts";
import { type BenchCase, keep } from "../runner.ts";

const SERVER = 0xc0a84d01 | 0;
const CLIENT = 0xc0a84d47 | 0;
const MASK = 0xffffff00 | 0;

const requests = rotation(DHCP_REQUESTS, "udp-payload");
const discovers = rotation(DHCP_REQUESTS.slice(0, 3), "udp-payload");
const replies = rotation(DHCP_REPLIES, "udp-payload");
const out = dirty(2_048);
const dhcp = new DhcpView();
const writer = new DhcpWriter();

/** What the agent reads of a request before it decides: the fixed part and the options that tell the firmware family. */
function readRequest(o: Octets, at: number, len: number): number {
  let sum = dhcp.reset(o, at, len) + dhcp.op + dhcp.xid + dhcp.secs + dhcp.flags;
  sum += dhcp.ciaddr + dhcp.giaddr + dhcp.chaddrAt + dhcp.messageType;
  sum += dhcp.optionIpv4(DhcpOption.RequestedIpAddress);
  sum += dhcp.optionIpv4(DhcpOption.ServerIdentifier);
  sum += dhcp.optionU16(DhcpOption.MaximumDhcpMessageSize, 576);
  sum += dhcp.optionU16(DhcpOption.ClientSystemArchitecture, -1);
  sum += dhcp.optionAt(DhcpOption.VendorClassIdentifier);
  sum += dhcp.optionLen(DhcpOption.VendorClassIdentifier);
  sum += dhcp.optionAt(DhcpOption.ClientIdentifier) + dhcp.optionAt(DhcpOption.UserClass);
  return (sum + dhcp.optionAt(DhcpOption.ClientMachineIdentifier)) & 0xffff;
}

function readReply(p: Packet): number {
  let sum = dhcp.reset(p.o, p.at, p.len) + dhcp.xid + dhcp.yiaddr + dhcp.siaddr + dhcp.messageType;
  sum += dhcp.optionIpv4(DhcpOption.SubnetMask) + dhcp.optionIpv4(DhcpOption.Router);
  sum += dhcp.optionU32(DhcpOption.IpAddressLeaseTime, 0);
  return (sum + dhcp.optionIpv4(DhcpOption.ServerIdentifier) + dhcp.fileLen) & 0xffff;
}

function parse(p: Packet): number {
  const message = dhcpProtocol.parse(p.buffer);
  return keep(message) + message.xid;
}

/** What the sender decides, kept from one reply to the next. */
const offer = {
  op: 2,
  xid: 0,
  yiaddr: CLIENT,
  siaddr: SERVER,
  chaddr: { o: pick(requests, 0).o, at: 0 },
  file: "ipxe.efi",
};

/** The same OFFER for both writers. */
function writeOffer(p: Packet): number {
  offer.xid = p.o.dv.getUint32(p.at + 4) & 0xffff;
  offer.chaddr.at = p.at + 28;
  writer.begin(offer, out, 0, DHCP_LIMITS);
  writer.u8(DhcpOption.DhcpMessageType, DhcpMessageType.Offer);
  writer.ipv4(DhcpOption.ServerIdentifier, SERVER);
  writer.u32(DhcpOption.IpAddressLeaseTime, 600);
  writer.ipv4(DhcpOption.SubnetMask, MASK);
  writer.ipv4(DhcpOption.Router, SERVER);
  writer.text(DhcpOption.HostName, "minipc");
  writer.text(DhcpOption.BootfileName, "ipxe.efi");
  return writer.end();
}

function formatOffer(p: Packet): number {
  const message = dhcpProtocol.format({
    op: 2,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: p.buffer.readUInt32BE(4) & 0xffff,
    secs: 0,
    flags: 0,
    ciaddr: "0.0.0.0",
    yiaddr: "192.168.77.71",
    siaddr: "192.168.77.1",
    giaddr: "0.0.0.0",
    chaddr: "52-54-00-AA-00-02",
    sname: "",
    file: "ipxe.efi",
    options: {
      53: 2,
      54: "192.168.77.1",
      51: 600,
      1: "255.255.255.0",
      3: "192.168.77.1",
      12: "minipc",
      67: "ipxe.efi",
    },
  });
  return keep(message) + message._w;
}

const frames = rotation(DHCP_REQUESTS, "ethernet");
const ethernet = new EthernetView();
const ipv4 = new Ipv4View();
const udp = new UdpView();

/** The whole way from a frame, as the link lane goes it. */
function readFrame(p: Packet): number {
  const status = ethernet.reset(p.o, p.at, p.len);
  if (status !== Status.Ok || ethernet.etherType !== ETHERTYPE_IPV4) return 0;
  if (ipv4.reset(p.o, ethernet.payloadAt, ethernet.payloadLen) !== Status.Ok) return 0;
  if (ipv4.protocol !== IPPROTO_UDP || ipv4.isFragment) return 0;
  if (udp.reset(p.o, ipv4.payloadAt, ipv4.payloadLen) !== Status.Ok) return 0;
  if (udp.dstPort !== DHCP_SERVER_PORT) return 0;
  return readRequest(p.o, udp.payloadAt, udp.payloadLen);
}

function parseFrame(p: Packet): number {
  const e = capDecoders.Ethernet(p.buffer, 0);
  const n = capDecoders.IPV4(p.buffer, e.offset);
  const d = capDecoders.UDP(p.buffer, n.offset);
  const message = dhcpProtocol.parse(p.buffer.subarray(d.offset));
  return keep(e) + keep(n) + keep(d) + keep(message);
}

const DHCP: readonly BenchCase[] = [
  {
    codec: "dhcp",
    kind: "decode",
    name: "DISCOVER of firmware",
    subject: (i) => {
      const p = pick(discovers, i);
      return readRequest(p.o, p.at, p.len);
    },
    baselines: [{ name: "dhcp", run: (i) => parse(pick(discovers, i)) }],
    target: { ratio: 20 },
  },
  {
    codec: "dhcp",
    kind: "decode",
    name: "requests of six clients",
    subject: (i) => {
      const p = pick(requests, i);
      return readRequest(p.o, p.at, p.len);
    },
    baselines: [{ name: "dhcp", run: (i) => parse(pick(requests, i)) }],
  },
  {
    codec: "chain",
    kind: "decode",
    name: "Ethernet to DHCP request",
    subject: (i) => readFrame(pick(frames, i)),
    baselines: [{ name: "cap, then dhcp", run: (i) => parseFrame(pick(frames, i)) }],
  },
  {
    codec: "dhcp",
    kind: "decode",
    name: "OFFER and ACK",
    subject: (i) => readReply(pick(replies, i)),
    baselines: [{ name: "dhcp", run: (i) => parse(pick(replies, i)) }],
  },
  {
    codec: "dhcp",
    kind: "encode",
    name: "OFFER, 7 options",
    subject: (i) => writeOffer(pick(requests, i)),
    baselines: [{ name: "dhcp", run: (i) => formatOffer(pick(requests, i)) }],
  },
];

const rrqs = rotation(TFTP_REQUESTS, "udp-payload");
const oacks = rotation(TFTP_OACKS, "udp-payload");
const blocks = rotation(TFTP_ACKS_AND_DATA, "udp-payload");
const tftp = new TftpView();
const oackOptions = [
  { name: "blksize", value: "1468" },
  { name: "tsize", value: "1048576" },
];
const oackMap = new Map(oackOptions.map(({ name, value }) => [name, value]));

const TFTP: readonly BenchCase[] = [
  {
    codec: "tftp",
    kind: "decode",
    name: "RRQ",
    subject: (i) => {
      const p = pick(rrqs, i);
      let sum = tftp.reset(p.o, p.at, p.len) + tftp.filenameLen + tftp.mode + tftp.optionCount;
      sum += tftp.optionIndex("blksize") + tftp.optionIndex("tsize");
      return sum;
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeTftp(pick(rrqs, i).buffer)) }],
  },
  {
    codec: "tftp",
    kind: "decode",
    name: "OACK",
    subject: (i) => {
      const p = pick(oacks, i);
      return (
        (tftp.reset(p.o, p.at, p.len) + tftp.optionIndex("blksize") + tftp.optionValueLen(0)) &
        0xffff
      );
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeTftp(pick(oacks, i).buffer)) }],
  },
  {
    codec: "tftp",
    kind: "decode",
    name: "ACK, DATA, ERROR",
    subject: (i) => {
      const p = pick(blocks, i);
      return (tftp.reset(p.o, p.at, p.len) + tftp.opcode + tftp.block + tftp.dataLen) & 0xffff;
    },
    baselines: [{ name: "plain", run: (i) => keep(decodeTftp(pick(blocks, i).buffer)) }],
  },
  {
    codec: "tftp",
    kind: "encode",
    name: "OACK",
    subject: (i) => emitOack(oackOptions, out, i & 255),
    baselines: [{ name: "plain", run: () => keep(encodeOack(oackMap)) }],
  },
  {
    codec: "tftp",
    kind: "encode",
    name: "DATA header",
    subject: (i) => emitDataHeader(i & 0xffff, out, i & 255),
    baselines: [{ name: "plain", run: (i) => keep(encodeDataHeader(i & 0xffff)) }],
  },
];

/** The protocols that hand out addresses and files. */
export const BOOT_CASES: readonly BenchCase[] = [...DHCP, ...TFTP];
