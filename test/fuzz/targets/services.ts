import { TX_SLAB_LEN, type TxSlab } from "../../../agent/link/datagram.ts";
import { DhcpBeside } from "../../../agent/services/dhcp/beside.ts";
import { ProxyDhcp } from "../../../agent/services/dhcp/proxy.ts";
import { DhcpServer } from "../../../agent/services/dhcp/server.ts";
import { LinkServer } from "../../../agent/services/link-server.ts";
import { RarpService } from "../../../agent/services/rarp.ts";
import { RpcDispatcher } from "../../../agent/services/rpc/dispatcher.ts";
import { rpcPrograms } from "../../../agent/services/rpc/service.ts";
import { TftpServer } from "../../../agent/services/tftp/server.ts";
import { DhcpView } from "../../../protocols/dhcp/packet.ts";
import { EthernetView } from "../../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../../protocols/ipv4/packet.ts";
import { emitMountPath } from "../../../protocols/mount/messages.ts";
import {
  emitDiropArgs,
  emitFhandleArgs,
  emitReadArgs,
  emitReaddirArgs,
} from "../../../protocols/nfs/args.ts";
import { emitRpcCall } from "../../../protocols/sunrpc/call.ts";
import { RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { TftpView } from "../../../protocols/tftp/packet.ts";
import { UdpView, verifyUdpChecksum } from "../../../protocols/udp/datagram.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, joined, type Target, words } from "../engine/target.ts";
import { Violation } from "../engine/trace.ts";
import { atOnce, HandPorts, PEERS, type Rack, rack } from "./rack.ts";
import { RPC_WORDS } from "./rpc.ts";
import { TFTP_WORDS } from "./tftp.ts";

// The services keep state from one input to the next, as a running agent does: they are held to what they send, and their
// traces say nothing. What goes wrong after a wait is told by the next input.

/** An offer leaves a turn later and holds memory until then: no server shall be out of it before the turn comes. */
const RUNS_PER_SERVER = 16;
const OUR_MAC = Uint8Array.of(0x52, 0x54, 0, 0x77, 0, 1);
const FRAME_LEN = 2_048;
const SERVICE_LIMITS = { allocatedOctets: 512 * 1024, readsPerOctet: 1_024 };

function tellLate({ late }: Rack): void {
  const [first] = late.splice(0);
  if (first !== undefined) throw new Violation(`an input before this one: ${first}`);
}

/** Frames at the link lane: RARP, BOOTP and DHCP broadcasts, and other servers' replies, with the replies that they draw. */
export async function linkServer(): Promise<Target> {
  const r = await rack();
  const tx = Octets.alloc(FRAME_LEN);
  const sender = {
    mac: OUR_MAC,
    sendFrame(emit: (o: Octets) => number): void {
      tx.u8.fill(0xa5);
      const wrong = wrongFrame(tx, emit(tx));
      if (wrong !== "") r.late.push(wrong);
    },
    prepareNeighbour: () => atOnce(undefined),
  };
  const rarp = new RarpService(r.context, sender);
  let dhcp = new DhcpServer(r.context, sender);
  let beside = new DhcpBeside(r.context, sender);
  const proxy = new ProxyDhcp({ context: r.context, sender, located: () => {} });
  let runs = 0;
  return {
    name: "link-server",
    sources: [
      "/agent/services/dhcp/",
      "/agent/services/rarp",
      "/agent/services/link-server",
      "/agent/plan/",
    ],
    maxLen: 1_514,
    dictionary: [
      words(0x6382_5363),
      ascii("\x52\x54\0\xaa\0\x01"),
      ascii("\x52\x54\0\xaa\0\x02"),
      ascii("\x35\x01\x01"),
      ascii("\x35\x01\x03"),
      ascii("\x36\x04\xc0\xa8\x4d\x01"),
      ascii("\x32\x04\xc0\xa8\x4d\x0b"),
      ascii("\x3c\x09PXEClient"),
      ascii("\x3c\x10pilotlight:probe"),
      ascii("\x5d\x02\0\x07"),
      ascii("\x4d\x04iPXE"),
      ascii("\x37\x04\x01\x03\x2b\x3c"),
    ],
    mend: mendFrame,
    run(o, at, len) {
      tellLate(r);
      runs += 1;
      if (runs % RUNS_PER_SERVER === 0) {
        dhcp = new DhcpServer(r.context, sender);
        beside = new DhcpBeside(r.context, sender);
      }
      if (at !== 0) throw new Error("the lane's slab begins with the frame");
      const link = new LinkServer(OUR_MAC, r.context.counters, r.context.clock.now, {
        rarp: (octets, frame) => rarp.handle(octets, frame),
        bootp: (octets, udp) => {
          const message = { o: octets, at: udp.payloadAt, len: udp.payloadLen };
          if (beside.takes(message, 0)) return;
          proxy.handle(message, 0);
          dhcp.handleBroadcast(octets, udp);
        },
        bootpReply: (octets, udp) => beside.handleReply(octets, udp),
      });
      link.handle(o, len);
    },
    limits: { ...SERVICE_LIMITS, guarded: false, inPlace: false },
  };
}

const frame = new EthernetView();
const ip = new Ipv4View();
const udp = new UdpView();
const dhcpView = new DhcpView();

/** What is wrong with a frame that a service sends; "" when nothing is. */
function wrongFrame(tx: Octets, len: number): string {
  if (len < 42 || len > 1_514) return `a frame of ${len} octets`;
  if (frame.reset(tx, 0, len) !== Status.Ok) return "a frame that it would refuse";
  if (frame.etherType !== 0x0800) return "";
  if (ip.reset(tx, frame.payloadAt, frame.payloadLen) !== Status.Ok) return "a wrong IPv4 header";
  if (udp.reset(tx, ip.payloadAt, ip.payloadLen) !== Status.Ok) return "a wrong UDP header";
  if (!verifyUdpChecksum(tx, ip.payloadAt, udp.length, ip.src, ip.dst)) return "a wrong checksum";
  const status = dhcpView.reset(tx, udp.payloadAt, udp.payloadLen);
  return status === Status.Ok && dhcpView.op === 2 ? "" : "a DHCP reply that it would refuse";
}

/** Makes most mutants what the lane takes: IPv4 with a right header checksum and lengths that fit. */
function mendFrame(u8: Uint8Array): void {
  if (u8.length < 42 || u8[12] !== 0x08 || u8[13] !== 0x00 || u8[14] !== 0x45) return;
  const o = new Octets(u8);
  o.dv.setUint16(16, u8.length - 14);
  o.dv.setUint16(38, u8.length - 34);
  o.dv.setUint16(24, 0);
  let sum = 0;
  for (let i = 14; i < 34; i += 2) sum += o.dv.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  o.dv.setUint16(24, ~sum & 0xffff);
}

const STEP_LEN = 2;

/** The TFTP server: a sequence of flags, length and datagram, to its port or to a transfer's, or a timer that fires. */
export async function tftpServer(): Promise<Target> {
  const r = await rack();
  const view = new TftpView();
  let sent = 0;
  const check = (slab: TxSlab, len: number, payload: readonly Uint8Array[]): string => {
    const whole = new Octets(joinedPieces(slab.octets.u8.subarray(0, len), payload));
    if (view.reset(whole, 0, whole.u8.length) !== Status.Ok) return "a packet that it would refuse";
    return len <= TX_SLAB_LEN && whole.u8.length <= 1_472 ? "" : "a packet that is too long";
  };
  const ports = new HandPorts((slab, len, dst, payload) => {
    sent += 1;
    if (sent > 5_000) throw new Violation("sends without end");
    if (!PEERS.slice(0, 3).includes(dst)) throw new Violation("answers a stranger");
    const wrong = check(slab, len, payload);
    if (wrong !== "") throw new Violation(wrong);
  });
  const server = new TftpServer(r.context, ports, { maxTransfers: 4 });
  await server.start();
  return {
    name: "tftp-server",
    sources: ["/agent/services/tftp/", "/agent/plan/boot-plan", "/agent/plan/file-table"],
    maxLen: 400,
    dictionary: [
      ...TFTP_WORDS,
      ascii("ofwboot\0"),
      ascii("netbsd\0"),
      ascii("C0A84D0A\0"),
      ascii("config\0"),
      ascii("broken\0"),
      ascii("\x01\x04\0\x04\0\0"),
      ascii("\x01\x04\0\x04\0\x01"),
      ascii("\x20\0"),
    ],
    seeds: [
      ascii("\0\x10\0\x01ofwboot\0octet\0\x01\x04\0\x04\0\x01\x01\x04\0\x04\0\x02"),
      ascii("\x04\x1d\0\x01netbsd\0octet\0blksize\x00512\0\x05\x04\0\x04\0\0\x20\0"),
    ],
    run(o, at, len) {
      tellLate(r);
      sent = 0;
      for (let p = at; p + STEP_LEN <= at + len; ) {
        const flags = o.u8[p] ?? 0;
        const size = Math.min(o.u8[p + 1] ?? 0, at + len - p - STEP_LEN);
        p += STEP_LEN;
        if (flags & 0x20) r.clock.fire();
        const src = PEERS[(flags >> 2) & 3] ?? 0;
        const srcPort = flags & 0x10 ? 2_000 : 1_999;
        const to = flags & 1 ? ports.transfers.at(-1) : ports.opened[0];
        const broadcast = (flags & 2) !== 0;
        to?.deliver({ octets: o, at: p, len: size, src, srcPort, broadcast });
        p += size;
      }
      // The clients go silent: every transfer must come to its end.
      for (let i = 0; r.clock.fire(); i++) if (i > 200) throw new Violation("waits without end");
      for (const port of [...ports.opened, ...ports.transfers.splice(0)]) {
        if (port.out !== 0) throw new Violation("keeps a slab");
        if (port.port !== 69 && !port.closed) throw new Violation("keeps a port");
      }
    },
    limits: { ...SERVICE_LIMITS, guarded: false },
  };
}

function joinedPieces(head: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, head.length));
  whole.set(head);
  let at = head.length;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** RPC messages at the dispatcher, with all programs behind it. The first octet says who calls, and how. */
