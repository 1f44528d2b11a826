import type { Header } from "tar-stream";
import { Refusal } from "../refusal.ts";
import { type Archive, cleanPath, type Entry, type EntryKind } from "./entry.ts";

/** A tar archive that is read from its beginning each time: old, ustar, pax and GNU long names. */
export function tarArchive(open: () => AsyncIterable<Uint8Array>): Archive {
  return { kind: "a tar archive", entries: () => tarEntries(open()) };
}

async function* tarEntries(
  octets: AsyncIterable<Uint8Array>,
): AsyncGenerator<Entry, void, undefined> {
  const { extract } = await import("tar-stream");
  const parser = extract({});
  const pieces = octets[Symbol.asyncIterator]();
  let inputError: unknown;
  let isOver = false;
  let wake = (): void => {};
  for (const event of ["drain", "close", "error"]) parser.on(event, () => wake());

  const feeding = (async (): Promise<void> => {
    try {
      while (!isOver) {
        const { done, value } = await pieces.next();
        if (done === true) {
          parser.end(null);
          return;
        }
        if (isOver || parser.write(Buffer.from(value.buffer, value.byteOffset, value.length)))
          continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } catch (error) {
      inputError = error;
      parser.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  })();

  try {
    for await (const stream of parser) {
      let isRead = false;
      yield entryOf(stream.header, async function* () {
        isRead = true;
        for await (const piece of stream) yield piece as Uint8Array;
      });
      if (!isRead) stream.resume();
    }
    if (inputError !== undefined) throw inputError;
  } catch (error) {
    if (error === inputError || error instanceof Refusal) throw error;
    throw new Refusal(`is cut short or damaged (a tar archive): ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    isOver = true;
    parser.destroy();
    wake();
    await feeding;
    await pieces.return?.();
  }
}

const KINDS: Readonly<Record<string, EntryKind>> = {
  file: "file",
  "contiguous-file": "file",
  link: "hardlink",
  symlink: "symlink",
  directory: "directory",
  "character-device": "special",
  "block-device": "special",
  fifo: "special",
};

function entryOf(header: Header, octets: () => AsyncGenerator<Uint8Array>): Entry {
  const kind = KINDS[header.type ?? ""];
  // What is stored of a sparse file is not what the file is.
  const isSparse = Object.keys(header.pax ?? {}).some((key) => key.startsWith("GNU.sparse."));
  const unreadable =
    kind === undefined || isSparse ? "is sparse, which is not supported" : undefined;
  const target = header.linkname ?? "";
  return {
    path: cleanPath(header.name),
    kind: kind ?? "file",
    size: header.size ?? 0,
    ...(kind === "symlink" || kind === "hardlink" ? { target } : {}),
    ...(unreadable === undefined ? {} : { unreadable }),
    octets,
  };
}
