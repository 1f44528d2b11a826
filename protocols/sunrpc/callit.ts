import { NO_VIEW, type Octets } from "../wire/octets.ts";
import type { Status } from "../wire/status.ts";
import { XdrCursor, XdrWriter } from "./xdr.ts";

// Port mapper procedure 5 (RFC 1833 section 3): a call to be made on the caller's behalf, mostly sent to the broadcast
// address. That is how a diskless Sun finds its bootparam server. Whoever cannot answer stays silent.

/** Octets before the arguments of the call inside: prog, vers, proc, length. */
export const CALLIT_ARGS_AT = 16;
/** Octets before the results of the call inside: port, length. */
export const CALLIT_RESULT_AT = 8;

const cursor: XdrCursor = new XdrCursor();
const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of the arguments of CALLIT. */
export class PmapCallitArgsView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private len = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.opaqueFixed(CALLIT_ARGS_AT - 4);
    cursor.opaqueVar(len);
    this.dv = o.dv;
    this.at = at;
    this.len = cursor.len;
    return cursor.status;
  }
  get prog(): number {
    return this.dv.getUint32(this.at);
  }
  get vers(): number {
    return this.dv.getUint32(this.at + 4);
  }
  get proc(): number {
    return this.dv.getUint32(this.at + 8);
  }
  /** Offset of the arguments for the procedure inside. */
  get argsAt(): number {
    return this.at + CALLIT_ARGS_AT;
  }
  get argsLen(): number {
    return this.len;
  }
}

/** The procedure that CALLIT shall call. */
export interface PmapCallitRepr {
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
}

/** Writes the arguments of CALLIT around `argsLen` octets that already lie at `at + 16`; returns octets in all. */
export function emitCallitArgs(r: PmapCallitRepr, argsLen: number, o: Octets, at: number): number {
  const w = writer.begin(o, at).u32(r.prog).u32(r.vers).u32(r.proc).u32(argsLen);
  w.at += argsLen;
  return w.pad(argsLen).at - at;
}

/** Re-pointable view of the result of CALLIT. */
export class PmapCallitResultView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private len = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    cursor.u32();
    cursor.opaqueVar(len);
    this.dv = o.dv;
    this.at = at;
    this.len = cursor.len;
    return cursor.status;
  }
  /** UDP port of the program that answered: further calls go straight to it. */
  get port(): number {
    return this.dv.getUint32(this.at);
  }
  /** Offset of the results of the procedure inside. */
  get resultsAt(): number {
    return this.at + CALLIT_RESULT_AT;
  }
  get resultsLen(): number {
    return this.len;
  }
}

/** Writes the result of CALLIT around `resultsLen` octets that already lie at `at + 8`; returns octets in all. */
export function emitCallitResult(port: number, resultsLen: number, o: Octets, at: number): number {
  const w = writer.begin(o, at).u32(port).u32(resultsLen);
  w.at += resultsLen;
  return w.pad(resultsLen).at - at;
}
