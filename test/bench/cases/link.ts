import { ArpView, emitArp, RARP_REPLY } from "../../../protocols/arp/packet.ts";
import { ETHERTYPE_IPV4, EthernetView, emitEthernet } from "../../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP, Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { emitTcp, TcpFlag, TcpView } from "../../../protocols/tcp/segment.ts";
import { emitUdp, UdpView } from "../../../protocols/udp/datagram.ts";
import { bytes, dirty } from "../../support/hex.ts";
import { encodeArp, encodeEthernet, encodeIpv4, encodeTcp, encodeUdp } from "../baseline/link.ts";
import {
  capDecoders,
  PcapArp,
  PcapEthernet,
  PcapIpv4,
  PcapTcp,
  PcapUdp,
} from "../baseline/packages.ts";
import { ARP, DHCP_REQUESTS, RARP, TCP_SEGMENTS, TFTP_REQUESTS } from "../frames.ts";
import { NFS_READ_CALLS } from "../frames-rpc.ts";
import { pick, rotation } from "../packets.ts";
import { type BenchCase, keep } from "../runner.ts";

const SERVER = 0xc0a84d01 | 0;
const CLIENT = 0xc0a84d15 | 0;
const SERVER_TEXT = "192.168.77.1";
const CLIENT_TEXT = "192.168.77.21";
const SERVER_MAC = bytes("5254 0077 0001");
const CLIENT_MAC = bytes("5254 00aa 0001");
const SERVER_MAC_TEXT = "52:54:00:77:00:01";
const CLIENT_MAC_TEXT = "52:54:00:aa:00:01";

const DATAGRAMS = [...DHCP_REQUESTS, ...TFTP_REQUESTS, ...NFS_READ_CALLS];
const frames = rotation(DATAGRAMS, "ethernet");
const ipv4s = rotation(DATAGRAMS, "ipv4");
const udps = rotation(DATAGRAMS, "ipv4-payload");
const tcps = rotation(TCP_SEGMENTS, "ipv4-payload");
const arps = rotation([...ARP, ...RARP], "ethernet").map((p) => ({
  o: p.o,
  at: p.at + 14,
  len: p.len - 14,
  buffer: p.buffer.subarray(14),
}));
const out = dirty(2_048);

const ethernet = new EthernetView();
const ethernetRepr = { dst: CLIENT_MAC, src: SERVER_MAC, etherType: ETHERTYPE_IPV4 };

const ETHERNET: readonly BenchCase[] = [
  {
    codec: "ethernet",
    kind: "decode",
    name: "header",
    subject: (i) => {
      const p = pick(frames, i);
      const status = ethernet.reset(p.o, p.at, p.len);
      return (
        (status + ethernet.etherType + ethernet.vlanId + ethernet.payloadAt + ethernet.srcAt) &
        0xffff
      );
    },
    baselines: [{ name: "cap", run: (i) => keep(capDecoders.Ethernet(pick(frames, i).buffer, 0)) }],
  },
  {
    codec: "ethernet",
    kind: "encode",
    name: "header",
    subject: (i) => emitEthernet(ethernetRepr, out, i & 255),
    baselines: [
      { name: "plain", run: () => keep(encodeEthernet(CLIENT_MAC_TEXT, SERVER_MAC_TEXT, 0x0800)) },
    ],
  },
];

const arp = new ArpView();
const arpRepr = { op: RARP_REPLY, sha: SERVER_MAC, spa: SERVER, tha: CLIENT_MAC, tpa: CLIENT };

const ARP_RARP: readonly BenchCase[] = [
  {
    codec: "arp",
    kind: "decode",
    name: "ARP and RARP",
    subject: (i) => {
      const p = pick(arps, i);
      return (
        (arp.reset(p.o, p.at, p.len) + arp.op + arp.spa + arp.tpa + arp.shaAt + arp.thaAt) & 0xffff
      );
    },
    baselines: [
      { name: "cap", run: (i) => keep(capDecoders.ARP(pick(arps, i).buffer, 0)) },
      { name: "pcap", run: (i) => keep(new PcapArp().decode(pick(arps, i).buffer, 0)) },
    ],
  },
  {
    codec: "arp",
    kind: "encode",
    name: "RARP reply",
    subject: (i) => emitArp(arpRepr, out, i & 255),
    baselines: [
      {
        name: "plain",
        run: () => keep(encodeArp(4, SERVER_MAC_TEXT, SERVER_TEXT, CLIENT_MAC_TEXT, CLIENT_TEXT)),
      },
    ],
  },
];

const ipv4 = new Ipv4View();
const ipv4Repr = { src: SERVER, dst: CLIENT, protocol: IPPROTO_UDP };
const payload = Buffer.alloc(300, 0x5a);

