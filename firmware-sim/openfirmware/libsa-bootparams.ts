import { PMAP_PORT, PMAP_PROG, PMAP_VERS, PmapProc } from "../../protocols/sunrpc/portmap.ts";
import type { XdrCursor, XdrWriter } from "../../protocols/sunrpc/xdr.ts";
import { formatIpv4, IPV4_BROADCAST, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import type { HostStack, RarpReply } from "../stack/host-stack.ts";
import type { LibsaRpc } from "./libsa-rpc.ts";
import { type RootPath, setNetwork } from "./root-path.ts";
import { sendReceive } from "./send-receive.ts";

const BOOTPARAM_PROG = 100_026;
const BOOTPARAM_VERS = 1;
const WHOAMI = 1;
const GETFILE = 2;
/** atype of an IPv4 address, followed by four words. */
const IP_ADDR_TYPE = 1;
const WHOAMI_ARGS_LEN = 20;
const NAME_MAX = 255;
const PATH_MAX = 1_024;
/** libsa's buffers: words of the CALLIT capsule, and of the GETFILE result. */
const WHOAMI_WORDS = 64;
const GETFILE_WORDS = 128;

/** What WHOAMI told. */
interface WhoAmI {
  readonly client: string;
  readonly domain: string;
  readonly server: Ipv4;
}

/** RARP from the second stage (libsa's rarp.c); it asks anew though the PROM has asked before. */
export function* rarp(host: HostStack): BootScript<RarpReply> {
  host.rarpReplies.clear();
  const reply = yield* sendReceive(
    host,
    () => host.sendRarpRequest(),
    (untilMs) => host.rarpReplies.take(untilMs),
  );
  if (!reply) throw new BootFailure("rarp", "no reply to RARP from the second stage");
  if (reply.address === 0) throw new BootFailure("rarp", "the reply gives the address 0.0.0.0");
  setNetwork(host, reply.address, 0, 0);
  return reply;
}

/**
 * WHOAMI by broadcast through the port map (libsa's bootparam.c). The server is whoever answers; its port comes along.
 */
export function* whoAmI(host: HostStack, rpc: LibsaRpc): BootScript<WhoAmI> {
  const target = {
    server: IPV4_BROADCAST,
    port: PMAP_PORT,
    prog: PMAP_PROG,
    vers: PMAP_VERS,
    proc: PmapProc.Callit,
    name: "BOOTPARAM WHOAMI",
  };
  const { cursor, from } = yield* rpc.call(target, (w) =>
    putAddress(
      w.u32(BOOTPARAM_PROG).u32(BOOTPARAM_VERS).u32(WHOAMI).u32(WHOAMI_ARGS_LEN),
      host.address,
    ),
  );
  const port = cursor.u32();
  const capsule = cursor.u32();
  if (capsule > cursor.remaining || capsule > WHOAMI_WORDS * 4) {
    throw bad("WHOAMI", `a capsule of ${capsule} octets, ${cursor.remaining} are there`);
  }
  const client = text(cursor, from.octets, NAME_MAX);
  const domain = text(cursor, from.octets, NAME_MAX);
  const router = takeAddress(cursor);
  if (cursor.status !== Status.Ok) throw bad("WHOAMI", "the result is cut off or malformed");
  if (client === "") throw bad("WHOAMI", "the client's name is empty");
  if (port === 0 || port > 0xffff) throw bad("WHOAMI", `the port is ${port}`);
  rpc.cachePort(from.src, BOOTPARAM_PROG, BOOTPARAM_VERS, port);
  setNetwork(host, host.address, host.mask, router);
  return { client, domain, server: from.src };
}

/** GETFILE: server and path of a key ("root", "swap", "dump"). */
export function* getFile(rpc: LibsaRpc, who: WhoAmI, key: string): BootScript<RootPath> {
  const { server } = who;
  const name = `BOOTPARAM GETFILE "${key}"`;
  const port = yield* rpc.portOf(server, BOOTPARAM_PROG, BOOTPARAM_VERS, name);
  const { cursor, from } = yield* rpc.call(
    { server, port, prog: BOOTPARAM_PROG, vers: BOOTPARAM_VERS, proc: GETFILE, name },
    (w) => w.string(who.client).string(key),
  );
  if (cursor.remaining > GETFILE_WORDS * 4) {
    throw bad(`GETFILE "${key}"`, `a result of ${cursor.remaining} octets`);
  }
  text(cursor, from.octets, NAME_MAX); // the server's name, which libsa only prints
  const address = takeAddress(cursor);
  const path = text(cursor, from.octets, PATH_MAX);
  if (cursor.status !== Status.Ok)
    throw bad(`GETFILE "${key}"`, "the result is cut off or malformed");
  if (path === "") throw bad(`GETFILE "${key}"`, `${formatIpv4(server)} knows no such key`);
  return { server: address, path };
}

/** The four octets as sign-extended words, as C's `char` makes them: 192 is ffffffc0. */
function putAddress(w: XdrWriter, address: Ipv4): XdrWriter {
  w.u32(IP_ADDR_TYPE);
  for (let shift = 24; shift >= 0; shift -= 8) w.i32(((address >> shift) << 24) >> 24);
  return w;
}

/** Takes the low octet of each word, so either form is read. */
function takeAddress(cursor: XdrCursor): Ipv4 {
  if (cursor.u32() !== IP_ADDR_TYPE) cursor.fail(Status.BadCode);
  let address = 0;
  for (let i = 0; i < 4; i++) address = (address << 8) | (cursor.u32() & 255);
  return address;
}

function text(cursor: XdrCursor, o: Octets, max: number): string {
  const at = cursor.opaqueVar(max);
  return String.fromCharCode(...o.u8.subarray(at, at + cursor.len));
}

function bad(what: string, why: string): BootFailure {
  return new BootFailure("bootparams", `${what}: ${why}`);
}
