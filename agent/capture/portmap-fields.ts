import {
  PmapBoolView,
  PmapDumpView,
  PmapMappingView,
  PmapPortView,
} from "../../protocols/sunrpc/portmap.ts";
import { RpcbDumpView, RpcbView } from "../../protocols/sunrpc/rpcbind.ts";
import { XdrCursor } from "../../protocols/sunrpc/xdr.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import type { Fields } from "./message.ts";
import {
  listField,
  type RpcProcedure,
  type RpcProgram,
  type RpcReader,
  stringField,
} from "./rpc-reading.ts";

// Names of RFC 1833. `mapping` and `rpcb` are objects of their own, since their prog and vers are not those of the call.
// What is called on a caller's behalf (CALLIT and its like) is read in callit-fields.ts, for it holds any other call.

const UADDR_MAX = 1_024;

const mapping: PmapMappingView = new PmapMappingView();
const port: PmapPortView = new PmapPortView();
const bool: PmapBoolView = new PmapBoolView();
const dump: PmapDumpView = new PmapDumpView();
const rpcb: RpcbView = new RpcbView();
const rpcbDump: RpcbDumpView = new RpcbDumpView();
const cursor: XdrCursor = new XdrCursor();

const readMapping: RpcReader = (o, at, len, into) => {
  const status = mapping.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { prog, vers, prot, port } = mapping;
  Object.assign(into, { mapping: { prog, vers, prot, port } });
  return status;
};

const readPort: RpcReader = (o, at, len, into) => {
  const status = port.reset(o, at, len);
  if (status === Status.Ok) Object.assign(into, { port: port.port });
  return status;
};

const readBool: RpcReader = (o, at, len, into) => {
  const status = bool.reset(o, at, len);
  if (status === Status.Ok) Object.assign(into, { result: bool.ok });
  return status;
};

const readDump: RpcReader = (o, at, len, into) => {
  const status = dump.reset(o, at, len);
  if (status !== Status.Ok) return status;
  let i = 0;
  const mappings = listField(() => {
    const item = dump.mapping(i++);
    return item === undefined ? undefined : { ...item };
  });
  Object.assign(into, { mappings });
  return status;
};

const readRpcb: RpcReader = (o, at, len, into) => {
  const status = rpcb.reset(o, at, len);
  if (status === Status.Ok) Object.assign(into, { rpcb: rpcbFields(rpcb, o) });
  return status;
};

const readUaddr: RpcReader = (o, at, len, into) => {
  cursor.reset(o, at, len);
  const from = cursor.opaqueVar(UADDR_MAX);
  if (cursor.status === Status.Ok) {
    Object.assign(into, { uaddr: stringField(o, from, cursor.len) });
  }
  return cursor.status;
};

const readRpcbDump: RpcReader = (o, at, len, into) => {
  const status = rpcbDump.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const rpcbs = listField(() => (rpcbDump.next() ? rpcbFields(rpcbDump.item, o) : undefined));
  Object.assign(into, { rpcbs });
  return status;
};

const readTime: RpcReader = (o, at, len, into) => {
  cursor.reset(o, at, len);
  const time = cursor.u32();
  if (cursor.status === Status.Ok) Object.assign(into, { time });
  return cursor.status;
};

const VERSION_2: readonly RpcProcedure[] = [
  { name: "NULL" },
  { name: "SET", args: readMapping, results: readBool },
  { name: "UNSET", args: readMapping, results: readBool },
  { name: "GETPORT", args: readMapping, results: readPort },
  { name: "DUMP", results: readDump },
  { name: "CALLIT" },
];

const VERSION_3: readonly RpcProcedure[] = [
  { name: "NULL" },
  { name: "SET", args: readRpcb, results: readBool },
  { name: "UNSET", args: readRpcb, results: readBool },
  { name: "GETADDR", args: readRpcb, results: readUaddr },
  { name: "DUMP", results: readRpcbDump },
  { name: "CALLIT" },
  { name: "GETTIME", results: readTime },
  { name: "UADDR2TADDR", args: readUaddr },
  { name: "TADDR2UADDR", results: readUaddr },
];

const VERSION_4: readonly RpcProcedure[] = [
  ...VERSION_3.slice(0, 5),
  { name: "BCAST" },
  ...VERSION_3.slice(6),
  { name: "GETVERSADDR", args: readRpcb, results: readUaddr },
  { name: "INDIRECT" },
  { name: "GETADDRLIST", args: readRpcb },
  { name: "GETSTAT" },
];

/** The port mapper (version 2) and rpcbind (3 and 4), which are one program. */
export const PORTMAP: RpcProgram = {
  protocol: "portmap",
  versions: new Map([
    [2, VERSION_2],
    [3, VERSION_3],
    [4, VERSION_4],
  ]),
};

function rpcbFields(v: RpcbView, o: Octets): Fields {
  return {
    prog: v.prog,
    vers: v.vers,
    netid: stringField(o, v.netidAt, v.netidLen),
    addr: stringField(o, v.addrAt, v.addrLen),
    owner: stringField(o, v.ownerAt, v.ownerLen),
  };
}