const IPV4: readonly BenchCase[] = [
  {
    codec: "ipv4",
    kind: "decode",
    name: "header, checksum verified",
    subject: (i) => {
      const p = pick(ipv4s, i);
      const status = ipv4.reset(p.o, p.at, p.len);
      return (
        (status + ipv4.src + ipv4.dst + ipv4.protocol + ipv4.payloadAt + ipv4.payloadLen) & 0xffff
      );
    },
    baselines: [
      { name: "cap, unverified", run: (i) => keep(capDecoders.IPV4(pick(ipv4s, i).buffer, 0)) },
      {
        name: "pcap, unverified, with UDP",
        run: (i) => keep(new PcapIpv4().decode(pick(ipv4s, i).buffer, 0)),
      },
    ],
  },
  {
    codec: "ipv4",
    kind: "encode",
    name: "header for 300 octets",
    subject: (i) => emitIpv4(ipv4Repr, 300, out, i & 255),
    baselines: [
      { name: "plain", run: () => keep(encodeIpv4(SERVER_TEXT, CLIENT_TEXT, 17, payload)) },
    ],
  },
];

const udp = new UdpView();
const ports = { srcPort: 67, dstPort: 68 };
const plainPorts = { src: 67, dst: 68 };

const UDP: readonly BenchCase[] = [
  {
    codec: "udp",
    kind: "decode",
    name: "header",
    subject: (i) => {
      const p = pick(udps, i);
      return (udp.reset(p.o, p.at, p.len) + udp.srcPort + udp.dstPort + udp.payloadLen) & 0xffff;
    },
    baselines: [
      { name: "cap", run: (i) => keep(capDecoders.UDP(pick(udps, i).buffer, 0)) },
      { name: "pcap", run: (i) => keep(new PcapUdp().decode(pick(udps, i).buffer, 0)) },
    ],
  },
  {
    codec: "udp",
    kind: "encode",
    name: "300 octets, checksummed",
    subject: (i) => emitUdp(ports, 300, SERVER, CLIENT, out, i & 254),
    baselines: [
      { name: "plain", run: () => keep(encodeUdp(plainPorts, SERVER_TEXT, CLIENT_TEXT, payload)) },
    ],
  },
];

const tcp = new TcpView();
const segment = {
  srcPort: 1024,
  dstPort: 80,
  seq: 7,
  ack: 9,
  flags: TcpFlag.Ack | TcpFlag.Psh,
  window: 8_192,
  mss: 0,
};

const TCP: readonly BenchCase[] = [
  {
    codec: "tcp",
    kind: "decode",
    name: "header and options",
    subject: (i) => {
      const p = pick(tcps, i);
      const status = tcp.reset(p.o, p.at, p.len);
      return (
        (status + tcp.srcPort + tcp.seq + tcp.ack + tcp.flags + tcp.mss + tcp.payloadLen) & 0xffff
      );
    },
    baselines: [
      { name: "cap, no options", run: (i) => keep(capDecoders.TCP(pick(tcps, i).buffer, 0)) },
      {
        name: "pcap",
        run: (i) => {
          const { buffer } = pick(tcps, i);
          return keep(new PcapTcp().decode(buffer, 0, buffer.length));
        },
      },
    ],
  },
  {
    codec: "tcp",
    kind: "encode",
    name: "300 octets, checksummed",
    subject: (i) => emitTcp(segment, 300, SERVER, CLIENT, out, i & 254),
    baselines: [
      { name: "plain", run: () => keep(encodeTcp(segment, SERVER_TEXT, CLIENT_TEXT, payload)) },
    ],
  },
];

const CHAIN: readonly BenchCase[] = [
  {
    codec: "chain",
    kind: "decode",
    name: "Ethernet, IPv4, UDP",
    subject: (i) => {
      const p = pick(frames, i);
      let sum = ethernet.reset(p.o, p.at, p.len) + ethernet.etherType;
      sum += ipv4.reset(p.o, ethernet.payloadAt, ethernet.payloadLen) + ipv4.src + ipv4.dst;
      sum += udp.reset(p.o, ipv4.payloadAt, ipv4.payloadLen) + udp.srcPort + udp.dstPort;
      return (sum + udp.payloadAt + udp.payloadLen) & 0xffff;
    },
    baselines: [
      {
        name: "cap",
        run: (i) => {
          const { buffer } = pick(frames, i);
          const e = capDecoders.Ethernet(buffer, 0);
          const n = capDecoders.IPV4(buffer, e.offset);
          const d = capDecoders.UDP(buffer, n.offset);
          return keep(e) + keep(n) + keep(d);
        },
      },
      { name: "pcap", run: (i) => keep(new PcapEthernet().decode(pick(frames, i).buffer, 0)) },
    ],
  },
];

/** Ethernet to UDP and TCP. */
export const LINK_CASES: readonly BenchCase[] = [
  ...ETHERNET,
  ...ARP_RARP,
  ...IPV4,
  ...UDP,
  ...TCP,
  ...CHAIN,
];
