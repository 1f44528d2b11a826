import type { NodeKind } from "../tree.ts";
import type { LayerName, LayerStore } from "./layer-store.ts";
import { type NameRecord, type NodeRecord, ROOT, WHITEOUT } from "./records.ts";

/** Directories above one another, at the most. */
const MAX_DEPTH = 1_024;

/** A path that is not as in the lower tree. */
export interface LayerChange {
  /** Without a leading slash. */
  readonly path: string;
  readonly change: "added" | "modified" | "deleted";
  /** Absent of what is deleted. */
  readonly kind?: NodeKind;
  /** Its number; absent of what is deleted. */
  readonly id?: number;
  /** It was made in the layer. */
  readonly own?: true;
  /** Where it was in the lower tree, if it was renamed. */
  readonly from?: string;
  /** A directory that has nothing of the lower one of its name. */
  readonly opaque?: true;
}

/**
 * What a layer changed, by path, sorted. It is told from the layer's records alone: whether the lower tree still has what was
 * deleted is not looked at.
 */
export function changesOf(store: LayerStore, generation: number): readonly LayerChange[] {
  const report = new Report(store, generation);
  return report.changes().sort((a, b) => (a.path < b.path ? -1 : 1));
}

class Report {
  private readonly store: LayerStore;
  private readonly generation: number;
  private readonly names: readonly LayerName[];
  /** Of directories, where they are. */
  private readonly places = new Map<number, LayerName>();

  constructor(store: LayerStore, generation: number) {
    this.store = store;
    this.generation = generation;
    this.names = [...store.allNames(generation)];
    for (const name of this.names) this.places.set(name.record.id, name);
  }

  changes(): LayerChange[] {
    const changes: LayerChange[] = [];
    for (const { directory, name, record } of this.names) {
      const above = this.pathOf(directory);
      if (above === undefined) continue;
      const path = above === "" ? name : `${above}/${name}`;
      if (record.id === WHITEOUT) changes.push({ path, change: "deleted" });
      else {
        const change = this.changeOf(path, directory, name, record);
        if (change) changes.push(change);
      }
    }
    return changes;
  }

  private changeOf(
    path: string,
    directory: number,
    name: string,
    { id, hides }: NameRecord,
  ): LayerChange | undefined {
    const node = this.store.node(this.generation, id);
    if (!node) return undefined;
    const { kind, at } = node;
    if (at?.directory === directory && at.name === name) {
      return isChanged(node) ? { path, change: "modified", kind, id } : undefined;
    }
    const from = at && this.lowerPath(at.directory, at.name);
    return {
      path,
      change: hides ? "modified" : "added",
      kind,
      id,
      ...(at ? {} : { own: true as const }),
      ...(from === undefined ? {} : { from }),
      ...(kind === "directory" && hides && !at ? { opaque: true as const } : {}),
    };
  }

  /** Where a directory is; undefined: nowhere any more. */
  private pathOf(directory: number): string | undefined {
    const parts: string[] = [];
    let at = directory;
    for (let depth = 0; at !== ROOT; depth++) {
      const place = this.places.get(at);
      if (!place || depth > MAX_DEPTH) return undefined;
      parts.unshift(place.name);
      at = place.directory;
    }
    return parts.join("/");
  }

  /** Where something was in the lower tree, whatever the layer made of the directories above it. */
  private lowerPath(directory: number, name: string): string {
    const parts = [name];
    let at = directory;
    for (let depth = 0; at !== ROOT && depth < MAX_DEPTH; depth++) {
      const place = this.store.node(this.generation, at)?.at;
      if (!place) break;
      parts.unshift(place.name);
      at = place.directory;
    }
    return parts.join("/");
  }
}

/** That something happened in a directory is told by what happened. */
function isChanged({ kind, data, mode, uid, gid, mtimeMs, atimeMs }: NodeRecord): boolean {
  if (data || mode !== undefined || uid !== undefined || gid !== undefined) return true;
  return kind !== "directory" && (mtimeMs !== undefined || atimeMs !== undefined);
}
