import { EthernetView } from "../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../protocols/ipv4/packet.ts";
import { RpcCallView } from "../../protocols/sunrpc/call.ts";
import { RpcReplyView } from "../../protocols/sunrpc/reply.ts";
import { UdpView } from "../../protocols/udp/datagram.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { bytes } from "../support/hex.ts";

/** A packet in the slab that all of them share, as our views want it, and as the Buffer that `dgram` would have given. */
export interface Packet {
  readonly o: Octets;
  readonly at: number;
  readonly len: number;
  readonly buffer: Buffer;
}

/** Where in a frame to start. */
export type Layer = "ethernet" | "ipv4" | "ipv4-payload" | "udp-payload" | "call-args" | "results";

const ROTATION = 16;
const slab: Octets = Octets.alloc(0x10000);
let used = 0;

/**
 * Sixteen packets, those of `frames` over and over.
 *
 * An operation that always sees the same packet trains the branch predictor to it; real packets differ.
 */
export function rotation(frames: readonly string[], layer: Layer): readonly Packet[] {
  const packets = frames.map((frame) => {
    const octets = bytes(frame);
    const frameAt = used;
    slab.u8.set(octets, frameAt);
    used += octets.length;
    const { at, len } = locate(frameAt, octets.length, layer);
    return { o: slab, at, len, buffer: Buffer.from(slab.u8.buffer, at, len) };
  });
  return Array.from({ length: ROTATION }, (_, i) => packets[i % packets.length] as Packet);
}

/** Packet `i` of a rotation. */
export function pick(packets: readonly Packet[], i: number): Packet {
  return packets[i & (ROTATION - 1)] as Packet;
}

function locate(frameAt: number, frameLen: number, layer: Layer): { at: number; len: number } {
  const ethernet = new EthernetView();
  ok(ethernet.reset(slab, frameAt, frameLen), layer);
  if (layer === "ethernet") return { at: frameAt, len: frameLen };
  const { payloadAt, payloadLen } = ethernet;
  if (layer === "ipv4") return { at: payloadAt, len: payloadLen };
  const ipv4 = new Ipv4View();
  ok(ipv4.reset(slab, payloadAt, payloadLen), layer);
  if (layer === "ipv4-payload") return { at: ipv4.payloadAt, len: ipv4.payloadLen };
  const udp = new UdpView();
  ok(udp.reset(slab, ipv4.payloadAt, ipv4.payloadLen), layer);
  if (layer === "udp-payload") return { at: udp.payloadAt, len: udp.payloadLen };
  if (layer === "call-args") {
    const call = new RpcCallView();
    ok(call.reset(slab, udp.payloadAt, udp.payloadLen), layer);
    return { at: call.argsAt, len: call.argsLen };
  }
  const reply = new RpcReplyView();
  ok(reply.reset(slab, udp.payloadAt, udp.payloadLen), layer);
  return { at: reply.resultsAt, len: reply.resultsLen };
}

function ok(status: Status, layer: Layer): void {
  if (status !== Status.Ok) throw new Error(`a frame has no ${layer}`);
}
