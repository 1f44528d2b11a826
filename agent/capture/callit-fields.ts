import { PmapCallitArgsView, PmapCallitResultView } from "../../protocols/sunrpc/callit.ts";
import { PMAP_PROG, PMAP_VERS, PmapProc } from "../../protocols/sunrpc/portmap.ts";
import { RpcbCallitResultView, RpcbProc } from "../../protocols/sunrpc/rpcbind.ts";
import type { Octets } from "../../protocols/wire/octets.ts";
import { Status } from "../../protocols/wire/status.ts";
import type { Fields, MessageSink } from "./message.ts";
import { rpcProcedure } from "./rpc-programs.ts";
import { stringField } from "./rpc-reading.ts";

// Calls on a caller's behalf, which broadcast looks for servers with: WHOAMI of a diskless Sun is in one of them.

const callArgs: PmapCallitArgsView = new PmapCallitArgsView();
const result: PmapCallitResultView = new PmapCallitResultView();
const rpcbResult: RpcbCallitResultView = new RpcbCallitResultView();

/** A procedure by its three numbers. */
export interface RpcTarget {
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
}

/** Whether a procedure carries another call. */
export function isCallit({ prog, vers, proc }: RpcTarget): boolean {
  if (prog !== PMAP_PROG) return false;
  if (vers === PMAP_VERS) return proc === PmapProc.Callit;
  return proc === RpcbProc.Bcast || proc === RpcbProc.Indirect;
}

/** What the arguments of such a procedure ask for; undefined when they are damaged. */
export function callitTarget(o: Octets, at: number, len: number): RpcTarget | undefined {
  if (callArgs.reset(o, at, len) !== Status.Ok) return undefined;
  const { prog, vers, proc } = callArgs;
  return { prog, vers, proc };
}

/** Reads `call_args` of RFC 1833. The arguments inside are read as well, when the procedure is known. */
export function readCallitArgs(
  o: Octets,
  at: number,
  len: number,
  into: Fields,
  sink: MessageSink,
): Status {
  const status = callArgs.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { prog, vers, proc, argsAt, argsLen } = callArgs;
  const known = rpcProcedure(prog, vers, proc);
  const args: Fields = {};
  const inner = known?.args?.(o, argsAt, argsLen, args, sink);
  const shown = inner === Status.Ok ? args : sink.bulk(o, argsAt, argsLen);
  const name = known === undefined ? {} : { procName: known.name };
  Object.assign(into, { call_args: { prog, vers, proc, ...name, args: shown } });
  return inner ?? status;
}

/** Reads `call_result` of version 2 (`port`, `res`) and `rpcb_rmtcallres` of the later ones (`addr`, `results`). */
export function readCallitResult(
  vers: number,
  target: RpcTarget | undefined,
  o: Octets,
  at: number,
  len: number,
  into: Fields,
  sink: MessageSink,
): Status {
  const old = vers === PMAP_VERS;
  const status = old ? result.reset(o, at, len) : rpcbResult.reset(o, at, len);
  if (status !== Status.Ok) return status;
  const { resultsAt, resultsLen } = old ? result : rpcbResult;
  if (old) Object.assign(into, { port: result.port });
  else Object.assign(into, { addr: stringField(o, rpcbResult.addrAt, rpcbResult.addrLen) });
  const known = target && rpcProcedure(target.prog, target.vers, target.proc);
  const results: Fields = {};
  const inner = known?.results?.(o, resultsAt, resultsLen, results, sink);
  const shown = inner === Status.Ok ? results : sink.bulk(o, resultsAt, resultsLen);
  Object.assign(into, old ? { res: shown } : { results: shown });
  return inner ?? status;
}
