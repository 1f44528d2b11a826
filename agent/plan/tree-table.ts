import type { Assets, Slot } from "../assets/slot.ts";
import { AssetTree } from "../assets/trees/asset-tree.ts";
import { DirectoryTree } from "../assets/trees/directory-tree.ts";
import type { FirstReads } from "../assets/trees/first-reads.ts";
import { ImageTree } from "../assets/trees/image/image-tree.ts";
import type { NodeIndex } from "../assets/trees/node-index.ts";
import type { LayerOwner } from "../assets/trees/overlay/overlays.ts";
import type { Tree } from "../assets/trees/tree.ts";
import type { AgentError } from "../errors.ts";
import type { Root } from "../site/site.ts";

/** What trees are made of. */
export interface TreeParts {
  readonly assets: Assets;
  /** What files of directories were when they were first read. */
  readonly firstReads?: FirstReads;
  /** Where the nodes of directories were. */
  readonly nodeIndex?: NodeIndex;
  /** Told why an image cannot be served. */
  readonly problem?: (error: AgentError) => void;
  /** What machines change of their roots; absent: nothing. */
  readonly overlays?: MachineLayers;
}

/** Gives machines layers of their own above a tree. */
export interface MachineLayers {
  /** `quota`: octets. Throws E_STATE. */
  tree(owner: LayerOwner, quota: number, lower: Tree, chunks: Assets["chunks"]): Tree;
}

/** Somebody's layer above a tree. */
interface Above {
  readonly tree: Tree;
  readonly lower: Tree;
  readonly quota: number;
}

/** The place of a root's image among its files: no file has this name. */
const IMAGE = "";

/** A tree, and whether a root of the same name is still what it was made of. */
interface Known {
  readonly tree: Tree;
  readonly stands: (files: ReadonlyMap<string, Slot>) => boolean | Promise<boolean>;
}

/** The NFS roots of a site, one tree a root however many machines share it; and what machines have above it. */
export class TreeTable {
  private readonly trees = new Map<string, Known>();
  private readonly overlays = new Map<string, Above>();
  private before: TreeTable | undefined;

  /** `before`: of the site before this one. A root that has not changed keeps its tree, so that no handle of it goes stale. */
  constructor(before?: TreeTable) {
    this.before = before;
  }

  /** The tree of a root. Rejects with E_ASSET_MISSING when its directory is not there. */
  async open(root: Root, profile: string, parts: TreeParts): Promise<Tree> {
    const key = keyOf(root, profile);
    const slots = new Map<string, Slot>();
    if (root.kind === "files") {
      for (const [name, spec] of root.files) slots.set(name, parts.assets.slot(spec));
    } else if (root.kind === "image") slots.set(IMAGE, parts.assets.slot(root.asset));
    const here = this.trees.get(key);
    if (here) return here.tree;
    const old = this.before?.trees.get(key);
    const known = old && (await old.stands(slots)) ? old : await make(root, profile, slots, parts);
    this.trees.set(key, known);
    return known.tree;
  }

  /** A machine's own tree above one of a root. Throws E_STATE. */
  above(lower: Tree, owner: LayerOwner, quota: number, parts: TreeParts): Tree {
    const { overlays, assets } = parts;
    if (!overlays) return lower;
    const key = `${owner.machine}/${owner.profile}`;
    const old = this.overlays.get(key) ?? this.before?.overlays.get(key);
    const known =
      old?.lower === lower && old.quota === quota
        ? old
        : { tree: overlays.tree(owner, quota, lower, assets.chunks), lower, quota };
    this.overlays.set(key, known);
    return known.tree;
  }

  /** The same without its predecessor, which may go now. */
  settled(): this {
    this.before = undefined;
    return this;
  }
}

/** Machines that run from the same image share its tree, whatever their profiles. */
function keyOf(root: Root, profile: string): string {
  if (root.kind === "directory") return `directory ${root.path}`;
  return root.kind === "image" ? `image ${root.asset.name}` : `files ${profile}`;
}

async function make(
  root: Root,
  profile: string,
  slots: ReadonlyMap<string, Slot>,
  { assets, firstReads, nodeIndex, problem }: TreeParts,
): Promise<Known> {
  const image = slots.get(IMAGE);
  if (root.kind === "image" && image) {
    const tree = new ImageTree(image, problem ? { problem } : {});
    tree.prepare();
    return { tree, stands: (files) => sameSlots(slots, files) };
  }
  if (root.kind !== "directory") {
    const tree = new AssetTree(profile, slots);
    return { tree, stands: (files) => sameSlots(slots, files) };
  }
  const tree = await DirectoryTree.open(root.path, assets.chunks, firstReads, nodeIndex);
  return { tree, stands: () => tree.stands(root.path) };
}

function sameSlots(a: ReadonlyMap<string, Slot>, b: ReadonlyMap<string, Slot>): boolean {
  return a.size === b.size && [...a].every(([name, slot]) => b.get(name) === slot);
}
