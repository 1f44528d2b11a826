import { ArpView, emitArp, RARP_REPLY } from "../../../../protocols/arp/packet.ts";
import {
  ClasslessRoutesView,
  writeClasslessRoutes,
} from "../../../../protocols/dhcp/classless-routes.ts";
import * as O from "../../../../protocols/dhcp/client-options.ts";
import { IpxeView } from "../../../../protocols/dhcp/ipxe.ts";
import { DHCP_LIMITS, DhcpWriter } from "../../../../protocols/dhcp/message.ts";
import { OptionFraming, OptionWalker } from "../../../../protocols/dhcp/option-walker.ts";
import { DhcpOption } from "../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import {
  encodePxeVendor,
  PxeVendorView,
  RASPBERRY_PI_BOOT,
  writePxeVendor,
} from "../../../../protocols/dhcp/pxe.ts";
import { echoRelayAgent, RelayAgentView } from "../../../../protocols/dhcp/relay-agent.ts";
import { UserClassView } from "../../../../protocols/dhcp/user-class.ts";
import { VendorIdentifyingView } from "../../../../protocols/dhcp/vendor-identifying.ts";
import { EthernetView, emitEthernet, padFrame } from "../../../../protocols/ethernet/frame.ts";
import { IcmpView } from "../../../../protocols/icmp/message.ts";
import { emitIpv4, Ipv4View } from "../../../../protocols/ipv4/packet.ts";
import { Ipv6View } from "../../../../protocols/ipv6/packet.ts";
import { emitTcp, TcpView, verifyTcpChecksum } from "../../../../protocols/tcp/segment.ts";
import { NetasciiDecoder, NetasciiEncoder } from "../../../../protocols/tftp/netascii.ts";
import {
  emitAck,
  emitDataHeader,
  emitError,
  emitOack,
  emitRrq,
  TftpView,
} from "../../../../protocols/tftp/packet.ts";
import { emitUdp, UdpView, verifyUdpChecksum } from "../../../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { emitMagicPacket, MagicPacketView } from "../../../../protocols/wol/magic-packet.ts";
import { bytes, hex } from "../../../support/hex.ts";
import { EDK2_REQUEST, IPXE_DISCOVER, PROXY_OFFER } from "../dhcp/frames.ts";
import { type CodecOperation, decode, emitted, encode, joined, out } from "./operation.ts";

const SERVER = 0xc0a84d01 | 0;
const CLIENT = 0xc0a84d15 | 0;
const SERVER_MAC = bytes("5254 0077 0001");
const CLIENT_MAC = bytes("5254 00aa 0001");
const PAYLOAD = Octets.alloc(308);

const ethernet = { dst: CLIENT_MAC, src: SERVER_MAC, etherType: 0x0800, vlanId: 100 };
const arp = { op: RARP_REPLY, sha: SERVER_MAC, spa: SERVER, tha: CLIENT_MAC, tpa: CLIENT };
const magic = { mac: CLIENT_MAC, password: bytes("010203040506") };
const ipv4 = { src: SERVER, dst: CLIENT, protocol: 17 };
const udp = { srcPort: 67, dstPort: 68 };
const tcp = { srcPort: 80, dstPort: 1_024, seq: 1, ack: 2, flags: 24, window: 8_192, mss: 1_460 };
const datagram = emitted((o, at) => emitUdp(udp, 300, SERVER, CLIENT, o, at) + 300);
const segment = emitted((o, at) => emitTcp(tcp, 300, SERVER, CLIENT, o, at) + 300);

// A port unreachable, and an IPv6 packet with a UDP header.
const unreachable = hex(
  "03 03 0000 00000000 4500 0040 0007 0000 40 11 0000 c0a84d01 c0a84d15 9c40 07d1 002c 0000",
);
unreachable.dv.setUint16(2, foldChecksum(sum16(unreachable, 0, unreachable.u8.length, 0)));
const ipv6 = hex(
  "60000000 0004 11 40 fe800000000000000000000000000001 ff020000000000000000000000000002 01020304",
);

