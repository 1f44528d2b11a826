import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { XdrCursor, XdrWriter } from "./xdr.ts";

/** The port mapper (RFC 1833 section 3): program, version and UDP/TCP port. */
export const PMAP_PROG = 100_000;
/** The version that diskless clients speak; rpcbind's 3 and 4 are answered PROG_MISMATCH and callers step down. */
export const PMAP_VERS = 2;
export const PMAP_PORT = 111;

/** Procedures of port mapper version 2. */
export const PmapProc = { Null: 0, Set: 1, Unset: 2, Getport: 3, Dump: 4, Callit: 5 } as const;

/** A (program, version, protocol, port) tuple. `prot` is an IP protocol number: 6 or 17. */
export interface PmapMapping {
  readonly prog: number;
  readonly vers: number;
  readonly prot: number;
  readonly port: number;
}

/** Octets of a mapping on the wire: prog, vers, prot, port. */
export const PMAP_MAPPING_LEN = 16;

const cursor: XdrCursor = new XdrCursor();
const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of the argument of SET, UNSET and GETPORT. GETPORT's port means nothing. */
export class PmapMappingView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < PMAP_MAPPING_LEN) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  get prog(): number {
    return this.dv.getUint32(this.at);
  }
  get vers(): number {
    return this.dv.getUint32(this.at + 4);
  }
  get prot(): number {
    return this.dv.getUint32(this.at + 8);
  }
  get port(): number {
    return this.dv.getUint32(this.at + 12);
  }
}

/** Writes the argument of SET, UNSET or GETPORT, 16 octets. */
export function emitPmapMapping(r: PmapMapping, o: Octets, at: number): number {
  return writer.begin(o, at).u32(r.prog).u32(r.vers).u32(r.prot).u32(r.port).at - at;
}

/** Re-pointable view of the result of GETPORT: 0 means "not registered". */
export class PmapPortView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 4) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  /** Kept as the word on the wire: above 65535 it is no port. */
  get port(): number {
    return this.dv.getUint32(this.at);
  }
}

/** Writes the result of GETPORT, 4 octets. */
export function emitPmapPort(port: number, o: Octets, at: number): number {
  return writer.begin(o, at).u32(port).at - at;
}

/** Re-pointable view of the result of SET and UNSET. */
export class PmapBoolView {
  private value = false;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.value = cursor.bool();
    return cursor.status;
  }
  get ok(): boolean {
    return this.value;
  }
}

/** Writes the result of SET or UNSET, 4 octets. */
export function emitPmapBool(ok: boolean, o: Octets, at: number): number {
  return writer.begin(o, at).bool(ok).at - at;
}

/** Re-pointable view of the result of DUMP: a list in which each mapping is preceded by TRUE, and FALSE ends it. */
export class PmapDumpView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private entries = 0;

  /** Walks the list once; each item takes 20 octets, so the walk ends where the octets do. */
  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    let n = 0;
    while (cursor.bool()) {
      cursor.opaqueFixed(PMAP_MAPPING_LEN);
      n += 1;
    }
    if (cursor.status !== Status.Ok) return cursor.status;
    this.dv = o.dv;
    this.at = at;
    this.entries = n;
    return Status.Ok;
  }
  get count(): number {
    return this.entries;
  }
  /** Mapping `i` of 0 to count - 1 (allocates); undefined beyond. */
  mapping(i: number): PmapMapping | undefined {
    if (i < 0 || i >= this.entries) return undefined;
    const { dv } = this;
    const at = this.at + 4 + i * (PMAP_MAPPING_LEN + 4);
    return {
      prog: dv.getUint32(at),
      vers: dv.getUint32(at + 4),
      prot: dv.getUint32(at + 8),
      port: dv.getUint32(at + 12),
    };
  }
}

/** Writes the result of DUMP: 20 octets a mapping and 4. */
export function emitPmapDump(mappings: readonly PmapMapping[], o: Octets, at: number): number {
  const w = writer.begin(o, at);
  for (const m of mappings) w.bool(true).u32(m.prog).u32(m.vers).u32(m.prot).u32(m.port);
  return w.bool(false).at - at;
}
