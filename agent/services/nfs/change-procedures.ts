import { NfsStat } from "../../../protocols/nfs/constants.ts";
import { emitAttrResult } from "../../../protocols/nfs/results.ts";
import { SetattrArgsView, WriteArgsView } from "../../../protocols/nfs/write-args.ts";
import { isRefusal, type Tree, type WritableTree } from "../../assets/trees/tree.ts";
import type { ServiceContext } from "../context.ts";
import type { RpcCredential } from "../rpc/credential.ts";
import type { RpcAnswer, RpcCall } from "../rpc/program.ts";
import { fattrOf } from "./attributes.ts";
import { codeOf, malformed, refuse } from "./errors.ts";
import { mayWrite } from "./permissions.ts";
import { settle, wishOf } from "./set-attributes.ts";

/** A tree that can be changed, and how. */
export interface ChangeableTree {
  readonly tree: Tree;
  readonly writable: WritableTree;
}

/** Sizes and offsets have 32 bits. */
const MAX_SIZE = 0xffff_ffff;

/**
 * The procedures that change one node: SETATTR and WRITE. They are answered when the change survives a power cut, as NFSv2
 * demands: a client throws its copy of the data away then.
 */
export class ChangeProcedures {
  private readonly context: ServiceContext;
  private readonly wallMs: () => number;
  private readonly setattrArgs = new SetattrArgsView();
  private readonly writeArgs = new WriteArgsView();

  constructor(context: ServiceContext, wallMs: () => number = Date.now) {
    this.context = context;
    this.wallMs = wallMs;
  }

  async setattr(
    call: RpcCall,
    answer: RpcAnswer,
    { tree, writable }: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const { setattrArgs, context } = this;
    const status = setattrArgs.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const fileid = context.handles.fileidOf(tree.fsid, call.octets, setattrArgs.fhandleAt);
    const wish = wishOf(setattrArgs.attributes, this.wallMs());
    if (fileid < 0) return refuse(answer, NfsStat.Stale);
    const a = await tree.attributes(fileid);
    if (isRefusal(a)) return refuse(answer, codeOf(a));
    const change = settle(a, wish, who);
    if (typeof change === "number") return refuse(answer, change);
    const refusal =
      Object.keys(change).length === 0 ? undefined : await writable.change(fileid, change);
    if (refusal) return refuse(answer, codeOf(refusal));
    await this.attributes(answer, tree, fileid);
  }

  async write(
    call: RpcCall,
    answer: RpcAnswer,
    { tree, writable }: ChangeableTree,
    who: RpcCredential,
  ): Promise<void> {
    const { writeArgs, context } = this;
    const status = writeArgs.reset(call.octets, call.argsAt, call.argsLen);
    if (malformed(status, answer, context.counters)) return;
    const { fhandleAt, offset, dataAt, dataLen } = writeArgs;
    const fileid = context.handles.fileidOf(tree.fsid, call.octets, fhandleAt);
    if (fileid < 0) return refuse(answer, NfsStat.Stale);
    if (offset + dataLen > MAX_SIZE) return refuse(answer, NfsStat.Fbig);
    // The next packet overwrites this one while the disk is waited for.
    const data = call.octets.u8.slice(dataAt, dataAt + dataLen);
    const a = await tree.attributes(fileid);
    if (isRefusal(a)) return refuse(answer, codeOf(a));
    if (a.kind !== "file") {
      return refuse(answer, a.kind === "directory" ? NfsStat.IsDir : NfsStat.Inval);
    }
    if (!mayWrite(a, who)) return refuse(answer, NfsStat.Acces);
    const refusal = dataLen === 0 ? undefined : await writable.write(fileid, offset, data);
    if (refusal) return refuse(answer, codeOf(refusal));
    await this.attributes(answer, tree, fileid);
  }

  private async attributes(answer: RpcAnswer, tree: Tree, fileid: number): Promise<void> {
    const a = await tree.attributes(fileid);
    if (isRefusal(a)) refuse(answer, codeOf(a));
    else answer.success((o, at) => emitAttrResult(fattrOf(a, tree.fsid, fileid), o, at));
  }
}
