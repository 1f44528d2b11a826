import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import {
  AUTH_BODY_MAX,
  AuthFlavor,
  type AuthUnixRepr,
  GROUPS_MAX,
  MACHINE_NAME_MAX,
} from "./auth.ts";
import { XdrWriter, xdrPadded } from "./xdr.ts";

// RFC 5531 section 9, rpc_msg with a call_body: offsets in octets from the xid.
const XID = 0;
const MTYPE = 4;
const RPCVERS = 8;
const PROG = 12;
const VERS = 16;
const PROC = 20;
const CRED = 24;

// Inside an AUTH_UNIX body (RFC 5531 appendix A), from its start.
const STAMP = 0;
const NAME_LEN = 4;
const NAME = 8;

/** Message type of a call (RFC 5531 section 9). */
export const RPC_CALL = 0;
/** Message type of a reply. */
export const RPC_REPLY = 1;
/** The only version of the RPC protocol itself. */
export const RPC_VERSION = 2;
/** Octets of a call whose credential and verifier are both AUTH_NONE. */
export const RPC_CALL_LEN = 40;

/**
 * Re-pointable view of an RPC call (RFC 5531 section 9).
 *
 * BadVersion means that this is a call in an RPC version other than 2: `xid` and `rpcVersion` may be read then, and
 * nothing else, which is what an RPC_MISMATCH needs. A credential or verifier longer than 400 octets is BadLength.
 */
export class RpcCallView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private verf = 0;
  private args = 0;
  private end = 0;
  /** Offset of the uid in an AUTH_UNIX credential that is in order; 0 otherwise. */
  private unix = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < PROG) return Status.Truncated;
    const { dv } = o;
    if (dv.getUint32(at + MTYPE) !== RPC_CALL) return Status.BadMagic;
    this.dv = dv;
    this.at = at;
    if (dv.getUint32(at + RPCVERS) !== RPC_VERSION) return Status.BadVersion;
    const end = at + len;
    if (len < CRED + 8) return Status.Truncated;
    const credLen = dv.getUint32(at + CRED + 4);
    if (credLen > AUTH_BODY_MAX) return Status.BadLength;
    const verf = at + CRED + 8 + xdrPadded(credLen);
    if (verf + 8 > end) return Status.Truncated;
    const verfLen = dv.getUint32(verf + 4);
    if (verfLen > AUTH_BODY_MAX) return Status.BadLength;
    const args = verf + 8 + xdrPadded(verfLen);
    if (args > end) return Status.Truncated;
    this.verf = verf;
    this.args = args;
    this.end = end;
    this.unix = this.findUnix(credLen);
    return Status.Ok;
  }

  /** Unsigned; the reply repeats it. */
  get xid(): number {
    return this.dv.getUint32(this.at + XID);
  }
  get rpcVersion(): number {
    return this.dv.getUint32(this.at + RPCVERS);
  }
  get prog(): number {
    return this.dv.getUint32(this.at + PROG);
  }
  get vers(): number {
    return this.dv.getUint32(this.at + VERS);
  }
  get proc(): number {
    return this.dv.getUint32(this.at + PROC);
  }
  /** One of AuthFlavor, or any other number. */
  get credFlavor(): number {
    return this.dv.getUint32(this.at + CRED);
  }
  /** Offset of the credential's body. */
  get credAt(): number {
    return this.at + CRED + 8;
  }
  /** Octets of the credential's body without padding, at most 400. */
  get credLen(): number {
    return this.dv.getUint32(this.at + CRED + 4);
  }
  get verfFlavor(): number {
    return this.dv.getUint32(this.verf);
  }
  get verfAt(): number {
    return this.verf + 8;
  }
  get verfLen(): number {
    return this.dv.getUint32(this.verf + 4);
  }
  /** Offset of the procedure's arguments. */
  get argsAt(): number {
    return this.args;
  }
  /** All octets after the verifier. */
  get argsLen(): number {
    return this.end - this.args;
  }

  /** False for an AUTH_UNIX credential whose body is not in order, which is to be answered AuthStat.BadCred. */
  get credOk(): boolean {
    return this.unix !== 0 || this.credFlavor !== AuthFlavor.Unix;
  }
  /** The caller's user id; -1 without an AUTH_UNIX credential. */
  uid(): number {
    return this.unix === 0 ? -1 : this.dv.getUint32(this.unix);
  }
  /** The caller's group id; -1 without an AUTH_UNIX credential. */
  gid(): number {
    return this.unix === 0 ? -1 : this.dv.getUint32(this.unix + 4);
  }
  /** Supplementary groups, 0 to 16. */
  get groupCount(): number {
    return this.unix === 0 ? 0 : this.dv.getUint32(this.unix + 8);
  }
  /** Supplementary group `i`; -1 beyond the last. */
  group(i: number): number {
    return i < 0 || i >= this.groupCount ? -1 : this.dv.getUint32(this.unix + 12 + 4 * i);
  }
  /** The AUTH_UNIX stamp; 0 without one. */
  get stamp(): number {
    return this.unix === 0 ? 0 : this.dv.getUint32(this.credAt + STAMP);
  }
  /** Offset of the caller's machine name; meaningful while `machineNameLen` is above 0. */
  get machineNameAt(): number {
    return this.credAt + NAME;
  }
  /** Octets of the caller's machine name; 0 without an AUTH_UNIX credential, and from boot firmware. */
  get machineNameLen(): number {
    return this.unix === 0 ? 0 : this.dv.getUint32(this.credAt + NAME_LEN);
  }

  private findUnix(credLen: number): number {
    const { dv } = this;
    const body = this.at + CRED + 8;
    if (dv.getUint32(this.at + CRED) !== AuthFlavor.Unix || credLen < NAME) return 0;
    const nameLen = dv.getUint32(body + NAME_LEN);
    if (nameLen > MACHINE_NAME_MAX) return 0;
    const uid = body + NAME + xdrPadded(nameLen);
    const end = body + credLen;
    if (uid + 12 > end) return 0;
    const groups = dv.getUint32(uid + 8);
    return groups > GROUPS_MAX || uid + 12 + 4 * groups > end ? 0 : uid;
  }
}

/** What a caller decides. The verifier is AUTH_NONE always. */
export interface RpcCallRepr {
  readonly xid: number;
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  /** Without it the credential is AUTH_NONE. */
  readonly unix?: AuthUnixRepr;
}

const writer: XdrWriter = new XdrWriter();

/** Writes a call up to its arguments, which the caller puts right behind; returns octets written. */
export function emitRpcCall(r: RpcCallRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at);
  w.u32(r.xid).u32(RPC_CALL).u32(RPC_VERSION).u32(r.prog).u32(r.vers).u32(r.proc);
  if (r.unix === undefined) {
    w.u32(AuthFlavor.None).u32(0);
  } else {
    const { stamp, machineName, uid, gid, groups } = r.unix;
    w.u32(AuthFlavor.Unix);
    const body = w.at + 4;
    w.begin(o, body)
      .u32(stamp ?? 0)
      .string(machineName)
      .u32(uid)
      .u32(gid);
    w.u32(groups?.length ?? 0);
    if (groups !== undefined) for (const group of groups) w.u32(group);
    o.dv.setUint32(body - 4, w.at - body);
  }
  return w.u32(AuthFlavor.None).u32(0).at - at;
}
