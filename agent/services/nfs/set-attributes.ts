import type { SattrView } from "../../../protocols/nfs/attributes.ts";
import { NfsMode, NfsStat } from "../../../protocols/nfs/constants.ts";
import type { NodeAttributes, NodeChange } from "../../assets/trees/tree.ts";
import type { RpcCredential } from "../rpc/credential.ts";
import { mayWrite, owns } from "./permissions.ts";

/** Permission bits with set-user-id, set-group-id and sticky. */
const MODE_BITS = 0o7777;
const TYPE_BITS = 0o170000;
const SETUID = 0o4000;
const SETGID = 0o2000;
/** In the microseconds of a time: "now, by your clock". Sun's convention, which Linux and the BSDs share. */
const NOW_USECONDS = 1_000_000;

/** What a client wants set (sattr), copied out of its call. */
export interface Wish {
  readonly change: NodeChange;
  /** The type that the mode has in its upper bits; 0: none. */
  readonly type: number;
  /** The times that are set are the server's own, which who may write may set as well. */
  readonly now: boolean;
}

/** Reads an sattr. `nowMs`: since 1970. */
export function wishOf(s: SattrView, nowMs: number): Wish {
  // In the time of modification it stands for both.
  const now = s.setsMtime && s.mtimeUseconds === NOW_USECONDS;
  const accessNow = s.setsAtime && s.atimeUseconds === NOW_USECONDS;
  const atimeMs = accessNow || now ? nowMs : timeMs(s.atimeSeconds, s.atimeUseconds);
  return {
    change: {
      ...(s.setsMode ? { mode: s.mode & MODE_BITS } : {}),
      ...(s.setsUid ? { uid: s.uid } : {}),
      ...(s.setsGid ? { gid: s.gid } : {}),
      ...(s.setsSize ? { size: s.size } : {}),
      ...(s.setsAtime || now ? { atimeMs } : {}),
      ...(s.setsMtime ? { mtimeMs: now ? nowMs : timeMs(s.mtimeSeconds, s.mtimeUseconds) } : {}),
    },
    type: s.setsMode ? s.mode & TYPE_BITS : 0,
    now: (now || !s.setsMtime) && (accessNow || now || !s.setsAtime),
  };
}

/** What to change of a node whose attributes are `a`; a number: why somebody may not, as NfsStat. */
export function settle(a: NodeAttributes, wish: Wish, who: RpcCredential): NodeChange | number {
  const { change } = wish;
  const owner = owns(a, who);
  if (change.size !== undefined) {
    if (a.kind !== "file") return a.kind === "directory" ? NfsStat.IsDir : NfsStat.Inval;
    if (!mayWrite(a, who)) return NfsStat.Acces;
  }
  const times = change.atimeMs !== undefined || change.mtimeMs !== undefined;
  if (times && !owner && !(wish.now && mayWrite(a, who))) return NfsStat.Perm;
  if (who.uid === 0) return change;
  const { mode, uid, gid } = change;
  if ((mode !== undefined || uid !== undefined || gid !== undefined) && !owner) return NfsStat.Perm;
  if (uid !== undefined && uid !== a.uid) return NfsStat.Perm;
  const moves = gid !== undefined && gid !== a.gid;
  if (moves && !who.has(gid)) return NfsStat.Perm;
  let bits = mode;
  // Who gives a file to another group, or is not of its group, cannot let it run as that group.
  if (moves && a.kind === "file") bits = (bits ?? a.mode) & ~(SETUID | SETGID);
  if (bits !== undefined && !who.has(gid ?? a.gid)) bits &= ~SETGID;
  return bits === undefined ? change : { ...change, mode: bits };
}

/** What a new node in `directory` is made with; without a mode in the wish it gets `mode`. */
export function fresh(
  directory: NodeAttributes,
  { change }: Wish,
  who: RpcCredential,
  { mode, isDirectory }: { readonly mode: number; readonly isDirectory: boolean },
): NodeChange {
  const inherits = (directory.mode & SETGID) !== 0;
  const wanted = change.gid;
  const chosen = wanted !== undefined && (who.uid === 0 || who.has(wanted)) ? wanted : who.gid;
  const gid = inherits ? directory.gid : chosen;
  let bits = change.mode ?? mode;
  if (isDirectory) bits = inherits ? bits | SETGID : bits;
  else if (who.uid !== 0 && !who.has(gid)) bits &= ~SETGID;
  const uid = who.uid === 0 && change.uid !== undefined ? change.uid : who.uid;
  return { ...change, mode: bits, uid, gid };
}

/** Whether the type in a mode is of something that a tree does not have: clients make devices, sockets and FIFOs by CREATE. */
export function isSpecial({ type }: Wish): boolean {
  return type !== 0 && type !== NfsMode.Reg;
}

function timeMs(seconds: number, useconds: number): number {
  return seconds * 1_000 + Math.min(useconds, 999_999) / 1_000;
}
