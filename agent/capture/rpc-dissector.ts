import { AUTH_BODY_MAX, AuthFlavor } from "../../protocols/sunrpc/auth.ts";
import { RPC_CALL, RPC_REPLY, RPC_VERSION, RpcCallView } from "../../protocols/sunrpc/call.ts";
import { PMAP_PROG, PMAP_VERS, PmapDumpView, PmapProc } from "../../protocols/sunrpc/portmap.ts";
import { AcceptStat, ReplyStat, RpcReplyView } from "../../protocols/sunrpc/reply.ts";
import { uaddrPort } from "../../protocols/sunrpc/rpcbind.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import { callitTarget, isCallit, readCallitArgs, readCallitResult } from "./callit-fields.ts";
import type { Flow } from "./flow.ts";
import { type Fields, hexOf, type MessageSink } from "./message.ts";
import { type RpcCallRecord, RpcCalls } from "./rpc-calls.ts";
import { RpcPorts } from "./rpc-ports.ts";
import { isPlausibleProgram, rpcProcedure, rpcProtocol } from "./rpc-programs.ts";
import { stringField } from "./rpc-reading.ts";

// RFC 5531 section 9: offsets of what both kinds of message begin with, and a call's numbers.
const MTYPE = 4;
const RPCVERS = 8;
const REPLY_STAT = 8;
const PROG = 12;
const VERS = 16;
const PROC = 20;
const CRED = 24;
const CRED_LEN = 28;
const CALL_HEAD_LEN = 32;
const REPLY_HEAD_LEN = 12;
/** RPCSEC_GSS, RFC 2203: the last flavor that boot clients could meet. */
const RPCSEC_GSS = 6;

/** What carries the messages: their xids are apart. */
export type RpcTransport = "udp" | "tcp";

/** Shows RPC messages (RFC 5531) and what the programs of a boot say in them. */
export class RpcDissector {
  readonly ports: RpcPorts = new RpcPorts();
  private readonly calls: RpcCalls = new RpcCalls();
  private readonly call: RpcCallView = new RpcCallView();
  private readonly reply: RpcReplyView = new RpcReplyView();
  private readonly dump: PmapDumpView = new PmapDumpView();
  private readonly sink: MessageSink;

  constructor(sink: MessageSink) {
    this.sink = sink;
  }

  /** Shows a datagram if it is an RPC message; false when it is not. */
  takeDatagram(flow: Flow, o: Octets, at: number, len: number): boolean {
    const known = this.ports.has(flow, this.sink.nowMs);
    if (!known && !this.isMessage("udp", flow, o, at, len)) return false;
    this.take("udp", flow, o, at, len);
    return true;
  }

  /**
   * Whether octets look so much like an RPC message that nothing else has to say so: a call of RPC version 2 with a
   * plausible program and credential, or a reply to a call that was seen.
   */
  isMessage(transport: RpcTransport, flow: Flow, o: Octets, at: number, len: number): boolean {
    if (len < REPLY_HEAD_LEN) return false;
    const { dv } = o;
    const type = dv.getUint32(at + MTYPE);
    if (type === RPC_REPLY && dv.getUint32(at + REPLY_STAT) <= ReplyStat.Denied) {
      const { nowMs } = this.sink;
      return this.calls.find(transport, flow, dv.getUint32(at), nowMs) !== undefined;
    }
    if (type !== RPC_CALL || len < CALL_HEAD_LEN) return false;
    return (
      dv.getUint32(at + RPCVERS) === RPC_VERSION &&
      isPlausibleProgram(dv.getUint32(at + PROG)) &&
      dv.getUint32(at + CRED) <= RPCSEC_GSS &&
      dv.getUint32(at + CRED_LEN) <= AUTH_BODY_MAX
    );
  }

  /** Shows a message of a conversation that is RPC. */
  take(transport: RpcTransport, flow: Flow, o: Octets, at: number, len: number): void {
    const type = len < MTYPE + 4 ? -1 : o.dv.getUint32(at + MTYPE);
    if (type === RPC_CALL) this.takeCall(transport, flow, o, at, len);
    else if (type === RPC_REPLY) this.takeReply(transport, flow, o, at, len);
    else if (type < 0) this.sink.put("rpc", Status.Truncated, {});
    else this.sink.put("rpc", Status.BadMagic, { xid: o.dv.getUint32(at), type });
  }

  private takeCall(transport: RpcTransport, flow: Flow, o: Octets, at: number, len: number): void {
    const { call, sink } = this;
    const status = call.reset(o, at, len);
    if (status !== Status.Ok) {
      this.putBrokenCall(status, o, at, len);
      return;
    }
    const { xid, prog, vers, proc, argsAt, argsLen } = call;
    const target = { prog, vers, proc };
    const carries = isCallit(target);
    const inner = carries ? callitTarget(o, argsAt, argsLen) : undefined;
    this.calls.add(transport, flow, xid, { ...target, inner }, sink.nowMs);
    const known = rpcProcedure(prog, vers, proc);
    const fields: Fields = {
      xid,
      type: RPC_CALL,
      prog,
      vers,
      proc,
      ...(known === undefined ? {} : { procName: known.name }),
      credFlavor: call.credFlavor,
      ...credFields(call, o),
    };
    const read = carries ? readCallitArgs : known?.args;
    const found = read?.(o, argsAt, argsLen, fields, sink);
    if (found === undefined && argsLen > 0) {
      Object.assign(fields, { args: sink.bulk(o, argsAt, argsLen) });
    }
    sink.put(rpcProtocol(prog), found ?? Status.Ok, fields);
  }

