import { pipeline, Readable } from "node:stream";
import { type ExtractEvents, extract } from "tar-stream";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import { VerifiedLayer } from "./oci-layer.ts";
import type { Descriptor } from "./oci-manifest.ts";
import { hides, imagePath, leadsTo } from "./oci-path.ts";
import type { OciRepository } from "./oci-store.ts";
import { unpack } from "./oci-unpack.ts";
import type { OpenRequest } from "./source.ts";

/** A file inside a layer. */
export interface FoundFile {
  readonly size: number;
  /** The file; ends only after the rest of its layer was read and the layer's digest was right, else throws E_STORE_BROKEN. */
  readonly octets: AsyncIterable<Uint8Array>;
}

/** How layers are read: until when, and who is told that they come. */
export type LayerRequest = Pick<OpenRequest, "signal" | "heard">;

/** What one layer says about a path. */
export type Scan =
  | { readonly what: "file"; readonly file: FoundFile }
  /** `at`: the path or a folder on the way to it. */
  | { readonly what: "symlink"; readonly at: string; readonly target: string }
  | { readonly what: "hardlink"; readonly target: string }
  /** Layers below need not be asked. */
  | { readonly what: "hidden"; readonly why: string }
  /** `folders`: those on the way that the layer has. */
  | { readonly what: "unseen"; readonly folders: readonly string[] };

/** Reads one layer for one path ({@link imagePath}), up to the file when the layer has it, else to its end. */
export async function scanLayer(
  repository: OciRepository,
  layer: Descriptor,
  wanted: string,
  { signal, heard }: LayerRequest,
): Promise<Scan> {
  const blob = await repository.blob(layer, 0, signal);
  const reader = new LayerReader(
    new VerifiedLayer(blob.octets, layer, repository.label, heard),
    `${repository.label}: layer ${layer.digest}`,
    wanted,
  );
  try {
    const file = await reader.find();
    if (file !== undefined) {
      return { what: "file", file: { size: file.header.size ?? 0, octets: reader.rest(file) } };
    }
    await reader.finish();
    return reader.verdict();
  } catch (error) {
    await reader.close();
    throw error;
  }
}

type Entry = ExtractEvents["entry"][1];

class LayerReader {
  private readonly layer: VerifiedLayer;
  private readonly label: string;
  private readonly wanted: string;
  private readonly entries: AsyncIterator<Entry>;
  private readonly folders = new Set<string>();
  private link: Scan | undefined;
  private hidden: string | undefined;

  constructor(layer: VerifiedLayer, label: string, wanted: string) {
    this.layer = layer;
    this.label = label;
    this.wanted = wanted;
    const archive = extract();
    this.entries = archive[Symbol.asyncIterator]();
    // Errors come out of the iterator, be they of the input or of the archive.
    pipeline(Readable.from(this.unpacked()), archive, () => {});
  }

  /** The entry of the file; undefined when the archive has none. */
  async find(): Promise<Entry | undefined> {
    for (;;) {
      const entry = await this.next();
      if (entry === undefined) return undefined;
      if (this.look(entry)) return entry;
      entry.resume();
    }
  }

  async *rest(file: Entry): AsyncGenerator<Uint8Array> {
    try {
      yield* this.guarded(file);
      for (;;) {
        const entry = await this.next();
        if (entry === undefined) break;
        // Of two entries the later would count, but the earlier is on its way by now.
        if (imagePath(entry.header.name) === this.wanted) {
          throw new AgentError(
            "E_STORE_BROKEN",
            `${this.label} has "${printableCut(this.wanted, 200)}" twice`,
          );
        }
        entry.resume();
      }
      await this.finish();
    } finally {
      await this.close();
    }
  }

  finish(): Promise<void> {
    return this.layer.finish();
  }

  async close(): Promise<void> {
    await this.entries.return?.();
    await this.layer.close();
  }

  verdict(): Scan {
    if (this.link !== undefined) return this.link;
    if (this.hidden !== undefined) return { what: "hidden", why: this.hidden };
    return { what: "unseen", folders: [...this.folders] };
  }

  /** Takes note of an entry; true when it is the file. */
  private look({ header }: Entry): boolean {
    const name = imagePath(header.name);
    if (name === undefined) return false;
    if (hides(name, this.wanted)) {
      this.hidden ??= "a layer removes it";
      return false;
    }
    if (name !== this.wanted && !(name !== "" && leadsTo(name, this.wanted))) return false;
    const itself = name === this.wanted;
    switch (header.type) {
      case "file":
      case "contiguous-file":
        if (itself) return true;
        this.hidden = `"${printableCut(name, 200)}" is a file`;
        return false;
      case "symlink":
        this.link = { what: "symlink", at: name, target: header.linkname ?? "" };
        return false;
      case "link":
        if (itself) this.link = { what: "hardlink", target: header.linkname ?? "" };
        else this.hidden = `"${printableCut(name, 200)}" is a file`;
        return false;
      case "directory":
        if (itself) this.hidden = "it is a folder";
        else this.folders.add(name);
        return false;
      default:
        this.hidden = `"${printableCut(name, 200)}" is ${header.type ?? "of an unknown type"}`;
        return false;
    }
  }

  private async next(): Promise<Entry | undefined> {
    try {
      const { value, done } = await this.entries.next();
      return done === true ? undefined : value;
    } catch (error) {
      throw this.explain(error);
    }
  }

  private async *guarded(file: Entry): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of file) yield piece as Uint8Array;
    } catch (error) {
      throw this.explain(error);
    }
  }

  private async *unpacked(): AsyncGenerator<Uint8Array> {
    try {
      yield* unpack(this.source());
    } catch (error) {
      throw error instanceof FromStore ? error : this.broken(error);
    }
  }

  /** What the store throws is marked, so that it is told apart from what decompressors throw. */
  private async *source(): AsyncGenerator<Uint8Array> {
    try {
      yield* this.layer.pieces();
    } catch (error) {
      throw new FromStore(error);
    }
  }

  private explain(error: unknown): unknown {
    if (error instanceof FromStore) return error.reason;
    return error instanceof AgentError ? error : this.broken(error);
  }

  private broken(cause: unknown): AgentError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new AgentError("E_STORE_BROKEN", `${this.label} cannot be unpacked: ${why}`, {
      cause,
      cure: "Pick the layer by `title` or `mediaType` if it is no archive; else push the image again.",
    });
  }
}

/** Carries whatever the store threw through streams, which only pass on Errors unharmed. */
class FromStore extends Error {
  readonly reason: unknown;

  constructor(reason: unknown) {
    super("the store failed");
    this.reason = reason;
  }
}
