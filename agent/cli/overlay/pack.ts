import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { ChunkCache } from "../../assets/chunk-cache.ts";
import { AssetTree } from "../../assets/trees/asset-tree.ts";
import { DirectoryTree } from "../../assets/trees/directory-tree.ts";
import { changesOf } from "../../assets/trees/overlay/layer-report.ts";
import { writeLayerTar } from "../../assets/trees/overlay/layer-tar.ts";
import { AgentError } from "../../errors.ts";
import { whyNot } from "../../state/folder.ts";
import { count } from "../words.ts";
import { type OverlayContext, type OverlayOptions, withOverlay } from "./context.ts";

const CHUNK_LEN = 256 * 1024;
const CHUNK_BUDGET = 4 * CHUNK_LEN;

export interface PackOptions extends OverlayOptions {
  readonly output: string;
  readonly root?: string;
}

/** `pilotlight overlay pack`: what a machine changed, as a layer of an OCI image. */
export async function packOverlay(
  context: OverlayContext,
  machine: string,
  options: PackOptions,
): Promise<void> {
  const { host } = context;
  await withOverlay(context, machine, options, async (overlays, { owner, record }) => {
    const chunks = new ChunkCache(CHUNK_LEN, CHUNK_BUDGET);
    const { root, output } = options;
    const lower =
      root === undefined
        ? new AssetTree("nothing", new Map())
        : await DirectoryTree.open(root, chunks);
    const tree = overlays.tree(owner, Number.MAX_SAFE_INTEGER, lower, chunks);
    const changes = changesOf(overlays.store, record.generation);
    try {
      const out = output === "-" ? host.stdout : createWriteStream(output);
      await writeLayerTar(tree, changes, out, root !== undefined);
    } catch (cause) {
      if (output !== "-") await rm(output, { force: true });
      if (cause instanceof AgentError) throw cause;
      throw new AgentError("E_STATE", `cannot write ${output}: ${whyNot(output, cause)}`, {
        cause,
      });
    }
    host.stderr.write(`${count(changes.length, "change")} of ${machine} packed.\n`);
  });
}
