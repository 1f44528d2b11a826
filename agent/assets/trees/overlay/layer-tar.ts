import { once } from "node:events";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Header, type Pack, pack } from "tar-stream";
import { AgentError } from "../../../errors.ts";
import { isRefusal, type NodeAttributes, type Tree, type TreeResult } from "../tree.ts";
import type { LayerChange } from "./layer-report.ts";

/** What an image layer calls what is not there any more, and a directory that begins empty. */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Writes what a machine changed as a tar archive, in the form of an OCI image's layer: above its root unpacked as another layer,
 * it is the machine's root.
 *
 * `tree`: the machine's; `hasLower`: whether its lower tree is the machine's as well. Rejects with E_USAGE when something of that is
 * needed.
 */
export async function writeLayerTar(
  tree: Tree,
  changes: readonly LayerChange[],
  out: Writable,
  hasLower: boolean,
): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, out);
  // It is awaited below; until then its failure is that of whoever writes.
  written.catch(() => undefined);
  try {
    const writer = new LayerTar(tree, archive);
    for (const change of changes) {
      const { path, kind, from } = change;
      if (!hasLower && kind === "directory" && from !== undefined) throw needsLower(path);
      await writer.add(change);
    }
    archive.finalize();
  } catch (error) {
    archive.destroy();
    throw error;
  }
  await written;
}

/** What is said of an entry. */
type Head = Partial<Header> & Pick<Header, "name">;

class LayerTar {
  private readonly tree: Tree;
  private readonly archive: Pack;
  private readonly paths = new Set<string>();
  /** Names of files that have several: the first one has the octets. */
  private readonly first = new Map<number, string>();

  constructor(tree: Tree, archive: Pack) {
    this.tree = tree;
    this.archive = archive;
  }

  async add({ path, change, id, from, kind, opaque }: LayerChange): Promise<void> {
    if (change === "deleted" || id === undefined) {
      const slash = path.lastIndexOf("/") + 1;
      await this.empty(`${path.slice(0, slash)}${WHITEOUT}${path.slice(slash)}`);
      return;
    }
    await this.node(id, path);
    if (opaque) await this.empty(`${path}/${OPAQUE}`);
    // What was renamed as a whole brings along what the layer says nothing of.
    if (kind === "directory" && from !== undefined) await this.below(id, path);
  }

  private async below(directory: number, path: string): Promise<void> {
    for (const { name, fileid } of await this.ask(path, this.tree.list(directory))) {
      const child = `${path}/${name}`;
      const { kind } = await this.ask(child, this.tree.attributes(fileid));
      await this.node(fileid, child);
      if (kind === "directory") await this.below(fileid, child);
    }
  }

  private async node(id: number, path: string): Promise<void> {
    if (this.paths.has(path)) return;
    this.paths.add(path);
    const attributes = await this.ask(path, this.tree.attributes(id));
    const header = headerOf(path, attributes);
    if (attributes.kind === "directory") {
      await this.entry({ ...header, name: `${path}/`, type: "directory" });
      return;
    }
    if (attributes.kind === "symlink") {
      const { target } = await this.ask(path, this.tree.readlink(id));
      await this.entry({ ...header, type: "symlink", linkname: target });
      return;
    }
    const first = this.first.get(id);
    if (first !== undefined) {
      await this.entry({ ...header, type: "link", linkname: first });
      return;
    }
    if (attributes.nlink > 1) this.first.set(id, path);
    await this.file(id, path, header);
  }

  private async file(id: number, path: string, header: Head): Promise<void> {
    const content = await this.ask(path, this.tree.content(id));
    const { size, chunkLen } = content;
    let ended = (_error?: unknown): void => {};
    const end = new Promise<void>((resolve, reject) => {
      ended = (error) => (error ? reject(error) : resolve(undefined));
    });
    const entry = this.archive.entry({ ...header, type: "file", size }, (error) => ended(error));
    for (let at = 0, i = 0; at < size; at += chunkLen, i++) {
      const octets = (await content.load(i)).subarray(0, size - at);
      if (!entry.write(octets)) await once(entry, "drain");
    }
    entry.end(undefined);
    await end;
  }

  private empty(name: string): Promise<void> {
    const header = { name, type: "file", mode: 0o600, mtime: new Date(0) } as const;
    return new Promise<void>((resolve, reject) => {
      this.archive.entry(header, "", (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Of what has no octets: only files have any. */
  private entry(header: Head): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.archive.entry(header, (error) => (error ? reject(error) : resolve()));
    });
  }

  private async ask<T>(path: string, question: TreeResult<T>): Promise<T> {
    const answer = await question;
    if (!isRefusal(answer)) return answer;
    throw needsLower(path);
  }
}

function needsLower(path: string): AgentError {
  return new AgentError("E_USAGE", `${path} has octets of the shared root`, {
    cure: "Name the directory that is the root with --root.",
  });
}

function headerOf(path: string, { mode, uid, gid, mtimeMs }: NodeAttributes): Head {
  return { name: path, mode, uid, gid, mtime: new Date(mtimeMs), size: 0 };
}