  /** As much of a call as can be told when it is damaged, or of an RPC version that nobody speaks. */
  private putBrokenCall(status: Status, o: Octets, at: number, len: number): void {
    const { dv } = o;
    const fields: Fields = { xid: dv.getUint32(at), type: RPC_CALL };
    if (status === Status.BadVersion) {
      this.sink.put("rpc", status, { ...fields, rpcvers: dv.getUint32(at + RPCVERS) });
      return;
    }
    if (len < CRED) {
      this.sink.put("rpc", status, fields);
      return;
    }
    const prog = dv.getUint32(at + PROG);
    const vers = dv.getUint32(at + VERS);
    const proc = dv.getUint32(at + PROC);
    this.sink.put(rpcProtocol(prog), status, { ...fields, prog, vers, proc });
  }

  private takeReply(transport: RpcTransport, flow: Flow, o: Octets, at: number, len: number): void {
    const { reply, sink } = this;
    const status = reply.reset(o, at, len);
    const xid = o.dv.getUint32(at);
    const call = this.calls.find(transport, flow, xid, sink.nowMs);
    const fields: Fields = { xid, type: RPC_REPLY, ...callFields(call) };
    const protocol = call === undefined ? "rpc" : rpcProtocol(call.prog);
    if (status !== Status.Ok) {
      sink.put(protocol, status, fields);
      return;
    }
    Object.assign(fields, replyFields(reply));
    const found = reply.isSuccess ? this.readResults(call, flow, o, fields) : Status.Ok;
    sink.put(protocol, found, fields);
  }

  private readResults(
    call: RpcCallRecord | undefined,
    flow: Flow,
    o: Octets,
    fields: Fields,
  ): Status {
    const { sink } = this;
    const { resultsAt, resultsLen } = this.reply;
    if (call !== undefined && isCallit(call)) {
      const { vers, inner } = call;
      const status = readCallitResult(vers, inner, o, resultsAt, resultsLen, fields, sink);
      const { port } = fields as { port?: number };
      if (port !== undefined) this.ports.learn(flow.src, port, sink.nowMs);
      return status;
    }
    const known = call && rpcProcedure(call.prog, call.vers, call.proc);
    const status = known?.results?.(o, resultsAt, resultsLen, fields, sink);
    if (status === undefined && resultsLen > 0) {
      Object.assign(fields, { results: sink.bulk(o, resultsAt, resultsLen) });
    }
    if (call?.prog === PMAP_PROG && status === Status.Ok) this.learn(call, flow, fields, o);
    return status ?? Status.Ok;
  }

  /** Keeps the ports that a port mapper told. */
  private learn(call: RpcCallRecord, flow: Flow, fields: Fields, o: Octets): void {
    const { nowMs } = this.sink;
    const { port, uaddr } = fields as { port?: number; uaddr?: string };
    if (port !== undefined) this.ports.learn(flow.src, port, nowMs);
    if (uaddr !== undefined) this.ports.learn(flow.src, uaddrPort(uaddr), nowMs);
    if (call.vers !== PMAP_VERS || call.proc !== PmapProc.Dump) return;
    const { resultsAt, resultsLen } = this.reply;
    if (this.dump.reset(o, resultsAt, resultsLen) !== Status.Ok) return;
    for (let i = 0; i < this.dump.count; i++) {
      this.ports.learn(flow.src, this.dump.mapping(i)?.port ?? 0, nowMs);
    }
  }
}

function callFields(call: RpcCallRecord | undefined): Fields {
  if (call === undefined) return {};
  const { prog, vers, proc } = call;
  const known = rpcProcedure(prog, vers, proc);
  return { prog, vers, proc, ...(known === undefined ? {} : { procName: known.name }) };
}

/** AUTH_UNIX in full (RFC 5531 appendix A), other credentials as octets. */
function credFields(v: RpcCallView, o: Octets): Fields {
  if (v.credFlavor !== AuthFlavor.Unix || !v.credOk) {
    return v.credLen === 0 ? {} : { cred: hexOf(o, v.credAt, v.credLen) };
  }
  const gids: number[] = [];
  for (let i = 0; i < v.groupCount; i++) gids.push(v.group(i));
  const machinename = stringField(o, v.machineNameAt, v.machineNameLen);
  return { cred: { stamp: v.stamp, machinename, uid: v.uid(), gid: v.gid(), gids } };
}

/** What kind of reply it is. `low` and `high` are the versions that the server has. */
function replyFields(v: RpcReplyView): Fields {
  const { replyStat, acceptStat, rejectStat, authStat, mismatchLow, mismatchHigh } = v;
  const mismatch = mismatchLow < 0 ? {} : { low: mismatchLow, high: mismatchHigh };
  if (replyStat === ReplyStat.Accepted) {
    return { replyStat, acceptStat, ...(acceptStat === AcceptStat.ProgMismatch ? mismatch : {}) };
  }
  return { replyStat, rejectStat, ...(authStat < 0 ? mismatch : { authStat }) };
}