export async function rpcServer(): Promise<Target> {
  const r = await rack();
  const dispatcher = new RpcDispatcher(r.context, rpcPrograms(r.context));
  const out = Octets.alloc(TX_SLAB_LEN);
  const seeds = await rpcSeeds(dispatcher);
  return {
    name: "rpc-server",
    sources: ["/agent/services/rpc/", "/agent/services/nfs/", "/agent/assets/"],
    maxLen: 1_024,
    dictionary: [
      ...RPC_WORDS,
      ascii("/"),
      ascii("netbsd"),
      ascii("root"),
      ascii("sun"),
      ...seeds.slice(0, 1),
    ],
    seeds,
    run(o, at, len) {
      tellLate(r);
      if (len === 0) return;
      const who = o.u8[at] ?? 0;
      const from = {
        src: PEERS[who & 3] ?? 0,
        srcPort: 1_000,
        transport: who & 4 ? ("tcp" as const) : ("udp" as const),
        broadcast: (who & 8) !== 0,
      };
      const xid = len >= 5 ? o.dv.getUint32(at + 1) : -1;
      dispatcher.handle(o, at + 1, len - 1, from, sinkFor(r, out, xid, from.broadcast));
    },
    limits: { ...SERVICE_LIMITS, guarded: false },
  };
}

