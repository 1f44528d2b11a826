import { RpcCallView } from "../../protocols/sunrpc/call.ts";
import { emitCallitResult } from "../../protocols/sunrpc/callit.ts";
import {
  emitPmapBool,
  emitPmapDump,
  type PmapMapping,
  PmapMappingView,
  PmapProc,
} from "../../protocols/sunrpc/portmap.ts";
import { AcceptStat, emitAcceptedReply } from "../../protocols/sunrpc/reply.ts";
import { Octets } from "../../protocols/wire/octets.ts";

/** Debian's rpcbind as a program on its host sees it, by version 2. */
export class FakeRpcbind {
  mappings: PmapMapping[] = [];
  /** While false nobody is there. */
  running = true;
  /** Its option -r. */
  forwards = false;
  /** Procedures that were called, in order. */
  readonly calls: number[] = [];

  readonly ask = async (message: Uint8Array): Promise<Uint8Array | undefined> => {
    const call = new RpcCallView();
    const octets = new Octets(message);
    if (!this.running || call.reset(octets, 0, message.length)) return undefined;
    this.calls.push(call.proc);
    const o = Octets.alloc(4_096);
    const at = emitAcceptedReply(call.xid, AcceptStat.Success, o, 0);
    const len = this.answer(call, octets, o, at);
    return len < 0 ? undefined : o.u8.slice(0, at + len);
  };

  private answer(call: RpcCallView, octets: Octets, o: Octets, at: number): number {
    if (call.proc === PmapProc.Dump) return emitPmapDump(this.mappings, o, at);
    if (call.proc === PmapProc.Callit) return this.forwards ? emitCallitResult(111, 0, o, at) : -1;
    const view = new PmapMappingView();
    if (view.reset(octets, call.argsAt, call.argsLen)) return -1;
    const { prog, vers, prot, port } = view;
    if (call.proc === PmapProc.Unset) {
      this.mappings = this.mappings.filter((m) => m.prog !== prog || m.vers !== vers);
      return emitPmapBool(true, o, at);
    }
    const there = this.mappings.find((m) => m.prog === prog && m.vers === vers && m.prot === prot);
    if (!there) this.mappings.push({ prog, vers, prot, port });
    return emitPmapBool(!there || there.port === port, o, at);
  }
}
