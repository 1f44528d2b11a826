import { Command } from "commander";
import { checkAsset, missingSecrets } from "../assets/check-asset.ts";
import { createStoreEnvironment } from "../assets/stores/store-environment.ts";
import { AgentError, formatAgentError } from "../errors.ts";
import { loadSite } from "../site/load.ts";
import type { CommandHost } from "./host.ts";
import { planProblems } from "./plan-problems.ts";
import { packageVersion } from "./version.ts";
import { count } from "./words.ts";

const FAILED = 1;

interface CheckCommandOptions {
  readonly stores?: boolean;
}

/** `pilotlight check`: everything that can be wrong with a site before a machine asks. */
export function checkCommand(host: CommandHost): Command {
  return new Command("check")
    .description("Check a site file, the files it names and the templates in it.")
    .argument("<site>", "the site file")
    .option("--stores", "ask the stores as well whether they have what the site names")
    .addHelpText("after", "\nExample:\n  pilotlight check --stores site.yaml")
    .action((file: string, options: CheckCommandOptions) => check(file, options, host));
}

async function check(file: string, options: CheckCommandOptions, host: CommandHost): Promise<void> {
  const site = await loadSite(file);
  const problems: AgentError[] = [];
  const warn = (text: string): void => {
    host.stderr.write(`warning: ${text}\n`);
  };
  const { env: variables } = host;
  const stores = createStoreEnvironment({ variables, version: packageVersion(), warn });
  const stop = new AbortController();
  host.onStopSignal(() => stop.abort(new AgentError("E_USAGE", "interrupted")));
  try {
    const ask = options.stores ?? false;
    for (const spec of site.assets.values()) {
      problems.push(...(await checkAsset(spec, { stores, ask, signal: stop.signal })));
    }
    if (!ask) {
      // The agent may run with another environment than this shell: worth a word, no mistake of the site.
      for (const { message } of await missingSecrets(site.assets.values(), stores)) {
        warn(`${message} (as seen from here)`);
      }
    }
  } finally {
    await stores.close();
  }
  problems.push(...(await planProblems(site)));
  for (const problem of problems) host.stderr.write(`${formatAgentError(problem)}\n`);
  if (problems.length > 0) {
    host.setExitStatus(FAILED);
    return;
  }
  const { machines, profiles, assets } = site;
  const what = [
    count(machines.length, "machine"),
    count(profiles.size, "profile"),
    count(assets.size, "asset"),
  ];
  host.stdout.write(`${file}: good: ${what.join(", ")}\n`);
}
