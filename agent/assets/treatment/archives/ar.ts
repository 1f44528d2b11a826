import { Refusal } from "../refusal.ts";

/** What a common archive (ar) begins with. */
export const AR_MAGIC = "!<arch>\n";
export const AR_HEADER_LEN = 60;

/** One member of a common archive, as deb(5) has them. */
export interface ArMember {
  readonly name: string;
  /** Octets that follow the header, a padding octet left out. */
  readonly size: number;
}

/** Reads a member's header: name 16, date 12, owner 6, group 6, mode 8, size 10, then a grave accent and a newline. */
export function parseArMember(header: Uint8Array): ArMember {
  const text = String.fromCharCode(...header.subarray(0, AR_HEADER_LEN));
  const size = text.slice(48, 58).trimEnd();
  if (text.length < AR_HEADER_LEN || text.slice(58) !== "`\n" || !/^\d+$/.test(size)) {
    throw new Refusal("is damaged (a deb): a member's header is not one");
  }
  // GNU ar ends names with a slash; dpkg does not.
  return { name: text.slice(0, 16).trimEnd().replace(/\/$/, ""), size: Number(size) };
}
