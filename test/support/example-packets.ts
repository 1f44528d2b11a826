import { ArpView } from "../../protocols/arp/packet.ts";
import {
  GetfileArgsView,
  GetfileResultView,
  WhoamiArgsView,
  WhoamiResultView,
} from "../../protocols/bootparams/messages.ts";
import { IpxeView } from "../../protocols/dhcp/ipxe.ts";
import { DhcpOption, messageTypeName } from "../../protocols/dhcp/options.ts";
import { DhcpView } from "../../protocols/dhcp/packet.ts";
import { PxeVendorView } from "../../protocols/dhcp/pxe.ts";
import { EthernetView } from "../../protocols/ethernet/frame.ts";
import { Ipv4View } from "../../protocols/ipv4/packet.ts";
import { MountExportView } from "../../protocols/mount/lists.ts";
import { MountPathView, MountResultView } from "../../protocols/mount/messages.ts";
import { DiropArgsView, ReadArgsView, ReaddirArgsView } from "../../protocols/nfs/args.ts";
import { ReaddirResultView } from "../../protocols/nfs/readdir-result.ts";
import {
  DiropResultView,
  ReadlinkResultView,
  ReadResultView,
  StatfsResultView,
} from "../../protocols/nfs/results.ts";
import { RpcCallView } from "../../protocols/sunrpc/call.ts";
import { PmapCallitArgsView, PmapCallitResultView } from "../../protocols/sunrpc/callit.ts";
import { PmapMappingView, PmapPortView } from "../../protocols/sunrpc/portmap.ts";
import { RecordReader } from "../../protocols/sunrpc/record.ts";
import { RpcReplyView } from "../../protocols/sunrpc/reply.ts";
import { readText } from "../../protocols/sunrpc/xdr-text.ts";
import { TcpFlag, TcpView, verifyTcpChecksum } from "../../protocols/tcp/segment.ts";
import { TftpMode, TftpView } from "../../protocols/tftp/packet.ts";
import { UdpView, verifyUdpChecksum } from "../../protocols/udp/datagram.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { macText } from "../../protocols/wire/mac-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { MagicPacketView } from "../../protocols/wol/magic-packet.ts";
import { toHex } from "./hex.ts";

/** What a page may claim about a packet: the text of each field. */
export type ExampleFields = Readonly<Record<string, string | number | boolean>>;
/** What the codec makes of a packet: its first status that is not Ok, or its fields. */
export type Decoded = Status | ExampleFields;

/** Every kind of packet that the pages of docs/protocols show, and how it is read. */
export const DECODERS: Readonly<Record<string, (o: Octets) => Decoded>> = {
  ethernet,
  arp,
  "magic-packet": magicPacket,
  ipv4,
  udp,
  tcp,
  dhcp,
  "dhcp-option-43": pxeVendor,
  "dhcp-option-175": ipxe,
  tftp,
  "rpc-record": record,
  "rpc-reply": (o) => reply(o, () => ({})),
  "portmap-getport-call": (o) => call(o, getportArgs),
  "portmap-getport-reply": (o) => reply(o, getportResult),
  "portmap-callit-call": (o) => call(o, callitArgs),
  "portmap-callit-reply": (o) => reply(o, callitResult),
  "bootparams-whoami-reply": (o) => reply(o, whoamiResult),
  "bootparams-getfile-call": (o) => call(o, getfileArgs),
  "bootparams-getfile-reply": (o) => reply(o, getfileResult),
  "mount-mnt-call": (o) => call(o, mountArgs),
  "mount-mnt-reply": (o) => reply(o, mountResult),
  "mount-export-reply": (o) => reply(o, exportResult),
  "nfs-lookup-call": (o) => call(o, lookupArgs),
  "nfs-lookup-reply": (o) => reply(o, lookupResult),
  "nfs-read-call": (o) => call(o, readArgs),
  "nfs-read-reply": (o) => reply(o, readResult),
  "nfs-readlink-reply": (o) => reply(o, readlinkResult),
  "nfs-readdir-call": (o) => call(o, readdirArgs),
  "nfs-readdir-reply": (o) => reply(o, readdirResult),
  "nfs-statfs-reply": (o) => reply(o, statfsResult),
};

type Part = (o: Octets, at: number, len: number) => Decoded;

function ethernet(o: Octets): Decoded {
  const v = new EthernetView();
  return (
    v.reset(o, 0, o.u8.length) || {
      dst: macText(o, v.dstAt),
      src: macText(o, v.srcAt),
      etherType: v.etherType.toString(16).padStart(4, "0"),
      vlanId: v.vlanId,
      dstIsBroadcast: v.dstIsBroadcast,
      payloadLen: v.payloadLen,
    }
  );
}

