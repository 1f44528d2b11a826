import { ArpView, emitArp } from "../../../protocols/arp/packet.ts";
import { EthernetView, emitEthernet } from "../../../protocols/ethernet/frame.ts";
import { emitIpv4, Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { emitUdp, UdpView, verifyUdpChecksum } from "../../../protocols/udp/datagram.ts";
import { foldChecksum, sum16 } from "../../../protocols/wire/checksum.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { emitMagicPacket, MagicPacketView } from "../../../protocols/wol/magic-packet.ts";
import { ascii, joined, type Target, words } from "../engine/target.ts";

const SRC = 0x0a00_0001;
const DST = 0x0a00_0002;
const IPV4_HEADER_LEN = 20;

const frame = new EthernetView();
const arp = new ArpView();
const magic = new MagicPacketView();
const ip = new Ipv4View();
const udp = new UdpView();
const out = Octets.alloc(128);

/** Ethernet frames with up to two tags. */
export const ethernet: Target = {
  name: "ethernet",
  sources: ["/protocols/ethernet/"],
  maxLen: 256,
  dictionary: [ascii("\x81\0"), ascii("\x88\xa8"), ascii("\x08\x06"), ascii("\x80\x35")],
  run(o, at, len, t) {
    const status = frame.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(frame);
    const { dstAt, srcAt, etherType, vlanId } = frame;
    const dst = o.u8.slice(dstAt, dstAt + 6);
    const src = o.u8.slice(srcAt, srcAt + 6);
    out.u8.fill(0xa5);
    const n = emitEthernet({ dst, src, etherType, vlanId }, out, 0);
    const again = frame.reset(out, 0, n);
    t.check(again === Status.Ok || vlanId < 0, "what was emitted is refused");
    t.check(frame.etherType === etherType && frame.vlanId === vlanId, "parse(emit(r)) is not r");
  },
};

/** ARP and RARP. */
export const arpPacket: Target = {
  name: "arp",
  sources: ["/protocols/arp/"],
  maxLen: 128,
  dictionary: [words(0x0001_0800), words(0x0604_0003)],
  seeds: [joined(words(0x0001_0800, 0x0604_0003), new Uint8Array(20))],
  run(o, at, len, t) {
    const status = arp.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(arp);
    const { op, shaAt, spa, thaAt, tpa } = arp;
    const sha = o.u8.slice(shaAt, shaAt + 6);
    const tha = o.u8.slice(thaAt, thaAt + 6);
    out.u8.fill(0xa5);
    const n = emitArp({ op, sha, spa, tha, tpa }, out, 0);
    for (let i = 0; i < n; i++) t.check(out.u8[i] === o.u8[at + i], "emit(parse(x)) is not x");
  },
};

/** Magic packets, which may stand anywhere in a frame. */
export const magicPacket: Target = {
  name: "magic-packet",
  sources: ["/protocols/wol/"],
  maxLen: 256,
  dictionary: [words(0xffff_ffff)],
  seeds: [
    joined(new Uint8Array(6).fill(0xff), new Uint8Array(96), new Uint8Array(6).fill(1)),
    new Uint8Array(102).fill(0xff),
  ],
  run(o, at, len, t) {
    const status = magic.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(magic);
    const { syncAt, macAt, passwordAt, passwordLen } = magic;
    t.check(syncAt >= at && passwordAt + passwordLen <= at + len, "it leaves its window");
    const mac = o.u8.slice(macAt, macAt + 6);
    const password = o.u8.slice(passwordAt, passwordAt + passwordLen);
    const n = emitMagicPacket(passwordLen > 0 ? { mac, password } : { mac }, out, 0);
    for (let i = 0; i < n; i++) t.check(out.u8[i] === o.u8[syncAt + i], "emit(parse(x)) is not x");
  },
};

/** IPv4 packets; nineteen of twenty have a right header checksum. */
export const ipv4: Target = {
  name: "ipv4",
  sources: ["/protocols/ipv4/packet"],
  maxLen: 512,
  dictionary: [ascii("\x45\0"), ascii("\x4f"), ascii("\x20\0"), words(0x0a00_0001)],
  seeds: [headerOf(28)],
  mend: mendIpv4,
  run(o, at, len, t) {
    const status = ip.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(ip);
    t.check(ip.payloadAt + ip.payloadLen <= at + len, "the payload leaves the window");
    const { src, dst, protocol, ttl, id, dontFragment, payloadLen } = ip;
    out.u8.fill(0xa5);
    emitIpv4({ src, dst, protocol, ttl, id, dontFragment }, payloadLen, out, 0);
    // Options are not emitted, so the payload may not fit behind what was a longer header.
    const whole = Octets.alloc(IPV4_HEADER_LEN + payloadLen);
    whole.u8.set(out.u8.subarray(0, IPV4_HEADER_LEN));
    t.check(ip.reset(whole, 0, whole.u8.length) === Status.Ok, "what was emitted is refused");
    t.check(ip.src === src && ip.dst === dst && ip.id === id, "parse(emit(r)) is not r");
  },
  limits: { allocatedOctets: 128 * 1024 },
};

/** UDP datagrams and their checksums. */
export const udpDatagram: Target = {
  name: "udp",
  sources: ["/protocols/udp/", "/protocols/wire/checksum"],
  maxLen: 2_048,
  dictionary: [ascii("\0\x43\0\x44"), ascii("\0\x45")],
  run(o, at, len, t) {
    const status = udp.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(udp);
    const { srcPort, dstPort, length, payloadAt, payloadLen } = udp;
    t.add(verifyUdpChecksum(o, at, length, SRC, DST));
    const copy = Octets.alloc(length);
    copy.u8.set(o.u8.subarray(payloadAt, payloadAt + payloadLen), 8);
    emitUdp({ srcPort, dstPort }, payloadLen, SRC, DST, copy, 0);
    t.check(udp.reset(copy, 0, length) === Status.Ok, "what was emitted is refused");
    t.check(udp.checksum !== 0, "a checksum of zero was sent, which means none");
    t.check(verifyUdpChecksum(copy, 0, length, SRC, DST), "the emitted checksum is wrong");
  },
};

function headerOf(len: number): Uint8Array {
  const o = Octets.alloc(len);
  emitIpv4({ src: SRC, dst: DST, protocol: 17 }, len - IPV4_HEADER_LEN, o, 0);
  return o.u8;
}

/** Puts the header checksum right, where there is a header. */
export function mendIpv4(u8: Uint8Array): void {
  const headerLen = ((u8[0] ?? 0) & 15) * 4;
  if (headerLen < IPV4_HEADER_LEN || u8.length < headerLen) return;
  const o = new Octets(u8);
  o.dv.setUint16(10, 0);
  o.dv.setUint16(10, foldChecksum(sum16(o, 0, headerLen, 0)));
}
