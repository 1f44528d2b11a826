import { decompress } from "../compression/decompress.ts";
import { recogniseCompression } from "../compression/recognise.ts";
import type { FileOctets } from "../file-octets.ts";
import { OctetReader } from "../octet-reader.ts";
import { Refusal } from "../refusal.ts";
import { COMPRESSIONS } from "../treatment.ts";
import { AR_MAGIC } from "./ar.ts";
import { cpioArchive } from "./cpio.ts";
import { cpioFormat } from "./cpio-header.ts";
import { debData } from "./deb.ts";
import type { Archive } from "./entry.ts";
import { isIsoDescriptor, isoArchives } from "./iso9660.ts";
import { tarArchive } from "./tar.ts";
import { isTarEnd, isTarHeader, TAR_BLOCK } from "./tar-header.ts";
import { zipArchive } from "./zip.ts";

const ISO_AT = 32_768;
const ISO_LEN = 2_048;
/** What the first octets of a stream are looked at for. */
const HEAD_LEN = TAR_BLOCK;

/** A file, the directory's end (of an empty archive), the same of zip64. */
const ZIP_MAGICS = ["PK\x03\x04", "PK\x05\x06", "PK\x06\x06"] as const;

type Open = () => AsyncIterable<Uint8Array>;

/**
 * The archive that a file is, by what is in it and never by its name: more than one where the same files have several kinds of
 * names, to be tried in turn. Throws a Refusal where it is none that is known.
 */
export async function openArchive(file: FileOctets): Promise<readonly Archive[]> {
  const head = await file.read(0, Math.min(HEAD_LEN, file.size), "the file");
  const start = String.fromCharCode(...head.subarray(0, AR_MAGIC.length));
  // An image that also starts from a disk has anything at its beginning.
  if (file.size >= ISO_AT + ISO_LEN && isIsoDescriptor(await file.read(ISO_AT, 6, "the file"))) {
    return isoArchives(file);
  }
  if (ZIP_MAGICS.some((magic) => start.startsWith(magic))) return [zipArchive(file)];
  if (start === AR_MAGIC) {
    const { at, len } = await debData(file);
    const open: Open = () => file.stream(at, len, "data.tar");
    const dataHead = await headOf(open());
    const archive = await streamed(dataHead, open);
    if (archive === undefined) throw new Refusal("has a data.tar that is not one (a deb)");
    return [{ kind: "a deb", entries: () => archive.entries() }];
  }
  const archive = await streamed(head, () => file.all());
  if (archive !== undefined) return [archive];
  throw new Refusal("is not an archive that is known (tar, zip, deb, cpio, ISO 9660)");
}

/** An archive that is read from its beginning, compressed or not. */
async function streamed(head: Uint8Array, open: Open): Promise<Archive | undefined> {
  const found = recogniseCompression(head);
  if (found === undefined) return bare(head, open);
  const compression = COMPRESSIONS.find((ours) => ours === found);
  if (compression === undefined)
    throw new Refusal(`is compressed with ${found}, which is not supported`);
  const opened: Open = () => decompress(compression, open());
  const archive = bare(await headOf(opened()), opened);
  if (archive === undefined) {
    throw new Refusal(`is compressed with ${found}, and what is in it is neither tar nor cpio`);
  }
  return { kind: `${archive.kind}, ${found}`, entries: () => archive.entries() };
}

function bare(head: Uint8Array, open: Open): Archive | undefined {
  if (cpioFormat(head) !== undefined) return cpioArchive(open);
  // An archive of nothing is zeros.
  const isTar = isTarHeader(head) || (head.length === TAR_BLOCK && isTarEnd(head));
  return isTar ? tarArchive(open) : undefined;
}

async function headOf(octets: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const reader = new OctetReader(octets);
  try {
    return Uint8Array.from(await reader.peek(HEAD_LEN));
  } finally {
    await reader.close();
  }
}