const LINK: readonly CodecOperation[] = [
  decode(
    new IcmpView(),
    unreachable,
    (v) => v.type + v.code + (v.innerSrc ^ v.innerDst) + v.innerSrcPort + v.innerDstPort,
  ),
  decode(new Ipv6View(), ipv6, (v) => v.protocol + v.payloadAt + v.payloadLen + v.srcAt + v.dstAt),
  decode(
    new EthernetView(),
    joined(
      emitted((o, at) => emitEthernet(ethernet, o, at)),
      PAYLOAD,
    ),
    (v) => v.dstAt + v.srcAt + v.etherType + v.vlanId + v.payloadAt + v.payloadLen,
  ),
  encode(emitEthernet, () => padFrame(out, 0, emitEthernet(ethernet, out, 0))),
  decode(
    new ArpView(),
    emitted((o, at) => emitArp(arp, o, at)),
    (v) => v.op + v.shaAt + (v.spa ^ v.tpa) + v.thaAt,
  ),
  encode(emitArp, () => emitArp(arp, out, 0)),
  decode(
    new MagicPacketView(),
    emitted((o, at) => emitMagicPacket(magic, o, at)),
    (v) => v.syncAt + v.macAt + v.passwordAt + v.passwordLen,
  ),
  encode(emitMagicPacket, () => emitMagicPacket(magic, out, 0)),
  decode(
    new Ipv4View(),
    joined(
      emitted((o, at) => emitIpv4(ipv4, 308, o, at)),
      PAYLOAD,
    ),
    (v) => (v.src ^ v.dst) + v.protocol + v.ttl + v.fragmentOffset + v.payloadAt + v.payloadLen,
  ),
  encode(emitIpv4, () => emitIpv4(ipv4, 308, out, 0)),
  decode(new UdpView(), datagram, (v) => v.srcPort + v.dstPort + v.checksum + v.payloadLen),
  encode(emitUdp, () => emitUdp(udp, 300, SERVER, CLIENT, out, 0)),
  encode(verifyUdpChecksum, () => Number(verifyUdpChecksum(datagram, 0, 308, SERVER, CLIENT))),
  decode(new TcpView(), segment, (v) => v.seq + v.ack + v.flags + v.mss + v.payloadLen),
  encode(emitTcp, () => emitTcp(tcp, 300, SERVER, CLIENT, out, 0)),
  encode(verifyTcpChecksum, () =>
    Number(verifyTcpChecksum(segment, 0, segment.u8.length, SERVER, CLIENT)),
  ),
];

const request = new DhcpView();
const edk2 = hex(EDK2_REQUEST);
request.reset(edk2, 0, edk2.u8.length);
const relayed = new DhcpView();
const circuit = hex("01 04 00000001 02 03 aabbcc 05 04 c0a84d00 0b 04 c0a84d01");
const writer = new DhcpWriter();
const header = { op: 2, xid: 7, yiaddr: CLIENT, siaddr: SERVER, chaddr: { o: edk2, at: 28 } };
const relayedRequest = emitted((o, at) => {
  writer.begin({ op: 1, xid: 7, chaddr: CLIENT_MAC }, o, at, DHCP_LIMITS);
  writer.octets(DhcpOption.RelayAgentInformation, circuit, 0, circuit.u8.length);
  return writer.end();
});
relayed.reset(relayedRequest, 0, relayedRequest.u8.length);
const menu = encodePxeVendor(RASPBERRY_PI_BOOT) ?? PAYLOAD;
const scratch = Octets.alloc(512);
const addresses = [SERVER, CLIENT];
const routes = [{ destination: 0x0a000000, prefixLen: 8, router: SERVER }];
const routeScratch = Octets.alloc(16);
const routeWriter = new DhcpWriter();
const routeHeader = { op: 2, xid: 1, chaddr: SERVER_MAC };

const CLIENT_OPTIONS: readonly CodecOperation[] = [
  decode(new O.ClientIdentifierView(), hex("01 525400aa0002"), (v) => v.type + v.idAt + v.idLen),
  decode(new O.ArchitectureListView(), hex("0007 0010"), (v) => v.count + v.architecture(1)),
  decode(new O.NetworkInterfaceView(), hex("010201"), (v) => v.type + v.major + v.minor),
  decode(new O.MachineIdentifierView(), hex(`00${"44".repeat(16)}`), (v) => v.type + v.uuidAt),
  decode(new O.Ipv4ListView(), hex("c0a84d01 0a000001"), (v) => v.count + v.address(1)),
  decode(new UserClassView(), hex("04 69505845"), (v) => Number(v.next()) + v.valueAt + v.valueLen),
  decode(
    new ClasslessRoutesView(),
    hex("08 0a 0a000001"),
    (v) => Number(v.next()) + v.prefixLen + v.destination + v.router,
  ),
  decode(
    new VendorIdentifyingView(),
    hex("00000de9 02 0101"),
    (v) => Number(v.next()) + v.enterprise + v.dataAt + v.dataLen,
  ),
  encode(writeClasslessRoutes, () => {
    routeWriter.begin(routeHeader, out, 0, DHCP_LIMITS);
    return Number(writeClasslessRoutes(routeWriter, routes, routeScratch)) + routeWriter.end();
  }),
];

const walker = new OptionWalker();
const longText = "a".repeat(300);
const count = (_code: number, _at: number, len: number): void => {
  counted = (counted + len) & 0xffff;
};
let counted = 0;

