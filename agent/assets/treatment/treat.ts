import { open } from "node:fs/promises";
import { AgentError } from "../../errors.ts";
import { extract, NotInArchive } from "./archives/find.ts";
import { openArchive } from "./archives/open.ts";
import { decompress } from "./compression/decompress.ts";
import { FileOctets } from "./file-octets.ts";
import { Refusal } from "./refusal.ts";
import type { Treatment } from "./treatment.ts";

/** A verified file and what is to be done to it. */
export interface TreatInput {
  /** Path of a file whose octets were verified; not written to while it is read. */
  readonly file: string;
  /** Its octets. */
  readonly size: number;
  readonly treatment: Treatment;
  /** What the operator knows it by: the asset's name. Begins every error's message. */
  readonly label: string;
  /** Ends the reading; the reader then gets the signal's reason. */
  readonly signal: AbortSignal;
  /** What may come out at most, octets; without it there is no bound. */
  readonly maxOctets?: number;
}

/**
 * What is served of a file: `extract` first, then `decompress`. Pieces of any length, which are the reader's to keep.
 *
 * It is read only as fast as the reader takes it, some MiB of it are in memory at any time (and the window that a compression
 * asks for), and nothing else waits long for it. The file is closed when it ends, fails, or its reader leaves.
 *
 * Only what ends without an error is whole: damage may be found behind the last octet. Throws E_TREATMENT (damaged, not in the
 * archive, larger than `maxOctets`), E_ASSET_READ, or the signal's reason.
 */
export async function* treat(input: TreatInput): AsyncGenerator<Uint8Array, void, undefined> {
  const { label, signal, maxOctets = Number.POSITIVE_INFINITY } = input;
  try {
    signal.throwIfAborted();
    const handle = await open(input.file);
    try {
      let total = 0;
      const file = new FileOctets(handle, input.size, signal);
      for await (const piece of treated(file, input.treatment)) {
        signal.throwIfAborted();
        total += piece.length;
        if (total > maxOctets) {
          throw new AgentError(
            "E_TREATMENT",
            `${label}: unpacked, it grows beyond ${maxOctets} octets`,
            {
              cure: "Free room in the cache, raise `cache.size` in the site, or correct `extract` or `decompress`.",
            },
          );
        }
        if (piece.length > 0) yield piece;
      }
      signal.throwIfAborted();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : described(error, label);
  }
}

async function* treated(
  file: FileOctets,
  treatment: Treatment,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { extract: path, decompress: compression } = treatment;
  const octets = path === undefined ? file.all() : extracted(file, path);
  if (compression === undefined) yield* octets;
  else yield* decompress(compression, octets);
}

async function* extracted(
  file: FileOctets,
  path: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let notThere: NotInArchive | undefined;
  for (const archive of await openArchive(file)) {
    try {
      yield* extract(archive, path);
      return;
    } catch (error) {
      if (!(error instanceof NotInArchive)) throw error;
      // The first kind of names is the one that people see.
      notThere ??= error;
    }
  }
  throw notThere ?? new Refusal("has nothing in it");
}

function described(error: unknown, label: string): unknown {
  if (error instanceof Refusal) {
    return new AgentError("E_TREATMENT", `${label}: ${error.message}`, { cause: error });
  }
  if (error instanceof AgentError && error.code === "E_ASSET_READ") {
    return new AgentError("E_ASSET_READ", `${label}: ${error.message}`, { cause: error });
  }
  if (error instanceof Error && "syscall" in error) {
    return new AgentError("E_ASSET_READ", `${label}: ${error.message}`, { cause: error });
  }
  return error;
}
