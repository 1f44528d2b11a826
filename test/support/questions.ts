import {
  BOOTPARAM_PROG,
  BOOTPARAM_VERS,
  BootparamProc,
  emitWhoamiArgs,
} from "../../protocols/bootparams/messages.ts";
import { DHCP_LIMITS, DhcpWriter } from "../../protocols/dhcp/message.ts";
import { BOOTREQUEST, DhcpMessageType, DhcpOption } from "../../protocols/dhcp/options.ts";
import {
  emitMountPath,
  MOUNT_PROG,
  MOUNT_VERS_LOW,
  MountProc,
} from "../../protocols/mount/messages.ts";
import { NFS_PORT, NFS_PROG, NFS_VERS } from "../../protocols/nfs/constants.ts";
import { emitRpcCall } from "../../protocols/sunrpc/call.ts";
import { emitCallitArgs } from "../../protocols/sunrpc/callit.ts";
import {
  emitPmapMapping,
  PMAP_PORT,
  PMAP_PROG,
  PMAP_VERS,
  PmapProc,
} from "../../protocols/sunrpc/portmap.ts";
import { emitRecordMark, RECORD_MARK_LEN } from "../../protocols/sunrpc/record.ts";
import { emitRrq, TFTP_PORT, TftpMode } from "../../protocols/tftp/packet.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { NET } from "./boot-site.ts";

/** Who a question claims to come from, inside of the message. */
export interface Claim {
  readonly mac: Uint8Array;
  readonly ip: Ipv4;
}

/** Where a question is sent. */
export type Target = "unicast" | "limited" | "subnet";

/** One datagram that some firmware could send, and how a machine of the site is answered. */
export interface Question {
  readonly name: string;
  readonly port: number;
  readonly payload: (claim: Claim) => Uint8Array;
  /** The ways of sending it that a machine of the site gets an answer to. */
  readonly answered: readonly Target[];
  /** The journal's name for it. */
  readonly protocol: string;
}

/** One request by TCP. */
export interface Request {
  readonly name: string;
  readonly port: number;
  readonly payload: Uint8Array;
  readonly protocol: string;
}

const MOUNT_PORT = 635;
const BOOTPARAMS_PORT = 636;
const PXE_PORT = 4011;
const IPPROTO_UDP = 17;
const ANYHOW: readonly Target[] = ["unicast", "limited", "subnet"];

let xid = 0x1000;

/** Everything that is asked by UDP, once for each port and kind of message. */
export const QUESTIONS: readonly Question[] = [
  dhcp("DISCOVER", DhcpMessageType.Discover, ["limited", "subnet"]),
  dhcp("renewal", DhcpMessageType.Request, ANYHOW),
  { ...dhcp("BOOTP request", 0, ["limited", "subnet"]), protocol: "bootp" },
  { ...dhcp("PXE request", DhcpMessageType.Request, []), port: PXE_PORT },
  {
    name: "TFTP read",
    port: TFTP_PORT,
    payload: () => read(NET.file),
    answered: ANYHOW,
    protocol: "tftp",
  },
  rpc("portmap GETPORT", PMAP_PORT, PMAP_PROG, PMAP_VERS, PmapProc.Getport, ANYHOW, (o, at) =>
    emitPmapMapping({ prog: NFS_PROG, vers: NFS_VERS, prot: IPPROTO_UDP, port: 0 }, o, at),
  ),
  rpc("portmap DUMP", PMAP_PORT, PMAP_PROG, PMAP_VERS, PmapProc.Dump, ANYHOW),
  rpc(
    "CALLIT of WHOAMI",
    PMAP_PORT,
    PMAP_PROG,
    PMAP_VERS,
    PmapProc.Callit,
    ANYHOW,
    (o, at, claim) => {
      const call = { prog: BOOTPARAM_PROG, vers: BOOTPARAM_VERS, proc: BootparamProc.Whoami };
      return emitCallitArgs(call, emitWhoamiArgs(claim.ip, o, at + 16), o, at);
    },
  ),
  rpc(
    "WHOAMI",
    BOOTPARAMS_PORT,
    BOOTPARAM_PROG,
    BOOTPARAM_VERS,
    BootparamProc.Whoami,
    ["unicast"],
    (o, at, claim) => emitWhoamiArgs(claim.ip, o, at),
  ),
  rpc("mount", MOUNT_PORT, MOUNT_PROG, MOUNT_VERS_LOW, MountProc.Mnt, ["unicast"], (o, at) =>
    emitMountPath(NET.rootPath, o, at),
  ),
  rpc("NFS null", NFS_PORT, NFS_PROG, NFS_VERS, 0, ["unicast"]),
];

