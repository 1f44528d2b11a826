import { describe, expect, it } from "vitest";
import { HostStack } from "../../../firmware-sim/stack/host-stack.ts";
import { ARP_REQUEST, emitArp } from "../../../protocols/arp/packet.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, emitEthernet } from "../../../protocols/ethernet/frame.ts";
import { emitIpv4, IPPROTO_UDP } from "../../../protocols/ipv4/packet.ts";
import { emitUdp } from "../../../protocols/udp/datagram.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { dirty } from "../../support/hex.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { ip } from "./boot-run.ts";

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const PEER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 2);
const OURS = ip("192.168.77.21");
const PEER = ip("192.168.77.1");
const PORT = 2_000;

function stack(partialChecksums = false): HostStack {
  const host = new HostStack(MAC, seededRandom(1), partialChecksums);
  host.address = OURS;
  return host;
}

/** A frame with a datagram of four octets for our port, and its length. */
function datagram(dst: number): { o: Octets; len: number } {
  const o = Octets.alloc(64);
  o.dv.setUint32(42, 0x01020304);
  emitUdp({ srcPort: 69, dstPort: PORT }, 4, PEER, dst, o, 34);
  emitIpv4({ src: PEER, dst, protocol: IPPROTO_UDP }, 12, o, 14);
  emitEthernet({ dst: MAC, src: PEER_MAC, etherType: ETHERTYPE_IPV4 }, o, 0);
  return { o, len: 46 };
}

function received(host: HostStack, frame: { o: Octets; len: number }): boolean {
  const port = host.openUdp(PORT);
  host.handleFrame(frame.o, 0, frame.len);
  return port.receive(0).next().value !== undefined;
}

describe("a datagram", () => {
  it("for our address arrives", () => {
    expect(received(stack(), datagram(OURS))).toBe(true);
  });

  it("for another address does not, and is counted", () => {
    const host = stack();
    expect(received(host, datagram(OURS + 1))).toBe(false);
    expect(host.explainRefusals()).toBe(" (1 packets were for another IP address)");
  });

  it("for any address arrives while we have none", () => {
    const host = stack();
    host.address = 0;
    expect(received(host, datagram(OURS + 1))).toBe(true);
  });

  it("with a wrong checksum does not", () => {
    const frame = datagram(OURS);
    frame.o.dv.setUint8(45, 0);
    const host = stack(true);
    expect(received(host, frame)).toBe(false);
    expect(host.refused.badChecksums).toBe(1);
  });

  it("with the sum of the pseudo header alone arrives on virtual links only", () => {
    const frame = datagram(OURS);
    // 192.168.77.1, 192.168.77.21, protocol 17, length 12, folded and not inverted.
    const sum = 0xc0a8 + 0x4d01 + 0xc0a8 + 0x4d15 + 17 + 12;
    frame.o.dv.setUint16(40, (sum & 0xffff) + (sum >>> 16));
    expect(received(stack(true), frame)).toBe(true);
    expect(received(stack(false), frame)).toBe(false);
  });

  it("in fragments is dropped and counted", () => {
    const frame = datagram(OURS);
    frame.o.dv.setUint16(20, 0x2000);
    frame.o.dv.setUint16(24, frame.o.dv.getUint16(24) - 0x2000);
    const host = stack();
    expect(received(host, frame)).toBe(false);
    expect(host.refused.fragments).toBe(1);
  });
});

describe("an ARP request", () => {
  function asked(host: HostStack, tpa: number): number {
    const o = Octets.alloc(60);
    emitArp({ op: ARP_REQUEST, sha: PEER_MAC, spa: PEER, tha: new Uint8Array(6), tpa }, o, 14);
    emitEthernet({ dst: MAC.slice().fill(0xff), src: PEER_MAC, etherType: ETHERTYPE_ARP }, o, 0);
    host.handleFrame(o, 0, 60);
    return host.pollTransmit(dirty(60), 0);
  }

  it("for our address is answered with a padded frame", () => {
    expect(asked(stack(), OURS)).toBe(60);
  });

  it("is not answered for another address, before we have one, or in a PROM", () => {
    expect(asked(stack(), OURS + 1)).toBe(0);
    const host = stack();
    host.answersArp = false;
    expect(asked(host, OURS)).toBe(0);
    host.answersArp = true;
    host.address = 0;
    expect(asked(host, 0)).toBe(0);
  });
});
