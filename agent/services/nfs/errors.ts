import { NfsStat } from "../../../protocols/nfs/constants.ts";
import { emitStatResult } from "../../../protocols/nfs/results.ts";
import { AcceptStat } from "../../../protocols/sunrpc/reply.ts";
import { type Status, statusName } from "../../../protocols/wire/status.ts";
import type { TreeRefusal, TreeResult } from "../../assets/trees/tree.ts";
import type { StatusCounters } from "../context.ts";
import type { RpcAnswer } from "../rpc/program.ts";

const CODES: Readonly<Record<TreeRefusal, number>> = {
  stale: NfsStat.Stale,
  "no-entry": NfsStat.NoEnt,
  "not-a-directory": NfsStat.NotDir,
  "is-a-directory": NfsStat.IsDir,
  "not-a-symlink": NfsStat.Inval,
  exists: NfsStat.Exist,
  "not-empty": NfsStat.NotEmpty,
  "not-permitted": NfsStat.Perm,
  "read-only": NfsStat.Rofs,
  "no-space": NfsStat.NoSpc,
  "over-quota": NfsStat.Dquot,
  "too-large": NfsStat.Fbig,
  "name-too-long": NfsStat.NameTooLong,
  io: NfsStat.Io,
};

/** What NFS calls a tree's refusal. */
export function codeOf(refusal: TreeRefusal): number {
  return CODES[refusal];
}

/** Answers with one of NfsStat and nothing else. */
export function refuse(answer: RpcAnswer, code: number): void {
  answer.success((o, at) => emitStatResult(code, o, at));
}

/** Whether arguments cannot be read; then they were counted, and the answer was given. */
export function malformed(status: Status, answer: RpcAnswer, counters: StatusCounters): boolean {
  if (!status) return false;
  counters.add("nfs", statusName(status));
  answer.fail(AcceptStat.GarbageArgs);
  return true;
}

/** Goes on at once with what is there already, and later with what has to be waited for. */
export function whenReady<T>(
  result: TreeResult<T>,
  then: (value: T | TreeRefusal) => void | Promise<void>,
): void | Promise<void> {
  return result instanceof Promise ? result.then(then) : then(result);
}
