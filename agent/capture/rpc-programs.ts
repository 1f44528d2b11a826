import { BOOTPARAM_PROG } from "../../protocols/bootparams/messages.ts";
import { MOUNT_PROG } from "../../protocols/mount/messages.ts";
import { NFS_PROG } from "../../protocols/nfs/constants.ts";
import { PMAP_PROG } from "../../protocols/sunrpc/portmap.ts";
import { BOOTPARAMS } from "./bootparams-fields.ts";
import type { Protocol } from "./message.ts";
import { MOUNT } from "./mount-fields.ts";
import { NFS } from "./nfs-fields.ts";
import { PORTMAP } from "./portmap-fields.ts";
import type { RpcProcedure, RpcProgram } from "./rpc-reading.ts";

const PROGRAMS: ReadonlyMap<number, RpcProgram> = new Map([
  [PMAP_PROG, PORTMAP],
  [NFS_PROG, NFS],
  [MOUNT_PROG, MOUNT],
  [BOOTPARAM_PROG, BOOTPARAMS],
]);

/** Sun gave out these numbers (RFC 5531 section 8.3); beyond are private and transient ones. */
const FIRST_ASSIGNED = 100_000;
const LAST_PLAUSIBLE = 0x5fff_ffff;

/** The protocol of a program; "rpc" for one that is not known here. */
export function rpcProtocol(prog: number): Protocol {
  return PROGRAMS.get(prog)?.protocol ?? "rpc";
}

/** What is known of a procedure, if anything. */
export function rpcProcedure(prog: number, vers: number, proc: number): RpcProcedure | undefined {
  return PROGRAMS.get(prog)?.versions.get(vers)?.[proc];
}

/** Whether a number may be a program's, when nothing but the message itself says that this is RPC. */
export function isPlausibleProgram(prog: number): boolean {
  return prog >= FIRST_ASSIGNED && prog <= LAST_PLAUSIBLE;
}
