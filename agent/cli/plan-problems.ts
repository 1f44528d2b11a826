import { ChunkCache } from "../assets/chunk-cache.ts";
import { FixedSlot } from "../assets/fixed-slot.ts";
import { AgentError } from "../errors.ts";
import { Planner } from "../plan/planner.ts";
import { Renderer } from "../plan/render.ts";
import type { Site } from "../site/site.ts";

const CHUNK_LEN = 256 * 1024;

/** What keeps plans from being made: templates, and directories that are not there. */
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
  return [...problems];
}
