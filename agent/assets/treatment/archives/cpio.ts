import { decompress } from "../compression/decompress.ts";
import { MAGIC_LEN, recogniseCompression } from "../compression/recognise.ts";
import { OctetReader } from "../octet-reader.ts";
import { Pace } from "../pace.ts";
import { Refusal } from "../refusal.ts";
import { COMPRESSIONS, type Compression } from "../treatment.ts";
import {
  CPIO_MAGIC_LEN,
  CPIO_TRAILER,
  type CpioHeader,
  cpioFormat,
  cpioHeaderLen,
  cpioPadding,
  parseCpioHeader,
} from "./cpio-header.ts";
import { type Archive, cleanPath, type Entry, type EntryKind } from "./entry.ts";

/** Compressed parts within each other at most. */
const MAX_DEPTH = 2;
const DECODER = new TextDecoder();

/**
 * One or more cpio archives behind each other, zeros between them and the later ones compressed, as the kernel takes an
 * initramfs (Documentation/driver-api/early-userspace/buffer-format.rst): microcode first, then the compressed main part.
 */
export function cpioArchive(open: () => AsyncIterable<Uint8Array>): Archive {
  return { kind: "a cpio archive", entries: () => allParts(open(), 0, { number: 0 }) };
}

async function* allParts(
  octets: AsyncIterable<Uint8Array>,
  depth: number,
  part: { number: number },
): AsyncGenerator<Entry, void, undefined> {
  const reader = new OctetReader(octets);
  const pace = new Pace();
  try {
    for (;;) {
      const head = await afterZeros(reader, pace);
      if (head.length === 0) return;
      const compression = recogniseCompression(head);
      if (compression === undefined) {
        yield* onePart(reader, `${part.number++}`, pace);
      } else if (depth < MAX_DEPTH && isOurs(compression)) {
        yield* allParts(decompress(compression, reader.rest()), depth + 1, part);
      } else {
        throw new Refusal(`has a part compressed with ${compression}, which is not supported`);
      }
    }
  } finally {
    await reader.close();
  }
}

function isOurs(compression: string): compression is Compression {
  return COMPRESSIONS.some((ours) => ours === compression);
}

/** Passes over zeros; gives what comes behind them, as far as a magic number reaches. */
async function afterZeros(reader: OctetReader, pace: Pace): Promise<Uint8Array> {
  for (;;) {
    const piece = await reader.some(64 * 1024);
    if (piece === undefined) return new Uint8Array(0);
    const at = piece.findIndex((octet) => octet !== 0);
    if (pace.due()) await pace.rest();
    if (at < 0) continue;
    reader.unread(piece.subarray(at));
    return reader.peek(MAGIC_LEN);
  }
}

/** The entries of one archive, up to its trailer. */
async function* onePart(
  reader: OctetReader,
  part: string,
  pace: Pace,
): AsyncGenerator<Entry, void, undefined> {
  for (;;) {
    if (pace.due()) await pace.rest();
    const format = cpioFormat(await reader.peek(CPIO_MAGIC_LEN));
    if (format === undefined) {
      throw new Refusal(
        "is cut short or damaged, or has something else behind its end (a cpio archive)",
      );
    }
    const headerLen = cpioHeaderLen(format);
    const header = parseCpioHeader(format, await reader.exactly(headerLen, "a header"));
    const name = await reader.exactly(header.nameLen, "a name");
    const path = DECODER.decode(name.subarray(0, -1));
    await reader.skip(cpioPadding(format, headerLen + header.nameLen), "a name");
    if (path === CPIO_TRAILER) {
      await reader.skip(header.size, "the trailer");
      return;
    }
    const kind = kindOf(header.mode);
    // Of links the sum is 0, and where the octets are with another name.
    const isSummed = header.format === "crc" && kind === "file";
    let left = header.size;
    const octets = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      let sum = 0;
      while (left > 0) {
        const piece = await reader.some(left);
        if (piece === undefined) throw new Refusal(`is cut short in ${path}`);
        left -= piece.length;
        if (isSummed) sum = added(sum, piece);
        yield piece;
        if (pace.due()) await pace.rest();
      }
      if (isSummed && header.size > 0 && sum !== header.sum) {
        throw new Refusal(`is damaged: the sum of ${path} does not match`);
      }
    };
    yield await entryOf(header, kind, path, part, octets);
    await reader.skip(left, path);
    await reader.skip(cpioPadding(format, header.size), path);
  }
}

async function entryOf(
  header: CpioHeader,
  kind: EntryKind,
  path: string,
  part: string,
  octets: () => AsyncGenerator<Uint8Array, void, undefined>,
): Promise<Entry> {
  const entry = { path: cleanPath(path), kind, size: header.size, octets };
  if (kind === "symlink") return { ...entry, target: await textOf(octets()) };
  // In newc the octets are with one of a file's names, mostly the last.
  if (kind === "file" && header.links > 1) return { ...entry, inode: `${part}:${header.inode}` };
  return entry;
}

/** A short text, which the header bounds. */
async function textOf(octets: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of octets) pieces.push(Uint8Array.from(piece));
  return DECODER.decode(Buffer.concat(pieces));
}

function kindOf(mode: number): EntryKind {
  switch (mode & 0o170000) {
    case 0o100000:
      return "file";
    case 0o040000:
      return "directory";
    case 0o120000:
      return "symlink";
    default:
      return "special";
  }
}

function added(sum: number, octets: Uint8Array): number {
  let total = sum;
  for (const octet of octets) total = (total + octet) >>> 0;
  return total;
}
