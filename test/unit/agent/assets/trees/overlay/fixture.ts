import { onTestFinished } from "vitest";
import { ChunkCache } from "../../../../../../agent/assets/chunk-cache.ts";
import { DirectoryTree } from "../../../../../../agent/assets/trees/directory-tree.ts";
import type { OverlayTree } from "../../../../../../agent/assets/trees/overlay/overlay-tree.ts";
import { Overlays } from "../../../../../../agent/assets/trees/overlay/overlays.ts";
import {
  isRefusal,
  type Tree,
  type TreeResult,
} from "../../../../../../agent/assets/trees/tree.ts";
import { TreeFiles } from "../../../../../support/file-ops/tree-files.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";

export const OWNER = { machine: "sun1", profile: "sun" };

/** A machine's overlay above a directory, or another tree. */
export class OverlayFixture {
  readonly stateDir = tempDir();
  readonly lowerDir: string;
  readonly chunks = new ChunkCache(65_536, 4_000_000);
  overlays: Overlays = Overlays.open(this.stateDir);
  tree!: OverlayTree;
  files!: TreeFiles;
  quota = 1e9;
  lower: Tree | undefined;

  constructor(lowerDir: string, lower: Tree | undefined) {
    this.lowerDir = lowerDir;
    this.lower = lower;
  }

  /** As another process would have it, or the same one with another site. */
  async open(): Promise<this> {
    const lower = this.lower ?? (await DirectoryTree.open(this.lowerDir, this.chunks));
    this.tree = this.overlays.tree(OWNER, this.quota, lower, this.chunks);
    const again = async (): Promise<Tree> => {
      await this.reopen();
      return this.tree;
    };
    this.files ??= new TreeFiles(this.tree, again);
    this.files.tree = this.tree;
    return this;
  }

  async reopen(): Promise<void> {
    await this.overlays.close();
    await this.reopenAfterKill();
  }

  /** Where it is closed already. */
  async reopenAfterKill(): Promise<void> {
    this.overlays = Overlays.open(this.stateDir);
    await this.open();
  }

  /** The number at a path; throws a refusal. */
  async id(path: string): Promise<number> {
    let at = this.tree.root;
    for (const name of path.split("/")) at = await ok(this.tree.lookup(at, name));
    return at;
  }

  async text(path: string): Promise<string> {
    return Buffer.from(await ok(this.files.read(path, 0, 1_000_000))).toString();
  }

  async list(path = ""): Promise<readonly string[]> {
    return ok(this.files.list(path));
  }

  /** Makes a file with this text in it. */
  async put(path: string, text: string): Promise<void> {
    await ok(this.files.create(path, 0o644));
    await ok(this.files.write(path, 0, Buffer.from(text)));
  }
}

/** An overlay that is closed when the test ends. `files`: of the directory below it. */
export async function overlay(
  files: Readonly<Record<string, string | Uint8Array>> = {},
  lower?: Tree,
): Promise<OverlayFixture> {
  const fixture = await new OverlayFixture(tempDir(files), lower).open();
  onTestFinished(() => fixture.overlays.close());
  return fixture;
}

/** What it is, and no refusal. */
export async function ok<T>(result: TreeResult<T>): Promise<T> {
  const value = await result;
  if (isRefusal(value)) throw new Error(`refused: ${value}`);
  return value;
}
