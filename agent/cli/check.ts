import { Command } from "commander";
import { ChunkCache } from "../assets/chunk-cache.ts";
import { AssetStore } from "../assets/store.ts";
import { AgentError, formatAgentError } from "../errors.ts";
import { Planner } from "../plan/planner.ts";
import { Renderer } from "../plan/render.ts";
import { loadSite } from "../site/load.ts";
import type { CommandHost } from "./host.ts";

const CHUNK_LEN = 256 * 1024;
const FAILED = 1;

/** `pilotlight check`: everything that can be wrong with a site before a machine asks. */
export function checkCommand(host: CommandHost): Command {
  return new Command("check")
    .description("Check a site file, the files it names and the templates in it.")
    .argument("<site>", "the site file")
    .addHelpText("after", "\nExample:\n  pilotlight check site.yaml")
    .action(async (file: string) => {
      const site = await loadSite(file);
      const store = await AssetStore.open(site.assets.values(), new ChunkCache(CHUNK_LEN, 0));
      const problems: AgentError[] = [...store.problems()];
      const planner = await Planner.create({
        site,
        assets: store,
        renderer: new Renderer(),
        siteMtimeMs: 0,
        problem: (error) => problems.push(error),
      });
      for (const machine of site.machines) {
        const files = planner.byIp(machine.ip)?.files;
        for (const name of files?.names ?? []) {
          const state = files?.get(name)?.current();
          if (state instanceof AgentError && !problems.includes(state)) problems.push(state);
        }
      }
      for (const problem of problems) host.stderr.write(`${formatAgentError(problem)}\n`);
      if (problems.length > 0) {
        host.setExitStatus(FAILED);
        return;
      }
      const { machines, profiles, assets } = site;
      host.stdout.write(
        `${file}: good: ${machines.length} machines, ${profiles.size} profiles, ${assets.size} assets\n`,
      );
    });
}
