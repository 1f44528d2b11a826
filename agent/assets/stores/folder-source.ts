import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { matchesWildcard } from "../../site/wildcard.ts";
import { FileSource } from "./file-source.ts";
import type { LocalSource } from "./local-source.ts";
import type { ObjectVersion, OpenObject, OpenRequest, Probe } from "./source.ts";
import { StoreError } from "./store-error.ts";

/** Names under which programs write a file that is not complete: editors, rsync, browsers, curl and wget scripts. */
const TEMPORARY = /^\.|~$|\.(part|tmp)$/i;

/** The newest file of a folder whose name matches. Links to files count as files. */
export class FolderSource implements LocalSource {
  readonly id: string;
  readonly label: string;
  readonly local = true;
  readonly directory: string;
  private readonly match: string;

  /** `folder`: absolute path. `match`: a file name in which `*` and `?` are wildcards. */
  constructor(folder: string, match: string) {
    this.id = `folder ${join(folder, match)}`;
    this.label = join(folder, match);
    this.directory = folder;
    this.match = match;
  }

  concerns(name: string): boolean {
    return !TEMPORARY.test(name) && matchesWildcard(name, this.match);
  }

  async probe(known: ObjectVersion | undefined, signal: AbortSignal): Promise<Probe> {
    return (await this.newest(signal)).probe(known, signal);
  }

  async open(request: OpenRequest): Promise<OpenObject> {
    return (await this.newest(request.signal)).open(request);
  }

  /** The file that counts now: of several of one time the last by name. Rejects with E_STORE_MISSING. */
  private async newest(signal: AbortSignal): Promise<FileSource> {
    let best: { readonly name: string; readonly mtimeNs: bigint } | undefined;
    try {
      for await (const { name } of await opendir(this.directory)) {
        signal.throwIfAborted();
        if (!this.concerns(name)) continue;
        const mtimeNs = await fileTime(join(this.directory, name));
        if (mtimeNs === undefined) continue;
        const newer = best === undefined || mtimeNs > best.mtimeNs;
        if (newer || (mtimeNs === best?.mtimeNs && name > best.name)) best = { name, mtimeNs };
      }
    } catch (cause) {
      signal.throwIfAborted();
      throw new StoreError("E_STORE_MISSING", `the folder ${this.directory} cannot be read`, {
        cause,
        cure: "Check that the folder is there (that its disk is mounted), and that the agent's user may read it.",
      });
    }
    if (best === undefined) {
      throw new StoreError(
        "E_STORE_MISSING",
        `no file in ${this.directory} matches "${this.match}"`,
        { cure: "Put a file into the folder, or correct `match`." },
      );
    }
    return new FileSource(join(this.directory, best.name));
  }
}

/** Undefined: no file, or gone by now. */
async function fileTime(file: string): Promise<bigint | undefined> {
  const stats = await stat(file, { bigint: true }).catch(() => undefined);
  return stats?.isFile() ? stats.mtimeNs : undefined;
}
