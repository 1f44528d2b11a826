import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import type { Entry as ZipEntry, ZipFile } from "yauzl";
import { AgentError } from "../../../errors.ts";
import type { FileOctets } from "../file-octets.ts";
import { Refusal } from "../refusal.ts";
import { type Archive, cleanPath, type Entry, type EntryKind } from "./entry.ts";

/** The target of a link at most, octets. */
const MAX_LINK = 4_096;
const STORED = 0;
const DEFLATED = 8;

/** A zip archive, zip64 included, read by its directory. yauzl checks sizes; the CRC-32 of what comes out is checked here. */
export function zipArchive(file: FileOctets): Archive {
  return { kind: "a zip archive", entries: () => zipEntries(file) };
}

async function* zipEntries(file: FileOctets): AsyncGenerator<Entry, void, undefined> {
  try {
    const zip = await openZip(file);
    for await (const entry of zip.eachEntry()) yield await entryOf(zip, entry);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** By our own reads: yauzl closes a descriptor that it was given when it thinks fit. */
async function openZip(file: FileOctets): Promise<ZipFile> {
  const { fromRandomAccessReaderPromise, RandomAccessReader } = (await import("yauzl")).default;
  class Reader extends RandomAccessReader {
    override _readStreamForRange(start: number, end: number): Readable {
      return Readable.from(file.stream(start, end - start, "a file"), { objectMode: false });
    }

    override read(
      buffer: Buffer,
      offset: number,
      len: number,
      at: number,
      callback: (error: Error | null) => void,
    ): void {
      file.read(at, len, "the directory").then(
        (octets) => {
          buffer.set(octets, offset);
          callback(null);
        },
        (error: Error) => callback(error),
      );
    }
  }
  return fromRandomAccessReaderPromise(new Reader(), file.size, {
    lazyEntries: true,
    autoClose: false,
    strictFileNames: false,
  });
}

async function entryOf(zip: ZipFile, entry: ZipEntry): Promise<Entry> {
  const kind = kindOf(entry);
  const unreadable = whyUnreadable(entry);
  const octets = (): AsyncGenerator<Uint8Array, void, undefined> => checked(zip, entry);
  return {
    path: cleanPath(entry.fileName),
    kind,
    size: entry.uncompressedSize,
    ...(unreadable === undefined ? {} : { unreadable }),
    ...(kind === "symlink" && unreadable === undefined
      ? { target: await linkOf(entry, octets()) }
      : {}),
    octets,
  };
}

async function* checked(
  zip: ZipFile,
  entry: ZipEntry,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    let sum = 0;
    for await (const piece of await zip.openReadStreamPromise(entry)) {
      sum = crc32(piece, sum);
      yield piece;
    }
    if (sum !== entry.crc32) {
      throw new Refusal(`is damaged: the checksum of ${entry.fileName} does not match`);
    }
  } catch (error) {
    throw refusalOf(error);
  }
}

async function linkOf(entry: ZipEntry, octets: AsyncIterable<Uint8Array>): Promise<string> {
  if (entry.uncompressedSize > MAX_LINK) {
    throw new Refusal(
      `is damaged: ${entry.fileName} is a link of ${entry.uncompressedSize} octets`,
    );
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of octets) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function whyUnreadable(entry: ZipEntry): string | undefined {
  if (entry.isEncrypted()) return "is encrypted";
  const { compressionMethod: method } = entry;
  if (method === STORED || method === DEFLATED) return undefined;
  return `is compressed by method ${method}, which is not supported (0 and 8 are)`;
}

/** Made on Unix, an entry has its mode in the upper half of its attributes. */
function kindOf(entry: ZipEntry): EntryKind {
  const type = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (type === 0o120000) return "symlink";
  return entry.fileName.endsWith("/") || type === 0o040000 ? "directory" : "file";
}

function refusalOf(error: unknown): unknown {
  if (error instanceof Refusal || error instanceof AgentError) return error;
  const { name, message, code } = error as Error & { readonly code?: string };
  if (name === "AbortError" || (code !== undefined && !code.startsWith("Z_"))) return error;
  return new Refusal(`is cut short or damaged (a zip archive): ${message}`, { cause: error });
}