const reply = new RpcReplyView();

/** Takes one reply and looks at it; a reply that comes after a wait, too. */
function sinkFor(r: Rack, out: Octets, xid: number, broadcast: boolean) {
  let begun = 0;
  const wrong = (what: string): void => {
    r.late.push(what);
  };
  return {
    begin() {
      begun += 1;
      if (begun > 1) wrong("two replies to one call");
      out.u8.fill(0xa5, 0, 64);
      return { octets: out, at: 0 };
    },
    commit(len: number, payload: readonly Uint8Array[] = []): void {
      const total = payload.reduce((n, piece) => n + piece.length, len);
      if (reply.reset(out, 0, len) !== Status.Ok) wrong("a reply that it would refuse");
      else if (reply.xid !== xid) wrong("a reply with another xid");
      else if (broadcast && !reply.isSuccess) wrong("refuses a broadcast aloud");
      if (total % 4 !== 0) wrong(`a reply of ${total} octets`);
    },
    abort(): void {},
  };
}

/** Calls that are in order, with a file handle that this very agent gave. */
async function rpcSeeds(dispatcher: RpcDispatcher): Promise<readonly Uint8Array[]> {
  const sun = ascii("\0");
  const exported = await callOnce(dispatcher, call(100_005, 1, 5, new Uint8Array(0)));
  const pathLen = exported.length >= 32 ? new DataView(exported.buffer).getUint32(28) : 0;
  const root = String.fromCharCode(...exported.subarray(32, 32 + pathLen));
  const args = Octets.alloc(512);
  const path = args.u8.slice(0, emitMountPath(root, args, 0));
  const mounted = await callOnce(dispatcher, call(100_005, 1, 1, path));
  const fhandle = mounted.slice(28, 60);
  const nfs: [number, number][] = [
    [1, emitFhandleArgs(fhandle, args, 0)],
    [17, 32],
  ];
  const calls = nfs.map(([proc, len]) => call(100_003, 2, proc, args.u8.slice(0, len)));
  const more: [number, () => number][] = [
    [4, () => emitDiropArgs(fhandle, "netbsd", args, 0)],
    [6, () => emitReadArgs({ fhandle, offset: 0, count: 512 }, args, 0)],
    [16, () => emitReaddirArgs(fhandle, 0, 1_024, args, 0)],
  ];
  for (const [proc, emit] of more) calls.push(call(100_003, 2, proc, args.u8.slice(0, emit())));
  const looked = await callOnce(dispatcher, calls[2] ?? sun);
  const file = looked.slice(28, 60);
  for (const offset of [0, 1_000, 4_900, 0xffff_ffff]) {
    const len = emitReadArgs({ fhandle: file, offset, count: 8_192 }, args, 0);
    calls.push(call(100_003, 2, 6, args.u8.slice(0, len)));
  }
  calls.push(call(100_005, 1, 1, path), call(100_005, 1, 5, new Uint8Array(0)));
  return [fhandle, ...calls.map((octets) => joined(sun, octets))];
}

function call(prog: number, vers: number, proc: number, args: Uint8Array): Uint8Array {
  const o = Octets.alloc(256);
  const n = emitRpcCall({ xid: 7, prog, vers, proc }, o, 0);
  return joined(o.u8.subarray(0, n), args);
}

function callOnce(dispatcher: RpcDispatcher, octets: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const out = Octets.alloc(TX_SLAB_LEN);
    const from = {
      src: PEERS[0] ?? 0,
      srcPort: 1_000,
      transport: "udp" as const,
      broadcast: false,
    };
    dispatcher.handle(new Octets(octets), 0, octets.length, from, {
      begin: () => ({ octets: out, at: 0 }),
      commit: (len, payload = []) => resolve(joinedPieces(out.u8.slice(0, len), payload)),
    });
  });
}
