import {
  ARP_LEN,
  ArpView,
  emitArp,
  RARP_REPLY,
  RARP_REQUEST,
} from "../../../protocols/arp/packet.ts";
import {
  ETHERNET_HEADER_LEN,
  ETHERTYPE_RARP,
  EthernetView,
  emitEthernet,
  padFrame,
} from "../../../protocols/ethernet/frame.ts";
import { RpcCallView } from "../../../protocols/sunrpc/call.ts";
import { emitAcceptedReply } from "../../../protocols/sunrpc/reply.ts";
import { XdrCursor, XdrWriter } from "../../../protocols/sunrpc/xdr.ts";
import {
  emitDataHeader,
  emitError,
  TftpError,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { sameMac } from "../../../protocols/wire/mac-address.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import type { Reply, VirtualDatagram, VirtualHost } from "../../support/virtual-host.ts";

/** What the server has, and how a test makes it wrong. */
export interface SunServerScript {
  readonly clientMac: Uint8Array;
  readonly clientAddress: Ipv4;
  readonly tftp: Readonly<Record<string, Uint8Array>>;
  /** Paths in the root; text is a symbolic link. */
  readonly nfs: Readonly<Record<string, Uint8Array | string>>;
  readonly rootPath: string;
  /** Default true: the client's neighbour entry is set when its RARP request comes. */
  readonly setsNeighbour?: boolean;
  readonly silentOnUnicastTftp?: boolean;
  /** Options of BOOTP and DHCP replies after the cookie, for each message type asked (0: none). */
  readonly options?: (asked: number) => number[] | undefined;
  /** Where BOOTP replies go; default the client's address. */
  readonly bootpTo?: Ipv4;
  /** Changes a reply before it is sent: returns its new length, 0 drops it. Names: "tftp", "bootp", "mnt", "read", … */
  readonly mangle?: (name: string, o: Octets, len: number) => number;
}

const PMAP = 100_000;
const MOUNT = 100_005;
const NFS = 100_003;
const BOOTPARAM = 100_026;
const PORTS: ReadonlyMap<number, number> = new Map([
  [MOUNT, 635],
  [NFS, 2_049],
  [BOOTPARAM, 700],
]);

/** A small, correct Sun server on the virtual wire, for one client. */
export class ScriptedSunServer {
  readonly host: VirtualHost;
  /** What was asked, in order: "rarp", "tftp C0A84D15", "NFS 6", … Repeats are kept. */
  readonly asked: string[] = [];
  /** Source ports of RPC calls. */
  readonly sourcePorts: number[] = [];
  private readonly script: SunServerScript;
  private readonly out: Octets = Octets.alloc(16_384);

  constructor(host: VirtualHost, script: SunServerScript) {
    this.host = host;
    this.script = script;
    this.serveRarp();
    host.openUdp(69, (d, reply) => this.serveTftp(d, reply));
    host.openUdp(67, (d) => this.serveBootp(d));
    for (const port of [111, 635, 700, 2_049]) {
      host.openUdp(port, (d, reply) => this.serveRpc(d, reply));
    }
  }

  private serveRarp(): void {
    const lane = this.host.frameLane();
    const ethernet = new EthernetView();
    const arp = new ArpView();
    const { clientMac, clientAddress } = this.script;
    lane.onFrame((len) => {
      if (ethernet.reset(lane.rx, 0, len) !== Status.Ok) return;
      if (ethernet.etherType !== ETHERTYPE_RARP) return;
      if (arp.reset(lane.rx, ethernet.payloadAt, ethernet.payloadLen) !== Status.Ok) return;
      if (arp.op !== RARP_REQUEST || !sameMac(lane.rx, arp.thaAt, clientMac)) return;
      this.asked.push("rarp");
      if (this.script.setsNeighbour ?? true) this.host.setNeighbour(clientAddress, clientMac);
      const { mac: sha, address: spa } = this.host;
      emitEthernet({ dst: clientMac, src: sha, etherType: ETHERTYPE_RARP }, lane.tx, 0);
      emitArp(
        { op: RARP_REPLY, sha, spa, tha: clientMac, tpa: clientAddress },
        lane.tx,
        ETHERNET_HEADER_LEN,
      );
      const end = this.mangled("rarp", lane.tx, ETHERNET_HEADER_LEN + ARP_LEN);
      if (end > 0) lane.send(padFrame(lane.tx, 0, end));
    });
  }

  private serveTftp(d: VirtualDatagram, reply: Reply): void {
    const view = new TftpView();
    if (view.reset(d.octets, d.at, d.len) !== Status.Ok || view.opcode !== TftpOpcode.Rrq) return;
    const name = view.filenameText();
    this.asked.push(`tftp ${name}${d.broadcast ? " by broadcast" : ""}`);
    if (this.script.silentOnUnicastTftp && !d.broadcast) return;
    const content = this.script.tftp[name];
    if (!content) {
      if (d.broadcast) return;
      reply(this.out, 0, emitError(TftpError.FileNotFound, "File not found", this.out, 0));
      return;
    }
    const { src, srcPort } = d;
    let acked = 0;
    const session = this.host.openUdp(0, (ack) => {
      if (view.reset(ack.octets, ack.at, ack.len) !== Status.Ok) return;
      if (view.opcode !== TftpOpcode.Ack || view.block !== ((acked + 1) & 0xffff)) return;
      acked += 1;
      if (acked * 512 > content.length) session.close();
      else send();
    });
    const send = (): void => {
      const header = emitDataHeader(acked + 1, this.out, 0);
      const block = content.subarray(acked * 512, acked * 512 + 512);
      this.out.u8.set(block, header);
      const len = this.mangled("tftp", this.out, header + block.length);
      if (len === 0) return;
      session.send(src, srcPort, this.out, 0, len);
      const sent = acked;
      this.host.setTimer(1_000, () => {
        if (acked === sent && acked * 512 <= content.length) send();
      });
    };
    send();
  }

  private serveBootp(d: VirtualDatagram): void {
    const { octets, at } = d;
    const type = octets.u8[at + 240] === 53 ? (octets.u8[at + 242] ?? 0) : 0;
    this.asked.push(`bootp ${type}`);
    const options = this.script.options?.(type);
    if (!options) return;
    const { out } = this;
    out.u8.set(octets.u8.subarray(at, at + 240));
    out.u8.fill(0, 240, 548);
    out.u8[0] = 2;
    out.dv.setInt32(16, this.script.clientAddress);
    out.dv.setInt32(20, this.host.address);
    out.u8.set(options, 240);
    const len = this.mangled("bootp", out, Math.max(300, 240 + options.length));
    if (len === 0) return;
    this.host.setNeighbour(this.script.clientAddress, this.script.clientMac);
    this.host.sendUdp(67, this.script.bootpTo ?? this.script.clientAddress, 68, out, 0, len);
  }

  private serveRpc(d: VirtualDatagram, reply: Reply): void {
    const call = new RpcCallView();
    if (call.reset(d.octets, d.at, d.len) !== Status.Ok) return;
    this.sourcePorts.push(d.srcPort);
    const args = new XdrCursor();
    args.reset(d.octets, call.argsAt, call.argsLen);
    const head = emitAcceptedReply(call.xid, 0, this.out, 0);
    const w = new XdrWriter().begin(this.out, head);
    const name = this.answer(call, args, w, d);
    this.asked.push(name);
    const len = this.mangled(name, this.out, w.at);
    if (len > 0) reply(this.out, 0, len);
  }

  /** Writes the results and returns what it was. */
  private answer(call: RpcCallView, args: XdrCursor, w: XdrWriter, d: VirtualDatagram): string {
    const { prog, proc } = call;
    if (prog === PMAP && proc === 3) {
      w.u32(PORTS.get(args.u32()) ?? 0);
      return "getport";
    }
    if (prog === PMAP && proc === 5) {
      w.u32(700);
      const capsuleAt = w.at;
      w.u32(0).string("v100").string("example.net");
      putAddress(w, this.host.address);
      this.out.dv.setUint32(capsuleAt, w.at - capsuleAt - 4);
      return "whoami";
    }
    if (prog === BOOTPARAM) {
      args.opaqueVar(255);
      const at = args.opaqueVar(255);
      const key = textOf(d.octets, at, args.len);
      putAddress(w.string("server"), this.host.address).string(
        key === "root" ? this.script.rootPath : "",
      );
      return `getfile ${key}`;
    }
    if (prog === MOUNT) {
      const at = args.opaqueVar(1_024);
      const known = textOf(d.octets, at, args.len) === this.script.rootPath;
      w.u32(known ? 0 : 13);
      if (known) w.opaqueFixed(handleOf(""));
      return "mnt";
    }
    return this.answerNfs(proc, args, w, d.octets);
  }

  private answerNfs(proc: number, args: XdrCursor, w: XdrWriter, o: Octets): string {
    const directory = nameOf(o, args.opaqueFixed(32));
    if (proc === 4) {
      const at = args.opaqueVar(255);
      const name = textOf(o, at, args.len);
      const path = directory === "" ? name : `${directory}/${name}`;
      const node = this.script.nfs[path];
      const isDirectory = Object.keys(this.script.nfs).some((p) => p.startsWith(`${path}/`));
      if (node === undefined && !isDirectory) {
        w.u32(2);
      } else {
        putAttributes(w.u32(0).opaqueFixed(handleOf(path)), node);
      }
      return `lookup ${path}`;
    }
    const node = this.script.nfs[directory];
    if (proc === 5 && typeof node === "string") {
      w.u32(0).string(node);
      return "readlink";
    }
    if (proc === 6 && node instanceof Uint8Array) {
      const offset = args.u32();
      putAttributes(w.u32(0), node).opaque(node.subarray(offset, offset + args.u32()));
      return "read";
    }
    w.u32(70);
    return `nfs ${proc}`;
  }

  private mangled(name: string, o: Octets, len: number): number {
    return this.script.mangle?.(name, o, len) ?? len;
  }
}

function putAddress(w: XdrWriter, address: Ipv4): XdrWriter {
  w.u32(1);
  for (let shift = 24; shift >= 0; shift -= 8) w.i32((address << (24 - shift)) >> 24);
  return w;
}

function putAttributes(w: XdrWriter, node: Uint8Array | string | undefined): XdrWriter {
  const type = node === undefined ? 2 : typeof node === "string" ? 5 : 1;
  w.u32(type).u32(0o444).u32(1).u32(0).u32(0);
  w.u32(node?.length ?? 512);
  for (let i = 0; i < 11; i++) w.u32(i);
  return w;
}

/** A handle of 32 octets that holds the path itself. */
function handleOf(path: string): Uint8Array {
  const handle = new Uint8Array(32);
  for (let i = 0; i < path.length; i++) handle[i] = path.charCodeAt(i);
  return handle;
}

function nameOf(o: Octets, at: number): string {
  return textOf(o, at, o.u8.subarray(at, at + 32).indexOf(0));
}

function textOf(o: Octets, at: number, len: number): string {
  return String.fromCharCode(...o.u8.subarray(at, at + len));
}
