import { emitRpcCall } from "../../../protocols/sunrpc/call.ts";
import { emitCallitArgs } from "../../../protocols/sunrpc/callit.ts";
import {
  emitPmapMapping,
  PMAP_PROG,
  PMAP_VERS,
  PmapBoolView,
  PmapDumpView,
  type PmapMapping,
  PmapProc,
} from "../../../protocols/sunrpc/portmap.ts";
import { RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { type EmitResults, VOID } from "./program.ts";

/** Asks port 111 of this host's loopback; undefined: no answer. Never rejects. */
export type AskPortMapper = (message: Uint8Array) => Promise<Uint8Array | undefined>;

/** A call with a mapping is 56 octets. */
const CALL_LEN = 64;
/** Programs of one host; what registers more than this is not looked at any further. */
const MAX_MAPPINGS = 1_000;

/** What we ask of the host's own port mapper. What it does not answer, or answers by rubbish, is undefined. */
export class RpcbindClient {
  private readonly ask: AskPortMapper;
  private readonly reply = new RpcReplyView();
  private xid = 1;

  constructor(ask: AskPortMapper) {
    this.ask = ask;
  }

  /** All that is registered by version 2. */
  async dump(): Promise<readonly PmapMapping[] | undefined> {
    const results = await this.call(PmapProc.Dump);
    const view = new PmapDumpView();
    if (!results || view.reset(results, 0, results.u8.length)) return undefined;
    const list: PmapMapping[] = [];
    for (let i = 0; i < Math.min(view.count, MAX_MAPPINGS); i++) {
      const mapping = view.mapping(i);
      if (mapping) list.push(mapping);
    }
    return list;
  }

  /** Registers a port; false: it is registered with another one. */
  set(mapping: PmapMapping): Promise<boolean | undefined> {
    return this.change(PmapProc.Set, mapping);
  }

  /** Takes away a version of a program, for UDP and TCP alike: rpcbind does not look at the protocol. */
  unset(mapping: PmapMapping): Promise<boolean | undefined> {
    return this.change(PmapProc.Unset, mapping);
  }

  /** Whether it calls programs for others (CALLIT), as Debian's does with its option -r only. */
  async forwards(): Promise<boolean> {
    const itself = { prog: PMAP_PROG, vers: PMAP_VERS, proc: PmapProc.Null };
    return (
      (await this.call(PmapProc.Callit, (o, at) => emitCallitArgs(itself, 0, o, at))) !== undefined
    );
  }

  private async change(proc: number, mapping: PmapMapping): Promise<boolean | undefined> {
    const results = await this.call(proc, (o, at) => emitPmapMapping(mapping, o, at));
    const view = new PmapBoolView();
    if (!results || view.reset(results, 0, results.u8.length)) return undefined;
    return view.ok;
  }

  private async call(proc: number, args: EmitResults = VOID): Promise<Octets | undefined> {
    const xid = this.xid++ >>> 0;
    const o = Octets.alloc(CALL_LEN);
    const at = emitRpcCall({ xid, prog: PMAP_PROG, vers: PMAP_VERS, proc }, o, 0);
    const len = at + args(o, at);
    const answer = await this.ask(o.u8.subarray(0, len));
    if (!answer) return undefined;
    const { reply } = this;
    const status = reply.reset(new Octets(answer), 0, answer.length);
    if (status || reply.xid !== xid || !reply.isSuccess) return undefined;
    return new Octets(answer.slice(reply.resultsAt, reply.resultsAt + reply.resultsLen));
  }
}
