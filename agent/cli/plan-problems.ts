import { Asset } from "../assets/asset.ts";
import { ChunkCache } from "../assets/chunk-cache.ts";
import { FixedSlot } from "../assets/fixed-slot.ts";
import { treatmentKey } from "../assets/treatment/treatment.ts";
import { MAX_IMAGE_NODES } from "../assets/trees/image/image-tree.ts";
import { readImage } from "../assets/trees/image/read-image.ts";
import { AgentError } from "../errors.ts";
import { Planner } from "../plan/planner.ts";
import { Renderer } from "../plan/render.ts";
import type { AssetSpec, Site } from "../site/site.ts";

const CHUNK_LEN = 256 * 1024;

/** What keeps plans from being made: templates, directories that are not there, images that are none. */
export async function planProblems(site: Site): Promise<readonly AgentError[]> {
  const problems = new Set<AgentError>();
  const pending = new AgentError("E_ASSET_PENDING", "not looked at");
  const planner = await Planner.create({
    site,
    assets: {
      chunks: new ChunkCache(CHUNK_LEN, 0),
      slot: ({ name }) => new FixedSlot(name, pending),
    },
    renderer: new Renderer(),
    siteMtimeMs: 0,
    problem: (error) => problems.add(error),
  });
  for (const { files } of planner.all()) {
    for (const name of files.names) {
      const state = files.get(name)?.current();
      if (state instanceof AgentError && state !== pending) problems.add(state);
    }
  }
  for (const spec of imagesOf(site)) {
    const problem = await imageProblem(spec);
    if (problem) problems.add(problem);
  }
  return [...problems];
}

/** Images that are files of this host and served as they are; what is fetched or unpacked is looked into when it is. */
function imagesOf({ profiles }: Site): ReadonlySet<AssetSpec> {
  const roots = [...profiles.values()].map(({ bsd, linux }) => bsd?.root ?? linux?.root);
  const images = roots.flatMap((root) => (root?.kind === "image" ? [root.asset] : []));
  return new Set(
    images.filter(
      ({ sources, treatment }) => sources[0]?.kind === "file" && treatmentKey(treatment) === "",
    ),
  );
}

async function imageProblem(spec: AssetSpec): Promise<AgentError | undefined> {
  try {
    await readImage(await Asset.verify(spec, new ChunkCache(CHUNK_LEN, 0)), MAX_IMAGE_NODES);
  } catch (error) {
    // Whether the file itself is there and sound was looked at with all other assets.
    if (error instanceof AgentError && error.code === "E_TREE_IMAGE") return error;
    if (!(error instanceof AgentError)) throw error;
  }
  return undefined;
}
