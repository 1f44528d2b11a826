import { type Content, gather, loadRange } from "../../../../../../agent/assets/content.ts";
import { FixedSlot } from "../../../../../../agent/assets/fixed-slot.ts";
import { ImageTree } from "../../../../../../agent/assets/trees/image/image-tree.ts";
import type { NodeAttributes, Tree } from "../../../../../../agent/assets/trees/tree.ts";
import type { AgentError } from "../../../../../../agent/errors.ts";
import { ChunkedContent } from "../../../../../support/archive-octets.ts";

/** A tree of an image, and why it cannot be served. */
export function treeOf(
  octets: Uint8Array,
  maxNodes?: number,
): { tree: ImageTree; content: ChunkedContent; problems: AgentError[] } {
  const content = new ChunkedContent(octets);
  const problems: AgentError[] = [];
  const tree = new ImageTree(new FixedSlot("root", content), {
    problem: (error) => problems.push(error),
    ...(maxNodes === undefined ? {} : { maxNodes }),
  });
  return { tree, content, problems };
}

export async function find(tree: Tree, path: string, from?: number): Promise<number> {
  const top = from ?? (await (tree.mountPoint?.() ?? tree.root));
  if (typeof top !== "number") throw new Error(`root: ${top}`);
  let at = top;
  for (const name of path.split("/").filter((part) => part !== "")) {
    const next = await tree.lookup(at, name);
    if (typeof next !== "number") throw new Error(`${path}: ${next}`);
    at = next;
  }
  return at;
}

export async function attributesOf(tree: Tree, path: string): Promise<NodeAttributes> {
  const a = await tree.attributes(await find(tree, path));
  if (typeof a === "string") throw new Error(`${path}: ${a}`);
  return a;
}

export async function contentOf(tree: Tree, path: string): Promise<Content> {
  const content = await tree.content(await find(tree, path));
  if (typeof content === "string") throw new Error(`${path}: ${content}`);
  return content;
}

/** What `len` octets at `at` say. */
export async function textAt(c: Content, at: number, len: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  await loadRange(c, at, len);
  if (gather(c, at, len, pieces) >= 0) throw new Error("it is not in memory");
  return Buffer.concat(pieces).toString();
}

export async function textOf(tree: Tree, path: string): Promise<string> {
  const content = await contentOf(tree, path);
  return textAt(content, 0, content.size);
}

export async function namesIn(tree: Tree, path: string): Promise<readonly string[]> {
  const entries = await tree.list(await find(tree, path));
  if (typeof entries === "string") throw new Error(`${path}: ${entries}`);
  return entries.map(({ name }) => name);
}
