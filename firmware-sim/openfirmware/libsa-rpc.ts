import { IPPROTO_UDP } from "../../protocols/ipv4/packet.ts";
import { emitRpcCall } from "../../protocols/sunrpc/call.ts";
import { PMAP_PORT, PMAP_PROG, PMAP_VERS, PmapProc } from "../../protocols/sunrpc/portmap.ts";
import {
  AcceptStat,
  RejectStat,
  ReplyStat,
  RPC_ACCEPTED_LEN,
  RpcReplyView,
} from "../../protocols/sunrpc/reply.ts";
import { XdrCursor, XdrWriter } from "../../protocols/sunrpc/xdr.ts";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Status, statusName } from "../../protocols/wire/status.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import type { HostStack } from "../stack/host-stack.ts";
import type { ReceivedDatagram } from "../stack/udp-port.ts";
import { sendReceive } from "./send-receive.ts";

const FIRST_SOURCE_PORT = 1_023;
const LAST_SOURCE_PORT = 512;

/** A procedure and where it is called. */
export interface RpcTarget {
  readonly server: Ipv4;
  readonly port: number;
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  /** For messages: "MOUNT MNT". */
  readonly name: string;
}

/** A successful reply: the cursor stands at the results, `from` sent them. */
export interface RpcResult {
  readonly cursor: XdrCursor;
  readonly from: ReceivedDatagram;
}

/**
 * ONC RPC as libsa's rpc.c calls it: UDP, AUTH_UNIX with 20 octets of zeros, a source port counting down from 1023 for each
 * call, the port map asked once for each program.
 *
 * A reply is taken from any address and port, it is known by its xid alone. It must be longer than 24 octets, accepted and
 * successful, with an empty verifier; MSG_DENIED ends the boot at once.
 */
export class LibsaRpc {
  private readonly host: HostStack;
  private readonly ports: Map<string, number> = new Map<string, number>();
  private sourcePort: number = FIRST_SOURCE_PORT + 1;
  private xid: number;

  constructor(host: HostStack) {
    this.host = host;
    this.xid = host.random();
  }

  /** Remembers a port, as the reply of CALLIT tells it. */
  cachePort(server: Ipv4, prog: number, vers: number, port: number): void {
    this.ports.set(`${server} ${prog} ${vers}`, port);
  }

  /** The UDP port of a program (PMAP GETPORT), asked once. */
  *portOf(server: Ipv4, prog: number, vers: number, name: string): BootScript<number> {
    const cached = this.ports.get(`${server} ${prog} ${vers}`);
    if (cached !== undefined) return cached;
    const { cursor } = yield* this.call(
      {
        server,
        port: PMAP_PORT,
        prog: PMAP_PROG,
        vers: PMAP_VERS,
        proc: PmapProc.Getport,
        name: `PMAP GETPORT ${name}`,
      },
      (w) => w.u32(prog).u32(vers).u32(IPPROTO_UDP).u32(0),
    );
    const port = cursor.u32();
    if (cursor.status !== Status.Ok || port === 0 || port > 0xffff) {
      throw new BootFailure(
        "rpc",
        `${name} is not registered at the port map of ${formatIpv4(server)}`,
      );
    }
    this.cachePort(server, prog, vers, port);
    return port;
  }

  /** Calls until a reply with this call's xid comes; every failure ends the boot. */
  *call(target: RpcTarget, args: (w: XdrWriter) => XdrWriter): BootScript<RpcResult> {
    const { host } = this;
    yield* host.resolve(target.server);
    this.sourcePort =
      this.sourcePort === LAST_SOURCE_PORT ? FIRST_SOURCE_PORT : this.sourcePort - 1;
    this.xid = (this.xid + 1) >>> 0;
    const { xid } = this;
    const { prog, vers, proc } = target;
    const unix = { machineName: "", uid: 0, gid: 0 };
    const port = host.openUdp(this.sourcePort);
    try {
      const from = yield* sendReceive(
        host,
        () =>
          port.send(target.server, target.port, (o, at) => {
            const head = emitRpcCall({ xid, prog, vers, proc, unix }, o, at);
            return args(new XdrWriter().begin(o, at + head)).at - at;
          }),
        function* (untilMs) {
          for (;;) {
            const d = yield* port.receive(untilMs);
            if (!d) return undefined;
            const { dv, u8 } = d.octets;
            // Too short for an xid and a type, another call's reply, or a call: recvrpc() goes on waiting.
            if (u8.length >= 8 && dv.getUint32(0) === xid && dv.getUint32(4) === 1) return d;
          }
        },
      );
      if (!from) throw rpcFailure(target, `no answer${host.explainRefusals()}`);
      return { cursor: this.results(target, from), from };
    } finally {
      port.close();
    }
  }

  private results(target: RpcTarget, from: ReceivedDatagram): XdrCursor {
    const { octets } = from;
    const { length } = octets.u8;
    const reply = new RpcReplyView();
    const status = reply.reset(octets, 0, length);
    if (status !== Status.Ok) throw rpcFailure(target, `malformed reply: ${statusName(status)}`);
    if (reply.replyStat === ReplyStat.Denied) {
      const auth = reply.rejectStat === RejectStat.AuthError;
      throw rpcFailure(
        target,
        auth ? `denied, auth_stat ${reply.authStat}` : "denied: RPC version",
      );
    }
    if (reply.acceptStat === AcceptStat.ProgMismatch) {
      const { mismatchLow, mismatchHigh } = reply;
      throw rpcFailure(target, `wrong version, there are ${mismatchLow} to ${mismatchHigh}`);
    }
    if (!reply.isSuccess) throw rpcFailure(target, `accept_stat ${reply.acceptStat}`);
    if (reply.verfLen !== 0) throw rpcFailure(target, "the reply's verifier is not empty");
    if (length <= RPC_ACCEPTED_LEN) {
      throw rpcFailure(target, `a reply of ${length} octets, more than ${RPC_ACCEPTED_LEN} needed`);
    }
    const cursor = new XdrCursor();
    cursor.reset(octets, reply.resultsAt, reply.resultsLen);
    return cursor;
  }
}

/** The failure of one call, in its own words. */
export function rpcFailure(target: RpcTarget, reason: string): BootFailure {
  return new BootFailure("rpc", `${target.name} at ${formatIpv4(target.server)}: ${reason}`);
}
