import { type DhcpLimits, DhcpWriter } from "../../protocols/dhcp/message.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { ReadArgsView } from "../../protocols/nfs/args.ts";
import { RpcCallView } from "../../protocols/sunrpc/call.ts";
import { emitOack, TftpView } from "../../protocols/tftp/packet.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { DHCP_REQUESTS } from "./frames.ts";
import { NFS_READ_CALLS } from "./frames-rpc.ts";
import { rotation } from "./packets.ts";
import { medians, type Operation } from "./runner.ts";

/** How much more than in proportion a cost may grow before it counts as a miss: room for noise, not for a square. */
export const GROWTH_LIMIT = 1.5;

/** Cost at two sizes. `factor` is the growth of the cost over that of the size: 1 is linear, below 1 better. */
export interface Growth {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly fromNs: number;
  readonly toNs: number;
  readonly factor: number;
}

const FEW = 15;
const MANY = 60;
const TFTP_FEW = 4;
const TFTP_MANY = 16;
const SLAB = 0x10_0000;
const NEAR = 16;
const FAR: number = SLAB - 2_048;
const ROOMY: DhcpLimits = { maxLen: 1_472, overload: false };
const CHADDR = new Uint8Array(6);

/** How the cost grows with the number of options, and with the place in a slab of a megabyte, where it must not grow. */
export function growth(): readonly Growth[] {
  const slab = Octets.alloc(SLAB);
  return [
    byCount("DHCP decode, options", FEW, MANY, decodeDhcp),
    byCount("DHCP encode, options", FEW, MANY, encodeDhcp),
    byCount("TFTP decode, options", TFTP_FEW, TFTP_MANY, decodeTftp),
    byPlace("DHCP decode, place in a slab", (at) => decodeDhcpAt(slab, at)),
    byPlace("DHCP encode, place in a slab", (at) => () => writeOptions(FEW, slab, at)),
    byPlace("NFS READ call decode, place in a slab", (at) => decodeReadAt(slab, at)),
  ];
}

function byCount(
  name: string,
  few: number,
  many: number,
  make: (count: number) => Operation,
): Growth {
  const [fromNs = 0, toNs = 0] = medians([make(few), make(many)]);
  const factor = toNs / fromNs / (many / few);
  return { name, from: String(few), to: String(many), fromNs, toNs, factor };
}

function byPlace(name: string, make: (at: number) => Operation): Growth {
  const [fromNs = 0, toNs = 0] = medians([make(NEAR), make(FAR)]);
  return { name, from: String(NEAR), to: String(FAR), fromNs, toNs, factor: toNs / fromNs };
}

const writer = new DhcpWriter();

function writeOptions(count: number, o: Octets, at: number): number {
  writer.begin({ op: 2, xid: 1, chaddr: CHADDR }, o, at, ROOMY);
  for (let code = 1; code <= count; code++) writer.u32(code, code);
  return writer.end();
}

/** Reads every option that is there, as a caller who wants more options reads more. */
function decodeDhcp(count: number): Operation {
  const o = Octets.alloc(2_048);
  const len = writeOptions(count, o, 0);
  const view = new DhcpView();
  return () => {
    let sum = view.reset(o, 0, len);
    for (let code = 1; code <= count; code++) sum += view.optionU32(code, 0);
    return sum;
  };
}

function encodeDhcp(count: number): Operation {
  const o = Octets.alloc(2_048);
  return () => writeOptions(count, o, 0);
}

function decodeTftp(count: number): Operation {
  const o = Octets.alloc(2_048);
  const options = Array.from({ length: count }, (_, i) => ({ name: `option${i}`, value: "1468" }));
  const len = emitOack(options, o, 0);
  const view = new TftpView();
  return () => view.reset(o, 0, len) + view.optionCount;
}

function decodeDhcpAt(slab: Octets, at: number): Operation {
  const len = place(DHCP_REQUESTS, slab, at);
  const view = new DhcpView();
  return () => view.reset(slab, at, len) + view.xid + view.messageType + view.optionLen(60);
}

function decodeReadAt(slab: Octets, at: number): Operation {
  const len = place(NFS_READ_CALLS, slab, at);
  const call = new RpcCallView();
  const read = new ReadArgsView();
  return () => {
    const sum = call.reset(slab, at, len) + call.xid + call.proc;
    return sum + read.reset(slab, call.argsAt, call.argsLen) + read.offset + read.count;
  };
}

function place(frames: readonly string[], slab: Octets, at: number): number {
  const [packet] = rotation(frames, "udp-payload");
  if (packet === undefined) return 0;
  slab.u8.set(packet.buffer, at);
  return packet.len;
}
