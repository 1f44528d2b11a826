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

  // A stream that its parser destroyed says nothing of why.
  const described = (error: unknown): unknown => {
    if (inputError !== undefined) return inputError;
    if (error instanceof Refusal) return error;
    const { message } = error as Error;
    return new Refusal(`is cut short or damaged (a tar archive): ${message}`, { cause: error });
  };

  try {
    for await (const stream of parser) {
      let isRead = false;
      yield entryOf(stream.header, async function* () {
        isRead = true;
        try {
          for await (const piece of stream) yield piece as Uint8Array;
        } catch (error) {
          throw described(error);
        }
      });
      if (!isRead) stream.resume();
    }
    if (inputError !== undefined) throw inputError;
  } catch (error) {
    throw described(error);
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
  const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
  // What is stored of a sparse file is not what the file is; its name may be one that tar made up.
  const isSparse = Object.keys(pax).some((key) => key.startsWith("GNU.sparse."));
  const unreadable =
    kind === undefined || isSparse ? "is sparse, which is not supported" : undefined;
  return {
    path: cleanPath(pax["GNU.sparse.name"] ?? header.name),
    kind: kind ?? "file",
    size: header.size,
    ...(kind === "symlink" || kind === "hardlink" ? { target: header.linkname } : {}),
    ...(unreadable === undefined ? {} : { unreadable }),
    octets,
  };
}