/** Everything that is asked by TCP. */
export const REQUESTS: readonly Request[] = [
  http("GET", `GET /${NET.file} HTTP/1.1\r\nHost: rack\r\n\r\n`),
  http("GET by HTTP/1.0", `GET /${NET.file} HTTP/1.0\r\n\r\n`),
  byTcp("portmap", PMAP_PORT, PMAP_PROG, PMAP_VERS),
  byTcp("bootparams", BOOTPARAMS_PORT, BOOTPARAM_PROG, BOOTPARAM_VERS),
  byTcp("mount", MOUNT_PORT, MOUNT_PROG, MOUNT_VERS_LOW),
  byTcp("nfs", NFS_PORT, NFS_PROG, NFS_VERS),
];

/** An HTTP request, word for word. */
export function http(name: string, text: string): Request {
  return { name, port: 80, payload: new TextEncoder().encode(text), protocol: "http" };
}

/** A TFTP read without options. */
export function read(filename: string): Uint8Array {
  return written((o) => emitRrq({ filename, mode: TftpMode.Octet, options: [] }, o, 0));
}

/** A DHCP or, as type 0, a BOOTP message of a client. */
export function dhcpMessage(claim: Claim, type: number, giaddr: Ipv4 = 0): Uint8Array {
  return written((o) => {
    const w = new DhcpWriter();
    const ciaddr = type === DhcpMessageType.Request ? claim.ip : 0;
    const header = { op: BOOTREQUEST, xid: ++xid, chaddr: claim.mac, ciaddr, giaddr };
    w.begin(header, o, 0, DHCP_LIMITS);
    if (type !== 0) w.u8(DhcpOption.DhcpMessageType, type);
    return w.end();
  });
}

function dhcp(name: string, type: number, answered: readonly Target[]): Question {
  const payload = (claim: Claim): Uint8Array => dhcpMessage(claim, type);
  return { name, port: 67, payload, answered, protocol: "dhcp" };
}

function rpc(
  name: string,
  port: number,
  prog: number,
  vers: number,
  proc: number,
  answered: readonly Target[],
  args: (o: Octets, at: number, claim: Claim) => number = () => 0,
): Question {
  const payload = (claim: Claim): Uint8Array =>
    written((o) => {
      const head = emitRpcCall({ xid: ++xid, prog, vers, proc }, o, 0);
      return head + args(o, head, claim);
    });
  const protocol = protocolOf(prog);
  return { name, port, payload, answered, protocol };
}

function byTcp(name: string, port: number, prog: number, vers: number): Request {
  const payload = written((o) => {
    const len = emitRpcCall({ xid: ++xid, prog, vers, proc: 0 }, o, RECORD_MARK_LEN);
    return emitRecordMark(len, o, 0) + len;
  });
  return { name: `${name} by TCP`, port, payload, protocol: protocolOf(prog) };
}

function protocolOf(prog: number): string {
  if (prog === PMAP_PROG) return "portmap";
  if (prog === BOOTPARAM_PROG) return "bootparams";
  return prog === MOUNT_PROG ? "mount" : "nfs";
}

function written(emit: (o: Octets) => number): Uint8Array {
  const o = Octets.alloc(1_500);
  return o.u8.slice(0, emit(o));
}