function arp(o: Octets): Decoded {
  const v = new ArpView();
  return (
    v.reset(o, 0, o.u8.length) || {
      op: v.op,
      sha: macText(o, v.shaAt),
      spa: formatIpv4(v.spa),
      tha: macText(o, v.thaAt),
      tpa: formatIpv4(v.tpa),
    }
  );
}

function magicPacket(o: Octets): Decoded {
  const v = new MagicPacketView();
  return (
    v.reset(o, 0, o.u8.length) || {
      mac: macText(o, v.macAt),
      password: toHex(o, v.passwordAt, v.passwordLen),
    }
  );
}

function ipv4(o: Octets): Decoded {
  const v = new Ipv4View();
  return (
    v.reset(o, 0, o.u8.length) || {
      headerLen: v.headerLen,
      totalLen: v.totalLen,
      id: v.id,
      dontFragment: v.dontFragment,
      isFragment: v.isFragment,
      ttl: v.ttl,
      protocol: v.protocol,
      src: formatIpv4(v.src),
      dst: formatIpv4(v.dst),
    }
  );
}

/** A datagram with the IPv4 header before it, since the checksum covers the addresses. */
function udp(o: Octets): Decoded {
  const ip = new Ipv4View();
  const v = new UdpView();
  const status = ip.reset(o, 0, o.u8.length) || v.reset(o, ip.payloadAt, ip.payloadLen);
  if (status) return status;
  return {
    srcPort: v.srcPort,
    dstPort: v.dstPort,
    length: v.length,
    checksum: v.checksum.toString(16).padStart(4, "0"),
    "checksum is right": verifyUdpChecksum(o, ip.payloadAt, v.length, ip.src, ip.dst),
    payloadLen: v.payloadLen,
  };
}

/** A segment with the IPv4 header before it. */
function tcp(o: Octets): Decoded {
  const ip = new Ipv4View();
  const v = new TcpView();
  const status = ip.reset(o, 0, o.u8.length) || v.reset(o, ip.payloadAt, ip.payloadLen);
  if (status) return status;
  const flags = Object.entries(TcpFlag).filter(([, bit]) => (v.flags & bit) !== 0);
  return {
    srcPort: v.srcPort,
    dstPort: v.dstPort,
    seq: v.seq >>> 0,
    ack: v.ack >>> 0,
    flags: flags.map(([name]) => name).join(" "),
    window: v.window,
    "checksum is right": verifyTcpChecksum(o, ip.payloadAt, ip.payloadLen, ip.src, ip.dst),
    mss: v.mss,
    windowScale: v.windowScale,
    sackPermitted: v.sackPermitted,
    tsVal: v.tsVal,
    payloadLen: v.payloadLen,
  };
}

function dhcp(o: Octets): Decoded {
  const v = new DhcpView();
  const status = v.reset(o, 0, o.u8.length);
  if (status) return status;
  const codes: number[] = [];
  v.forEachOption((code) => codes.push(code));
  return {
    op: v.op,
    hlen: v.hlen,
    xid: hex32(v.xid),
    secs: v.secs,
    flags: v.flags.toString(16).padStart(4, "0"),
    yiaddr: formatIpv4(v.yiaddr),
    siaddr: formatIpv4(v.siaddr),
    giaddr: formatIpv4(v.giaddr),
    chaddr: macText(o, v.chaddrAt),
    file: v.fileText(),
    hasCookie: v.hasCookie,
    messageType: messageTypeName(v.messageType),
    options: codes.join(" "),
    "subnet mask (1)": formatIpv4(v.optionIpv4(DhcpOption.SubnetMask)),
    "router (3)": formatIpv4(v.optionIpv4(DhcpOption.Router)),
    "root path (17)": v.optionText(DhcpOption.RootPath),
    "lease time (51)": v.optionU32(DhcpOption.IpAddressLeaseTime, 0),
    "server identifier (54)": formatIpv4(v.optionIpv4(DhcpOption.ServerIdentifier)),
    "asks for 17 (55)": v.parameterListContains(DhcpOption.RootPath),
    "maximum size (57)": v.optionU16(DhcpOption.MaximumDhcpMessageSize, 0),
    "vendor class (60)": v.optionText(DhcpOption.VendorClassIdentifier),
    "boot file (67)": v.optionText(DhcpOption.BootfileName),
    "architecture (93)": v.optionU16(DhcpOption.ClientSystemArchitecture, -1),
  };
}

