import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { AUTH_BODY_MAX, AuthFlavor } from "./auth.ts";
import { RPC_REPLY, RPC_VERSION } from "./call.ts";
import { XdrWriter, xdrPadded } from "./xdr.ts";

// RFC 5531 section 9, rpc_msg with a reply_body: offsets in octets from the xid.
const XID = 0;
const MTYPE = 4;
const REPLY_STAT = 8;
const VERF_LEN = 16; // accepted replies
const REJECT_STAT = 12; // denied replies

/** Whether the call was looked at (RFC 5531 section 9, reply_stat). */
export const ReplyStat = { Accepted: 0, Denied: 1 } as const;

/** What became of an accepted call (accept_stat). What is not listed is kept as a number. */
export const AcceptStat = {
  Success: 0,
  ProgUnavail: 1,
  ProgMismatch: 2,
  ProcUnavail: 3,
  GarbageArgs: 4,
  SystemErr: 5,
} as const;

/** Why a call was denied (reject_stat). */
export const RejectStat = { RpcMismatch: 0, AuthError: 1 } as const;

/** Octets of an accepted reply up to its results, with the AUTH_NONE verifier that we always send. */
export const RPC_ACCEPTED_LEN = 24;

/**
 * Re-pointable view of an RPC reply (RFC 5531 section 9).
 *
 * Fields that this kind of reply does not have read as -1, `resultsLen` as 0. An unknown reply_stat or reject_stat is
 * BadCode, since what follows cannot be known.
 */
export class RpcReplyView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private end = 0;
  /** Offset of what follows accept_stat or reject_stat. */
  private body = 0;
  private accepted = false;

  reset(o: Octets, at: number, len: number): Status {
    if (len < REJECT_STAT + 4) return Status.Truncated;
    const { dv } = o;
    if (dv.getUint32(at + MTYPE) !== RPC_REPLY) return Status.BadMagic;
    this.dv = dv;
    this.at = at;
    this.end = at + len;
    const replyStat = dv.getUint32(at + REPLY_STAT);
    if (replyStat > ReplyStat.Denied) return Status.BadCode;
    this.accepted = replyStat === ReplyStat.Accepted;
    return this.accepted ? this.checkAccepted(len) : this.checkDenied(len);
  }

  get xid(): number {
    return this.dv.getUint32(this.at + XID);
  }
  /** One of ReplyStat. */
  get replyStat(): number {
    return this.dv.getUint32(this.at + REPLY_STAT);
  }
  /** One of AcceptStat or another number; -1 in a denied reply. */
  get acceptStat(): number {
    return this.accepted ? this.dv.getUint32(this.body - 4) : -1;
  }
  /** One of RejectStat; -1 in an accepted reply. */
  get rejectStat(): number {
    return this.accepted ? -1 : this.dv.getUint32(this.body - 4);
  }
  /** One of AuthStat or another number; -1 unless the reply is AUTH_ERROR. */
  get authStat(): number {
    return this.rejectStat === RejectStat.AuthError ? this.dv.getUint32(this.body) : -1;
  }
  /** Lowest version supported, of PROG_MISMATCH and RPC_MISMATCH; -1 otherwise. */
  get mismatchLow(): number {
    return this.isMismatch ? this.dv.getUint32(this.body) : -1;
  }
  /** Highest version supported, of PROG_MISMATCH and RPC_MISMATCH; -1 otherwise. */
  get mismatchHigh(): number {
    return this.isMismatch ? this.dv.getUint32(this.body + 4) : -1;
  }
  /** Offset of the verifier's body; where it would be, in a denied reply. */
  get verfAt(): number {
    return this.at + VERF_LEN + 4;
  }
  /** Octets of the verifier; libsa takes no reply in which it is not 0. 0 in a denied reply. */
  get verfLen(): number {
    return this.accepted ? this.dv.getUint32(this.at + VERF_LEN) : 0;
  }
  /** Whether this is MSG_ACCEPTED and SUCCESS, so that results follow. */
  get isSuccess(): boolean {
    return this.acceptStat === AcceptStat.Success;
  }
  /** Offset of the procedure's results. */
  get resultsAt(): number {
    return this.body;
  }
  /** Octets after accept_stat; 0 unless the call succeeded. */
  get resultsLen(): number {
    return this.isSuccess ? this.end - this.body : 0;
  }

  private get isMismatch(): boolean {
    return this.accepted
      ? this.acceptStat === AcceptStat.ProgMismatch
      : this.rejectStat === RejectStat.RpcMismatch;
  }

  private checkAccepted(len: number): Status {
    if (len < VERF_LEN + 4) return Status.Truncated;
    const verfLen = this.verfLen;
    if (verfLen > AUTH_BODY_MAX) return Status.BadLength;
    this.body = this.at + VERF_LEN + 4 + xdrPadded(verfLen) + 4;
    if (this.body > this.end) return Status.Truncated;
    return this.isMismatch && this.body + 8 > this.end ? Status.Truncated : Status.Ok;
  }

  private checkDenied(len: number): Status {
    this.body = this.at + REJECT_STAT + 4;
    const { rejectStat } = this;
    if (rejectStat > RejectStat.AuthError) return Status.BadCode;
    const need = rejectStat === RejectStat.RpcMismatch ? 8 : 4;
    return len < REJECT_STAT + 4 + need ? Status.Truncated : Status.Ok;
  }
}

const writer: XdrWriter = new XdrWriter();

/** Writes an accepted reply up to its results, 24 octets; results, if any, go right behind. */
export function emitAcceptedReply(xid: number, acceptStat: number, o: Octets, at: number): number {
  const w = writer.begin(o, at).u32(xid).u32(RPC_REPLY).u32(ReplyStat.Accepted);
  return w.u32(AuthFlavor.None).u32(0).u32(acceptStat).at - at;
}

/**
 * Writes PROG_MISMATCH with the lowest and highest version that the program has here, 32 octets.
 *
 * This and nothing else makes U-Boot fall back from one NFS version to the other.
 */
export function emitProgMismatch(
  xid: number,
  low: number,
  high: number,
  o: Octets,
  at: number,
): number {
  const n = emitAcceptedReply(xid, AcceptStat.ProgMismatch, o, at);
  return (
    writer
      .begin(o, at + n)
      .u32(low)
      .u32(high).at - at
  );
}

/** Writes RPC_MISMATCH: we speak RPC version 2 only. 24 octets. */
export function emitRpcMismatch(xid: number, o: Octets, at: number): number {
  const w = writer.begin(o, at).u32(xid).u32(RPC_REPLY).u32(ReplyStat.Denied);
  return w.u32(RejectStat.RpcMismatch).u32(RPC_VERSION).u32(RPC_VERSION).at - at;
}

/** Writes AUTH_ERROR, 20 octets: for credentials only, never for versions. */
export function emitAuthError(xid: number, authStat: number, o: Octets, at: number): number {
  const w = writer.begin(o, at).u32(xid).u32(RPC_REPLY).u32(ReplyStat.Denied);
  return w.u32(RejectStat.AuthError).u32(authStat).at - at;
}
