import {
  GetfileArgsView,
  GetfileResultView,
  WhoamiArgsView,
  WhoamiResultView,
} from "../../protocols/bootparams/messages.ts";
import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { Status } from "../../protocols/wire/status.ts";
import { type RpcProgram, type RpcReader, stringField } from "./rpc-reading.ts";

// Names of bootparam_prot.x.

const whoami: WhoamiArgsView = new WhoamiArgsView();
const whoamiResult: WhoamiResultView = new WhoamiResultView();
const getfile: GetfileArgsView = new GetfileArgsView();
const getfileResult: GetfileResultView = new GetfileResultView();

const readWhoami: RpcReader = (o, at, len, into) => {
  const status = whoami.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, { client_address: formatIpv4(whoami.clientAddress) });
  return status;
};

const readWhoamiResult: RpcReader = (o, at, len, into) => {
  const v = whoamiResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, {
    client_name: stringField(o, v.clientNameAt, v.clientNameLen),
    domain_name: stringField(o, v.domainAt, v.domainLen),
    router_address: formatIpv4(v.router),
  });
  return status;
};

const readGetfile: RpcReader = (o, at, len, into) => {
  const v = getfile;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, {
    client_name: stringField(o, v.clientNameAt, v.clientNameLen),
    file_id: stringField(o, v.keyAt, v.keyLen),
  });
  return status;
};

const readGetfileResult: RpcReader = (o, at, len, into) => {
  const v = getfileResult;
  const status = v.reset(o, at, len);
  if (status !== Status.Ok) return status;
  Object.assign(into, {
    server_name: stringField(o, v.serverNameAt, v.serverNameLen),
    server_address: formatIpv4(v.serverAddress),
    server_path: stringField(o, v.pathAt, v.pathLen),
  });
  return status;
};

/** BOOTPARAMS, version 1. */
export const BOOTPARAMS: RpcProgram = {
  protocol: "bootparams",
  versions: new Map([
    [
      1,
      [
        { name: "NULL" },
        { name: "WHOAMI", args: readWhoami, results: readWhoamiResult },
        { name: "GETFILE", args: readGetfile, results: readGetfileResult },
      ],
    ],
  ]),
};
