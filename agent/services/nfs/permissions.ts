import type { NodeAttributes } from "../../assets/trees/tree.ts";
import type { ExportRules } from "../../site/site.ts";
import { RpcCredential } from "../rpc/credential.ts";

/** Bits of a mode, as they stand for the others. */
export const Access = { Search: 1, Write: 2, Read: 4 } as const;

/** Only who owns a file, or the directory, may remove it there. */
const STICKY = 0o1000;

/** Who a caller is at this export. AUTH_NONE is nobody already. */
export function callerAt(rules: ExportRules, cred: RpcCredential): RpcCredential {
  if (!rules.rootSquash) return cred;
  if (cred.uid === 0) return RpcCredential.nobody;
  if (!cred.has(0)) return cred;
  // Root's group is squashed as well; the other groups go with it, which takes rights and gives none.
  const { gid } = RpcCredential.nobody;
  return new RpcCredential(cred.uid, cred.gid === 0 ? gid : cred.gid);
}

/** Whether the mode grants all bits of `want`; to root it grants everything. */
export function grants(a: NodeAttributes, who: RpcCredential, want: number): boolean {
  if (who.uid === 0) return true;
  const bits = a.uid === who.uid ? a.mode >> 6 : who.has(a.gid) ? a.mode >> 3 : a.mode;
  return (bits & want) === want;
}

/** Whether somebody owns a node, or is root. */
export function owns(a: NodeAttributes, who: RpcCredential): boolean {
  return who.uid === 0 || a.uid === who.uid;
}

/**
 * Whether somebody may READ a file. The owner may whatever the mode: the client looked at it when the file was opened, and NFS
 * does not know of that. Who may run a file may read it, since that is how a client runs it.
 */
export function mayRead(a: NodeAttributes, who: RpcCredential): boolean {
  return owns(a, who) || grants(a, who, Access.Read) || grants(a, who, Access.Search);
}

/** Whether somebody may WRITE a file; the owner may, for the same reason. */
export function mayWrite(a: NodeAttributes, who: RpcCredential): boolean {
  return owns(a, who) || grants(a, who, Access.Write);
}

/** Whether `directory` being sticky keeps somebody from taking `node` out of it. */
export function sticks(
  directory: NodeAttributes,
  node: NodeAttributes,
  who: RpcCredential,
): boolean {
  return (directory.mode & STICKY) !== 0 && !owns(directory, who) && !owns(node, who);
}
