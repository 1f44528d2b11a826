import { formatIpv4 } from "../protocols/wire/ipv4-address.ts";
import type { AgentInput } from "./agent-input.ts";
import { type BootMedium, readBootMedium } from "./config/boot-medium.ts";
import { type AssetControl, assetRoutes } from "./control/asset-routes.ts";
import { openLocalSocket } from "./control/local-socket.ts";
import { AgentError, formatAgentError } from "./errors.ts";
import { Health } from "./health.ts";
import { openAgentName } from "./identity/agent-name.ts";
import { systemClock } from "./link/clock.ts";
import { BootActivity } from "./log/boot-activity.ts";
import { machinesText } from "./serving/machines-text.ts";
import type { RunningSite } from "./serving/running-site.ts";
import { Serving } from "./serving/serving.ts";
import { SiteFile } from "./serving/site-file.ts";
import type { Site } from "./site/site.ts";
import { openDatabase } from "./state/database.ts";
import { openSteering, type Steering } from "./steering.ts";

/** A running agent. */
export interface Agent {
  readonly health: Health;
  /** What is served just now. */
  readonly running: RunningSite | undefined;
  /** In words: "site rack7 on eth0 as 172.24.42.150, 2 machines". */
  readonly summary: string;
  /** Reads the site file again, where there is one. */
  reload(): Promise<void>;
  /** Closes every port, gives back what was set in the host, and lets running transfers end unfinished. */
  stop(): Promise<void>;
}

type OnStop = (close: () => void | Promise<void>) => void;

/** Starts an agent: it answers when the promise resolves. Rejects with AgentError, and then nothing is left open. */
export async function startAgent(input: AgentInput): Promise<Agent> {
  const stops: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of stops.splice(0).reverse()) await close();
  };
  try {
    return { ...(await open(input, (close) => stops.push(close))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(input: AgentInput, onStop: OnStop): Promise<Omit<Agent, "stop">> {
  const { stateDir, journal, log, version, crash } = input;
  const clock = systemClock;
  const activity = new BootActivity(journal, () => clock.now());
  onStop(() => activity.stop());
  const health = new Health();
  onStop(
    health.follow(({ state, reasons }) => {
      if (reasons.length > 0) log.warn(`${state}: ${reasons.join("; ")}`);
      else log.info(state);
    }),
  );
  const medium = bootMedium(input, health);
  const name = await openAgentName(stateDir, input.name, [medium?.name ?? "", input.hostName]);

  const database = openDatabase({ dir: `${stateDir}/db`, replaceDamaged: true });
  onStop(() => database.close());
  if (database.setAside !== undefined) {
    log.error(
      `the agent's records were damaged and are put aside (${database.setAside}): whom it trusts and what was pushed to it is forgotten`,
    );
  }
  const { budgets, interfaceName, inherited, variables } = input;
  const serving = new Serving({
    budgets,
    interfaceName,
    inherited,
    journal,
    activity,
    log,
    health,
    clock,
    database,
    stateDir,
    version,
    variables,
    crash,
  });
  onStop(() => serving.stop());
  const steering = await openSteering({
    ...input,
    clock,
    database,
    activity,
    health,
    serving,
    name,
    medium,
  });
  onStop(() => steering.stop());
  const socket = await openLocalSocket({
    stateDir,
    routes: { assets: assetRoutes(assetsOf(serving)), ...steering.local },
    crash,
  });
  onStop(() => socket.close());

  const file = await serveFirst(input, serving, health, steering);
  if (file) onStop(() => file.close());
  await steering.start();
  return {
    health,
    get running() {
      return serving.current;
    },
    get summary() {
      return summaryOf(serving.current);
    },
    reload: async () => await file?.reload(),
  };
}

/** Serves what is to be served at start: the site file, or what was accepted last. */
async function serveFirst(
  { site, log, crash }: AgentInput,
  serving: Serving,
  health: Health,
  steering: Steering,
): Promise<SiteFile | undefined> {
  if (site === undefined) {
    await steering.startConfig();
    return undefined;
  }
  const serve = async (next: Site): Promise<void> => {
    await serving.apply(next);
    steering.siteChanged();
  };
  const file = new SiteFile({ path: site.path, serve, health, log, crash });
  try {
    await file.start(site);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

function bootMedium(input: AgentInput, health: Health): BootMedium | undefined {
  const { medium, problem } = readBootMedium(input.medium);
  if (problem) {
    input.log.error(formatAgentError(problem));
    health.say("medium", problem.message);
  }
  return medium;
}

/** What commands ask of the assets, whatever is served when they ask. */
function assetsOf(serving: Serving): AssetControl {
  const control = (): AssetControl => {
    const { current } = serving;
    if (current) return current.assets;
    const cure = "Push a configuration to it, or start it with --site.";
    throw new AgentError("E_NOT_FOUND", "this agent is unconfigured: it has no assets", { cure });
  };
  return {
    status: async () => await control().status(),
    prefetch: async (names) => await control().prefetch(names),
    refresh: async (names) => await control().refresh(names),
    changed: async (names) => await control().changed(names),
    damaged: async (digests) => await control().damaged(digests),
    collect: async () => await control().collect(),
  };
}

function summaryOf(running: RunningSite | undefined): string {
  if (!running) return "unconfigured, nothing is answered";
  const { site, interfaceName } = running;
  return `site ${site.name} on ${interfaceName} as ${formatIpv4(site.network.address)}, ${machinesText(site)}`;
}
