import type { FileOctets } from "../file-octets.ts";
import { Refusal } from "../refusal.ts";
import { AR_HEADER_LEN, AR_MAGIC, parseArMember } from "./ar.ts";

/** A package has three members; some tools put a signature or two more in. */
const MAX_MEMBERS = 64;

/** Where the files of a Debian package are: its member `data.tar`, whatever it is compressed with (deb(5)). */
export async function debData(
  file: FileOctets,
): Promise<{ readonly at: number; readonly len: number }> {
  const names: string[] = [];
  let at = AR_MAGIC.length;
  while (at < file.size && names.length < MAX_MEMBERS) {
    const header = await file.read(at, AR_HEADER_LEN, "a member's header");
    const { name, size } = parseArMember(header);
    at += AR_HEADER_LEN;
    if (at + size > file.size) throw new Refusal(`is cut short in ${name}`);
    if (name === "data.tar" || name.startsWith("data.tar.")) return { at, len: size };
    names.push(name);
    at += size + (size & 1);
  }
  throw new Refusal(
    `has no data.tar (it is an ar archive with ${names.join(", ") || "nothing in it"})`,
  );
}