function offer(): number {
  writer.begin(header, out, 0, DHCP_LIMITS);
  writer.u8(DhcpOption.DhcpMessageType, 2);
  writer.u16(DhcpOption.InterfaceMtu, 1_500);
  writer.u32(DhcpOption.IpAddressLeaseTime, 600);
  writer.ipv4(DhcpOption.ServerIdentifier, SERVER);
  writer.ipv4s(DhcpOption.DomainNameServer, addresses);
  writer.text(DhcpOption.HostName, "minipc");
  writer.beginEncapsulated(DhcpOption.Ipxe);
  writer.u8(0xb0, 1);
  writer.endEncapsulated(true);
  writePxeVendor(writer, menu);
  echoRelayAgent(relayed, writer, scratch);
  return writer.end();
}

/** Text that must be split, and options that overflow into `file` and `sname`. */
function overloaded(o: Octets, at: number): number {
  writer.begin(header, o, at, DHCP_LIMITS);
  writer.text(DhcpOption.RootPath, longText);
  writer.octets(DhcpOption.VendorSpecific, PAYLOAD, 0, 100);
  writer.octets(DhcpOption.BootfileName, PAYLOAD, 0, 50);
  return writer.end();
}

const DHCP: readonly CodecOperation[] = [
  decode(
    new DhcpView(),
    hex(IPXE_DISCOVER),
    (v) => v.op + v.flags + v.ciaddr + v.messageType + v.optionAt(60) + v.optionU16(93, 0),
  ),
  decode(
    new DhcpView(),
    emitted(overloaded),
    (v) => v.fileLen + v.snameLen + v.optionJoined(DhcpOption.RootPath, scratch),
  ),
  decode(new DhcpView(), hex(PROXY_OFFER), (v) => {
    v.forEachOption(count);
    return v.optionIpv4(54) + Number(v.parameterListContains(3)) + counted;
  }),
  encode(DhcpWriter, offer),
  encode(DhcpWriter, () => overloaded(out, 0)),
  encode(OptionWalker, () => {
    let n = 0;
    walker.reset(edk2, 240, edk2.u8.length - 240, OptionFraming.Dhcp);
    while (walker.next()) n += walker.code + walker.valueAt + walker.valueLen;
    return n;
  }),
  decode(new PxeVendorView(), menu, (v) => v.discoveryControl + v.menuAt + v.promptLen),
  decode(
    new IpxeView(),
    hex("b105018086100e eb03010000 170101 130101"),
    (v) => v.version + v.pciVendor + Number(v.has(0x13)),
  ),
  decode(
    new RelayAgentView(),
    circuit,
    (v) => v.circuitIdAt + v.remoteIdLen + v.linkSelection + v.serverIdentifierOverride,
  ),
];

const rrq = {
  filename: "ipxe.efi",
  mode: 1 as const,
  options: [
    { name: "tsize", value: "0" },
    { name: "blksize", value: "1468" },
  ],
};
const text = new Octets(new TextEncoder().encode("one\ntwo\rthree\n".repeat(16)));
const netascii = Octets.alloc(512);
const encoder = new NetasciiEncoder();
const decoder = new NetasciiDecoder();

const TFTP: readonly CodecOperation[] = [
  decode(
    new TftpView(),
    emitted((o, at) => emitRrq(rrq, o, at)),
    (v) => v.filenameLen + v.mode + v.optionCount + v.optionIndex("blksize") + v.optionValueAt(1),
  ),
  decode(
    new TftpView(),
    emitted((o, at) => emitOack(rrq.options, o, at)),
    (v) => v.opcode + v.optionIndex("tsize") + v.optionNameLen(0),
  ),
  decode(
    new TftpView(),
    emitted((o, at) => emitDataHeader(7, o, at) + 100),
    (v) => v.block + v.dataAt + v.dataLen,
  ),
  decode(
    new TftpView(),
    emitted((o, at) => emitError(1, "not found", o, at)),
    (v) => v.errorCode + v.errorMessageLen,
  ),
  encode(emitRrq, () => emitRrq(rrq, out, 0)),
  encode(emitOack, () => emitOack(rrq.options, out, 0)),
  encode(emitAck, () => emitAck(7, out, 0)),
  encode(emitDataHeader, () => emitDataHeader(7, out, 0)),
  encode(emitError, () => emitError(1, "not found", out, 0)),
  encode(NetasciiEncoder, () => {
    encoder.restart();
    return encoder.encode(text, 0, text.u8.length, netascii, 0, 512) + encoder.consumed;
  }),
  encode(NetasciiDecoder, () => {
    decoder.restart();
    return decoder.decode(text, 0, text.u8.length, netascii, 0) + decoder.finish(netascii, 400);
  }),
];

/** Ethernet to TFTP. */
export const LINK_OPERATIONS: readonly CodecOperation[] = [
  ...LINK,
  ...DHCP,
  ...CLIENT_OPTIONS,
  ...TFTP,
];
