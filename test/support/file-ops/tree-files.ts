import { gather, loadRange } from "../../../agent/assets/content.ts";
import {
  isRefusal,
  type NodeAttributes,
  type NodeChange,
  type NodePlace,
  type Tree,
  type TreeRefusal,
  type WritableTree,
} from "../../../agent/assets/trees/tree.ts";
import type { Done, FileFacts, FileOps } from "./file-ops.ts";

/** A tree, asked as a client of NFS would: name by name, then by number. */
export class TreeFiles implements FileOps {
  /** Another one after a restart. */
  tree: Tree;
  private readonly again: () => Promise<Tree>;

  /** `again`: the same tree of a process that begins anew. */
  constructor(tree: Tree, again: () => Promise<Tree>) {
    this.tree = tree;
    this.again = again;
  }

  async reopen(): Promise<void> {
    this.tree = await this.again();
  }

  stat(path: string): Promise<FileFacts | TreeRefusal> {
    return this.node(path, (_, { kind, mode, nlink, size, mtimeMs }) =>
      Promise.resolve({ kind, mode, nlink, size, mtimeMs }),
    );
  }

  list(path: string): Promise<readonly string[] | TreeRefusal> {
    return this.node(path, async (id) => {
      const entries = await this.tree.list(id);
      return isRefusal(entries) ? entries : entries.map(({ name }) => name).sort();
    });
  }

  read(path: string, offset: number, len: number): Promise<Uint8Array | TreeRefusal> {
    return this.node<Uint8Array>(path, async (id, { kind }) => {
      if (kind === "symlink") return "not-permitted";
      const content = await this.tree.content(id);
      if (isRefusal(content)) return content;
      const pieces: Uint8Array[] = [];
      const count = Math.max(0, Math.min(len, content.size - offset));
      while (gather(content, offset, count, pieces) >= 0) await loadRange(content, offset, count);
      return Uint8Array.from(Buffer.concat(pieces));
    });
  }

  create(path: string, mode: number): Done {
    return this.place(path, (place) => made(this.writable.create(place, { mode })));
  }

  write(path: string, offset: number, octets: Uint8Array): Done {
    return this.node(path, (id) => this.writable.write(id, offset, octets));
  }

  truncate(path: string, size: number): Done {
    return this.change(path, { size });
  }

  setMode(path: string, mode: number): Done {
    return this.node(path, async (id, { kind }) =>
      kind === "symlink" ? "not-permitted" : this.writable.change(id, { mode }),
    );
  }

  setMtime(path: string, mtimeMs: number): Done {
    return this.node(path, async (id, { kind }) =>
      kind === "symlink" ? "not-permitted" : this.writable.change(id, { mtimeMs }),
    );
  }

  mkdir(path: string, mode: number): Done {
    return this.place(path, (place) => made(this.writable.mkdir(place, { mode })));
  }

  rmdir(path: string): Done {
    return this.place(path, (place) => this.writable.rmdir(place));
  }

  remove(path: string): Done {
    return this.place(path, (place) => this.writable.remove(place));
  }

  rename(from: string, to: string): Done {
    return this.place(from, (a) => this.place(to, (b) => this.writable.rename(a, b)));
  }

  link(from: string, to: string): Done {
    return this.node(from, (id) => this.place(to, (place) => this.writable.link(id, place)));
  }

  symlink(path: string, target: string): Done {
    return this.place(path, (place) => made(this.writable.symlink(place, target, {})));
  }

  readlink(path: string): Promise<{ readonly target: string } | TreeRefusal> {
    return this.node(path, async (id) => this.tree.readlink(id));
  }

  private get writable(): WritableTree {
    const { writable } = this.tree;
    if (!writable) throw new Error("the tree is read-only");
    return writable;
  }

  private change(path: string, change: NodeChange): Done {
    return this.node(path, (id) => this.writable.change(id, change));
  }

  private async node<T>(
    path: string,
    work: (id: number, attributes: NodeAttributes) => Promise<T | TreeRefusal>,
  ): Promise<T | TreeRefusal> {
    let id = this.tree.root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      const next = await this.tree.lookup(id, name);
      if (isRefusal(next)) return next;
      id = next;
    }
    const attributes = await this.tree.attributes(id);
    return isRefusal(attributes) ? attributes : work(id, attributes);
  }

  private place<T>(
    path: string,
    work: (place: NodePlace) => Promise<T | TreeRefusal>,
  ): Promise<T | TreeRefusal> {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    return this.node(path.slice(0, Math.max(0, slash)), (directory) => work({ directory, name }));
  }
}

async function made(result: Promise<number | TreeRefusal>): Done {
  const id = await result;
  return isRefusal(id) ? id : undefined;
}