function pxeVendor(o: Octets): Decoded {
  const v = new PxeVendorView();
  return (
    v.reset(o, 0, o.u8.length) || {
      discoveryControl: v.discoveryControl,
      serversLen: v.serversLen,
      menu: readText(o, v.menuAt + 3, v.menuLen - 3),
      "prompt timeout": o.u8[v.promptAt] ?? -1,
      prompt: readText(o, v.promptAt + 1, v.promptLen - 1),
      bootItemType: v.bootItemType,
    }
  );
}

function ipxe(o: Octets): Decoded {
  const v = new IpxeView();
  const status = v.reset(o, 0, o.u8.length);
  if (status) return status;
  const features = Array.from({ length: 64 }, (_, i) => 0x10 + i).filter((f) => v.has(f));
  return {
    features: features.map((f) => f.toString(16)).join(" "),
    version: v.version.toString(16).padStart(6, "0"),
    pciVendor: v.pciVendor.toString(16),
    pciDevice: v.pciDevice.toString(16),
  };
}

function tftp(o: Octets): Decoded {
  const v = new TftpView();
  const status = v.reset(o, 0, o.u8.length);
  if (status) return status;
  const mode = Object.entries(TftpMode).find(([, code]) => code === v.mode)?.[0] ?? "";
  const indexes = Array.from({ length: v.optionCount }, (_, i) => i);
  return {
    opcode: v.opcode,
    filename: v.opcode <= 2 ? v.filenameText() : "",
    mode: mode.toLowerCase(),
    options: indexes.map((i) => `${v.optionName(i)}=${v.optionValue(v.optionName(i))}`).join(" "),
    block: v.block,
    dataLen: v.dataLen,
    errorCode: v.errorCode,
    errorMessage: v.errorMessageText(),
  };
}

/** A piece of a TCP stream: a record mark, and the call behind it. */
function record(o: Octets): Decoded {
  const lengths: number[] = [];
  let decoded: Decoded = Status.Truncated;
  const status = new RecordReader(16_384).feed(o, 0, o.u8.length, (octets, at, len) => {
    lengths.push(len);
    decoded = callAt(octets, at, len, () => ({}));
  });
  if (status) return status;
  if (typeof decoded === "number") return decoded;
  return {
    ...(decoded as ExampleFields),
    records: lengths.length,
    "record length": lengths.join(" "),
  };
}

function call(o: Octets, args: Part): Decoded {
  return callAt(o, 0, o.u8.length, args);
}

function callAt(o: Octets, at: number, len: number, args: Part): Decoded {
  const v = new RpcCallView();
  const status = v.reset(o, at, len);
  if (status) return status;
  const inner = args(o, v.argsAt, v.argsLen);
  if (typeof inner === "number") return inner;
  return {
    ...inner,
    xid: hex32(v.xid),
    prog: v.prog,
    vers: v.vers,
    proc: v.proc,
    credFlavor: v.credFlavor,
    credLen: v.credLen,
    machineName: readText(o, v.machineNameAt, v.machineNameLen),
    uid: v.uid(),
    argsLen: v.argsLen,
  };
}

function reply(o: Octets, results: Part): Decoded {
  const v = new RpcReplyView();
  const status = v.reset(o, 0, o.u8.length);
  if (status) return status;
  const inner = results(o, v.resultsAt, v.resultsLen);
  if (typeof inner === "number") return inner;
  return {
    ...inner,
    xid: hex32(v.xid),
    replyStat: v.replyStat,
    acceptStat: v.acceptStat,
    verfLen: v.verfLen,
    mismatchLow: v.mismatchLow,
    mismatchHigh: v.mismatchHigh,
    resultsLen: v.resultsLen,
  };
}

function getportArgs(o: Octets, at: number, len: number): Decoded {
  const v = new PmapMappingView();
  const status = v.reset(o, at, len);
  return status || { "asked prog": v.prog, "asked vers": v.vers, "asked prot": v.prot };
}

function getportResult(o: Octets, at: number, len: number): Decoded {
  const v = new PmapPortView();
  return v.reset(o, at, len) || { port: v.port };
}

function callitArgs(o: Octets, at: number, len: number): Decoded {
  const v = new PmapCallitArgsView();
  const status = v.reset(o, at, len);
  if (status) return status;
  const whoami = new WhoamiArgsView();
  return (
    whoami.reset(o, v.argsAt, v.argsLen) || {
      "called prog": v.prog,
      "called vers": v.vers,
      "called proc": v.proc,
      "inner length": v.argsLen,
      clientAddress: formatIpv4(whoami.clientAddress),
    }
  );
}

