import type { RpcCallView } from "../../../protocols/sunrpc/call.ts";

/** Whom NFS servers take a caller without credentials for. */
const NOBODY_ID = 65_534;
const NO_GROUPS: readonly number[] = [];

/** Who a call says its user is; outlives the call. Nothing proves it: it is worth what the machine is worth. */
export class RpcCredential {
  /** AUTH_NONE. */
  static readonly nobody: RpcCredential = new RpcCredential(NOBODY_ID, NOBODY_ID, NO_GROUPS);

  readonly uid: number;
  readonly gid: number;
  private readonly groups: readonly number[];

  /** `groups`: at most 16 besides `gid`. */
  constructor(uid: number, gid: number, groups: readonly number[] = NO_GROUPS) {
    this.uid = uid;
    this.gid = gid;
    this.groups = groups;
  }

  /** Whether the user is of this group. */
  has(gid: number): boolean {
    return gid === this.gid || this.groups.includes(gid);
  }

  /** Whether the call says just this. */
  isOf(view: RpcCallView): boolean {
    const { groups } = this;
    if (view.uid() !== this.uid || view.gid() !== this.gid) return false;
    return view.groupCount === groups.length && groups.every((gid, i) => view.group(i) === gid);
  }
}

/** The credential of a call that is in order; `last` again where it says the same, which is what most calls in a row do. */
export function credentialOf(view: RpcCallView, last: RpcCredential): RpcCredential {
  const uid = view.uid();
  if (uid < 0) return RpcCredential.nobody;
  if (last.isOf(view)) return last;
  const { groupCount } = view;
  const groups =
    groupCount === 0 ? NO_GROUPS : Array.from({ length: groupCount }, (_, i) => view.group(i));
  return new RpcCredential(uid, view.gid(), groups);
}
