import type { DecodedMessage, Fields, FieldValue } from "../../agent/capture/message.ts";

/** What a field of tshark must hold for one of our messages: a list, since many fields occur more than once. */
export type Ours = (fields: Fields, message: DecodedMessage) => readonly FieldValue[];

/** What a message has at a path of names. */
export function at(fields: Fields, ...path: readonly string[]): FieldValue | undefined {
  let value: FieldValue | undefined = fields;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = (value as Fields)[name];
  }
  return value;
}

/** The field of that name in messages of these protocols, where it is there. */
function of(protocols: string, ...path: readonly string[]): Ours {
  const wanted = new Set(protocols.split(" "));
  return (fields, { protocol }) => {
    const value = wanted.has(protocol) ? at(fields, ...path) : undefined;
    return value === undefined || value === null ? [] : [value];
  };
}

/** The first of these that has anything. */
function first(...readers: readonly Ours[]): Ours {
  return (fields, message) => {
    for (const read of readers) {
      const found = read(fields, message);
      if (found.length > 0) return found;
    }
    return [];
  };
}

/** All of these, one after the other. */
function all(...readers: readonly Ours[]): Ours {
  return (fields, message) => readers.flatMap((read) => read(fields, message));
}

/** A member of every item of a list. */
function each(protocol: string, list: string, name: string): Ours {
  return (fields, message) => {
    const items = message.protocol === protocol ? fields[list] : undefined;
    if (!Array.isArray(items)) return [];
    return items.flatMap((item: FieldValue) => {
      const value = at(item as Fields, name);
      return value === undefined || value === null ? [] : [value];
    });
  };
}

/** Only for NFS version 2: of the others we know the names of the procedures and no more. */
function nfs2(read: Ours): Ours {
  return (fields, message) => (at(fields, "vers") === 2 ? read(fields, message) : []);
}

/** Only of replies that were accepted (0) or denied (1). */
function whereReply(replyStat: number, read: Ours): Ours {
  return (fields, message) => (at(fields, "replyStat") === replyStat ? read(fields, message) : []);
}

/** A time that a SETATTR leaves alone is not shown by tshark. */
function isSet(read: Ours): Ours {
  return (fields, message) => read(fields, message).filter((v) => v !== 0xffff_ffff);
}

/** The protocols that are RPC. */
const RPC = "rpc portmap bootparams mount nfs";
export const RPC_PROTOCOLS: ReadonlySet<string> = new Set(RPC.split(" "));