function callitResult(o: Octets, at: number, len: number): Decoded {
  const v = new PmapCallitResultView();
  const status = v.reset(o, at, len);
  return status || { port: v.port, "inner length": v.resultsLen };
}

function whoamiResult(o: Octets, at: number, len: number): Decoded {
  const v = new WhoamiResultView();
  return (
    v.reset(o, at, len) || {
      clientName: readText(o, v.clientNameAt, v.clientNameLen),
      domain: readText(o, v.domainAt, v.domainLen),
      router: formatIpv4(v.router),
    }
  );
}

function getfileArgs(o: Octets, at: number, len: number): Decoded {
  const v = new GetfileArgsView();
  return (
    v.reset(o, at, len) || {
      clientName: readText(o, v.clientNameAt, v.clientNameLen),
      key: readText(o, v.keyAt, v.keyLen),
    }
  );
}

function getfileResult(o: Octets, at: number, len: number): Decoded {
  const v = new GetfileResultView();
  return (
    v.reset(o, at, len) || {
      serverName: readText(o, v.serverNameAt, v.serverNameLen),
      serverAddress: formatIpv4(v.serverAddress),
      path: readText(o, v.pathAt, v.pathLen),
    }
  );
}

function mountArgs(o: Octets, at: number, len: number): Decoded {
  const v = new MountPathView();
  return v.reset(o, at, len) || { path: readText(o, v.pathAt, v.pathLen) };
}

function mountResult(o: Octets, at: number, len: number): Decoded {
  const v = new MountResultView();
  return v.reset(o, at, len) || { status: v.status, fhandle: toHex(o, v.fhandleAt, 32) };
}

function exportResult(o: Octets, at: number, len: number): Decoded {
  const v = new MountExportView();
  const status = v.reset(o, at, len);
  if (status) return status;
  const { count } = v;
  v.next();
  const directory = readText(o, v.directoryAt, v.directoryLen);
  return { count, directory, "has groups": v.nextGroup() };
}

function lookupArgs(o: Octets, at: number, len: number): Decoded {
  const v = new DiropArgsView();
  return (
    v.reset(o, at, len) || {
      dir: toHex(o, v.dirAt, 32),
      name: readText(o, v.nameAt, v.nameLen),
    }
  );
}

function lookupResult(o: Octets, at: number, len: number): Decoded {
  const v = new DiropResultView();
  const status = v.reset(o, at, len);
  if (status) return status;
  const { attributes: a } = v;
  return {
    status: v.status,
    fhandle: toHex(o, v.fhandleAt, 32),
    type: a.type,
    mode: `0${a.mode.toString(8)}`,
    nlink: a.nlink,
    size: a.size,
    blocksize: a.blocksize,
    blocks: a.blocks,
    fileid: a.fileid,
    "mtime seconds": a.mtimeSeconds,
  };
}

function readArgs(o: Octets, at: number, len: number): Decoded {
  const v = new ReadArgsView();
  const status = v.reset(o, at, len);
  return status || { offset: v.offset, count: v.count, totalcount: v.totalcount };
}

function readResult(o: Octets, at: number, len: number): Decoded {
  const v = new ReadResultView();
  const status = v.reset(o, at, len);
  return status || { status: v.status, size: v.attributes.size, dataLen: v.dataLen };
}

function readlinkResult(o: Octets, at: number, len: number): Decoded {
  const v = new ReadlinkResultView();
  return v.reset(o, at, len) || { status: v.status, path: readText(o, v.pathAt, v.pathLen) };
}

function readdirArgs(o: Octets, at: number, len: number): Decoded {
  const v = new ReaddirArgsView();
  return v.reset(o, at, len) || { cookie: v.cookie, count: v.count };
}

function readdirResult(o: Octets, at: number, len: number): Decoded {
  const v = new ReaddirResultView();
  const status = v.reset(o, at, len);
  if (status) return status;
  const { count, eof } = v;
  const names: string[] = [];
  while (v.next()) names.push(readText(o, v.nameAt, v.nameLen));
  return { status: v.status, count, names: names.join(" "), eof };
}

function statfsResult(o: Octets, at: number, len: number): Decoded {
  const v = new StatfsResultView();
  return (
    v.reset(o, at, len) || {
      status: v.status,
      tsize: v.tsize,
      bsize: v.bsize,
      blocks: v.blocks,
      bfree: v.bfree,
      bavail: v.bavail,
    }
  );
}

function hex32(n: number): string {
  return n.toString(16).padStart(8, "0");
}
