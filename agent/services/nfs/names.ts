import { NfsStat } from "../../../protocols/nfs/constants.ts";
import { readText, textLen } from "../../../protocols/sunrpc/xdr-text.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";

// Names are octets in NFS and text in trees. Only UTF-8 goes through unharmed, so nothing else is created; a LOOKUP of anything
// else finds nothing, since no tree has it.

/** A name of a call's arguments; `code` says why nothing may be made, found or removed under it, 0: all is well. */
export interface GivenName {
  readonly name: string;
  readonly code: number;
}

/** Reads a name that is to be made, or to lead to something else than before. "." and ".." are there already. */
export function newName(o: Octets, at: number, len: number): GivenName {
  return given(o, at, len, NfsStat.Exist);
}

/** Reads a name that is to be taken away. */
export function oldName(o: Octets, at: number, len: number): GivenName {
  return given(o, at, len, NfsStat.Acces);
}

/** Text that is kept as it was given, as the target of a link; undefined: it is not UTF-8, or has a NUL. */
export function givenText(o: Octets, at: number, len: number): string | undefined {
  const text = readText(o, at, len);
  return isWhole(text, len) && !text.includes("\0") ? text : undefined;
}

function given(o: Octets, at: number, len: number, dots: number): GivenName {
  const name = readText(o, at, len);
  if (name === "." || name === "..") return { name, code: dots };
  if (name === "" || name.includes("/") || name.includes("\0")) {
    return { name, code: NfsStat.Acces };
  }
  return { name, code: isWhole(name, len) ? 0 : NfsStat.Inval };
}

/** An octet that is not UTF-8 becomes a character of three. */
function isWhole(text: string, len: number): boolean {
  return textLen(text) === len;
}