/** tshark's name of a field, and where we have it. */
export const FIELDS: ReadonlyMap<string, Ours> = new Map<string, Ours>([
  ["arp.opcode", of("arp rarp", "op")],
  ["arp.src.hw_mac", of("arp rarp", "sha")],
  ["arp.src.proto_ipv4", of("arp rarp", "spa")],
  ["arp.dst.hw_mac", of("arp rarp", "tha")],
  ["arp.dst.proto_ipv4", of("arp rarp", "tpa")],

  ["dhcp.type", of("dhcp", "op")],
  ["dhcp.hw.type", of("dhcp", "htype")],
  ["dhcp.hw.len", of("dhcp", "hlen")],
  ["dhcp.hops", of("dhcp", "hops")],
  ["dhcp.id", of("dhcp", "xid")],
  ["dhcp.secs", of("dhcp", "secs")],
  ["dhcp.flags", of("dhcp", "flags")],
  ["dhcp.ip.client", of("dhcp", "ciaddr")],
  ["dhcp.ip.your", of("dhcp", "yiaddr")],
  ["dhcp.ip.server", of("dhcp", "siaddr")],
  ["dhcp.ip.relay", of("dhcp", "giaddr")],
  ["dhcp.hw.mac_addr", of("dhcp", "chaddr")],
  ["dhcp.option.dhcp", of("dhcp", "messageType")],
  ["dhcp.option.type", each("dhcp", "options", "code")],
  ["dhcp.option.value", each("dhcp", "options", "hex")],
  // tshark prints neither of them when it is empty.
  ["dhcp.server", (f, m) => of("dhcp", "sname")(f, m).filter((v) => v !== "")],
  ["dhcp.file", (f, m) => of("dhcp", "file")(f, m).filter((v) => v !== "")],

  ["tftp.opcode", of("tftp", "opcode")],
  ["tftp.type", of("tftp", "mode")],
  ["tftp.source_file", of("tftp", "filename")],
  ["tftp.destination_file", of("tftp", "filename")],
  ["data.len", (f, m) => of("tftp", "dataLength")(f, m).filter((length) => length !== 0)],
  ["tftp.block", of("tftp", "block")],
  ["tftp.error.code", of("tftp", "errorCode")],
  ["tftp.error.message", of("tftp", "errorMessage")],
  ["tftp.option.name", (f) => pairs(f, 0)],
  ["tftp.option.value", (f) => pairs(f, 1)],

  ["rpc.xid", of(RPC, "xid")],
  ["rpc.msgtyp", of(RPC, "type")],
  ["rpc.program", of(RPC, "prog")],
  ["rpc.programversion", of(RPC, "vers")],
  ["rpc.version.min", whereReply(1, of(RPC, "low"))],
  ["rpc.version.max", whereReply(1, of(RPC, "high"))],
  ["rpc.programversion.min", whereReply(0, of(RPC, "low"))],
  ["rpc.programversion.max", whereReply(0, of(RPC, "high"))],
  ["rpc.procedure", of(RPC, "proc")],
  ["rpc.replystat", of(RPC, "replyStat")],
  ["rpc.state_accept", of(RPC, "acceptStat")],
  ["rpc.state_reject", of(RPC, "rejectStat")],
  ["rpc.state_auth", of(RPC, "authStat")],
  ["rpc.auth.machinename", of(RPC, "cred", "machinename")],
  ["rpc.auth.uid", of(RPC, "cred", "uid")],
  [
    "rpc.auth.gid",
    all(of(RPC, "cred", "gid"), (f) => (at(f, "cred", "gids") as FieldValue[] | undefined) ?? []),
  ],

  [
    "portmap.prog",
    first(
      of("portmap", "mapping", "prog"),
      of("portmap", "call_args", "prog"),
      each("portmap", "mappings", "prog"),
    ),
  ],
  [
    "portmap.version",
    first(
      of("portmap", "mapping", "vers"),
      of("portmap", "call_args", "vers"),
      each("portmap", "mappings", "vers"),
    ),
  ],
  ["portmap.proto", first(of("portmap", "mapping", "prot"), each("portmap", "mappings", "prot"))],
  [
    "portmap.port",
    first(
      of("portmap", "mapping", "port"),
      of("portmap", "port"),
      each("portmap", "mappings", "port"),
    ),
  ],
  ["portmap.proc", of("portmap", "call_args", "proc")],
  ["portmap.rpcb.prog", first(of("portmap", "rpcb", "prog"), each("portmap", "rpcbs", "prog"))],
  ["portmap.rpcb.netid", first(of("portmap", "rpcb", "netid"), each("portmap", "rpcbs", "netid"))],
  ["portmap.rpcb.addr", first(of("portmap", "rpcb", "addr"), each("portmap", "rpcbs", "addr"))],
  ["portmap.uaddr", first(of("portmap", "uaddr"), of("portmap", "addr"))],

  [
    "bootparams.host",
    first(
      of("bootparams", "client_name"),
      of("bootparams", "server_name"),
      of("portmap", "call_args", "args", "client_name"),
    ),
  ],
  // tshark looks into the arguments of CALLIT, but not into its results.
  ["bootparams.domain", of("bootparams", "domain_name")],
  [
    "bootparams.fileid",
    first(of("bootparams", "file_id"), of("portmap", "call_args", "args", "file_id")),
  ],
  ["bootparams.filepath", of("bootparams", "server_path")],
  [
    "bootparams.hostaddr",
    first(
      of("bootparams", "client_address"),
      of("bootparams", "server_address"),
      of("portmap", "call_args", "args", "client_address"),
    ),
  ],
  ["bootparams.routeraddr", first(of("bootparams", "router_address"))],

  ["mount.path", of("mount", "dirpath")],
  ["mount.status", of("mount", "status")],
  ["mount.dump.hostname", each("mount", "mounts", "hostname")],
  ["mount.dump.directory", each("mount", "mounts", "directory")],
  ["mount.export.directory", each("mount", "exports", "filesys")],
  ["mount.export.group", (f, m) => each("mount", "exports", "groups")(f, m).flat() as FieldValue[]],

  ["nfs.status2", nfs2(of("nfs", "status"))],
  ["nfs.name", nfs2(all(of("nfs", "name"), of("nfs", "from", "name"), of("nfs", "to", "name")))],
  [
    "nfs.fhandle",
    all(
      nfs2(
        all(
          of("nfs", "fhandle"),
          of("nfs", "dir"),
          of("nfs", "from", "dir"),
          (f, m) => of("nfs", "from")(f, m).filter((v) => typeof v === "string"),
          of("nfs", "to", "dir"),
        ),
      ),
      of("mount", "fhandle"),
    ),
  ],
  ["nfs.read.offset", nfs2((f, m) => (isRead(f) ? of("nfs", "offset")(f, m) : []))],
  ["nfs.read.count", nfs2((f, m) => (isRead(f) ? of("nfs", "count")(f, m) : []))],
  ["nfs.read.totalcount", nfs2((f, m) => (isRead(f) ? of("nfs", "totalcount")(f, m) : []))],
  ["nfs.write.beginoffset", nfs2(of("nfs", "beginoffset"))],
  ["nfs.write.offset", nfs2((f, m) => (isRead(f) ? [] : of("nfs", "offset")(f, m)))],
  ["nfs.data", nfs2(of("nfs", "data"))],
  ["nfs.readlink.data", nfs2(of("nfs", "path"))],
  ["nfs.symlink.to", nfs2((f, m) => of("nfs", "to")(f, m).filter((v) => typeof v === "string"))],
  ["nfs.readdir.cookie", nfs2(of("nfs", "cookie"))],
  ["nfs.readdir.count", nfs2((f, m) => (at(f, "proc") === 16 ? of("nfs", "count")(f, m) : []))],
  ["nfs.readdir.entry.fileid", nfs2(each("nfs", "entries", "fileid"))],
  ["nfs.readdir.entry.name", nfs2(each("nfs", "entries", "name"))],
  ["nfs.readdir.entry.cookie", nfs2(each("nfs", "entries", "cookie"))],
  ["nfs.statfs.tsize", nfs2(of("nfs", "tsize"))],
  ["nfs.statfs.bsize", nfs2(of("nfs", "bsize"))],
  ["nfs.statfs.blocks", nfs2(of("nfs", "blocks"))],
  ["nfs.statfs.bfree", nfs2(of("nfs", "bfree"))],
  ["nfs.statfs.bavail", nfs2(of("nfs", "bavail"))],
  ["nfs.ftype", nfs2(of("nfs", "attributes", "type"))],
  ["nfs.mode", nfs2(of("nfs", "attributes", "mode"))],
  ["nfs.atime.sec", nfs2(isSet(of("nfs", "attributes", "atime", "seconds")))],
  ["nfs.atime.usec", nfs2(isSet(of("nfs", "attributes", "atime", "useconds")))],
  ["nfs.mtime.sec", nfs2(isSet(of("nfs", "attributes", "mtime", "seconds")))],
  ["nfs.mtime.usec", nfs2(isSet(of("nfs", "attributes", "mtime", "useconds")))],
  ["nfs.ctime.sec", nfs2(isSet(of("nfs", "attributes", "ctime", "seconds")))],
  ["nfs.ctime.usec", nfs2(isSet(of("nfs", "attributes", "ctime", "useconds")))],
  ["nfs.fattr.nlink", nfs2(of("nfs", "attributes", "nlink"))],
  ["nfs.fattr.size", nfs2(of("nfs", "attributes", "size"))],
  ["nfs.fattr.uid", nfs2(of("nfs", "attributes", "uid"))],
  ["nfs.fattr.gid", nfs2(of("nfs", "attributes", "gid"))],
  ["nfs.fattr.blocksize", nfs2(of("nfs", "attributes", "blocksize"))],
  ["nfs.fattr.rdev", nfs2(of("nfs", "attributes", "rdev"))],
  ["nfs.fattr.blocks", nfs2(of("nfs", "attributes", "blocks"))],
  ["nfs.fattr.fsid", nfs2(of("nfs", "attributes", "fsid"))],
  ["nfs.fattr.fileid", nfs2(of("nfs", "attributes", "fileid"))],
]);

function isRead(fields: Fields): boolean {
  return at(fields, "proc") === 6;
}

function pairs(fields: Fields, i: number): FieldValue[] {
  const { options, opcode } = fields;
  if (opcode === undefined || !Array.isArray(options)) return [];
  return options.map((pair: FieldValue) => (pair as FieldValue[])[i] ?? null);
}
