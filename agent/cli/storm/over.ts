import { systemClock } from "../../link/clock.ts";
import { openFrameLane } from "../../link/frame-lane.ts";
import { LastingLane } from "../../link/lasting-lane.ts";
import type { CommandHost } from "../host.ts";
import { StormContent } from "./files.ts";
import type { StormOptions } from "./options.ts";
import type { StormPlan } from "./plan.ts";
import { type AgentFigures, reportLines, stormReport } from "./report.ts";
import { Storm } from "./storm.ts";

const RATIO = 3;
const MEGABYTE = 1_000_000;
/** Kernel memory for frames that wait: a thousand machines are answered at once. */
const LANE_BUFFER: number = 64 * 1024 * 1024;
/** How often a lane that was lost is tried again, ms. */
const REOPEN_MS = 100;

/**
 * Boots the machines over an interface, and prints the result; whether all is as it must be. `watched`: asked for the agent's
 * figures when all is over. `started`: told how to end it before that.
 */
export async function stormOver(
  stdout: Pick<CommandHost["stdout"], "write">,
  options: StormOptions,
  plan: StormPlan,
  interfaceName: string,
  watched: () => Promise<AgentFigures | null>,
  started: (storm: Pick<Storm, "stop">) => void,
): Promise<boolean> {
  const { within: withinMs, timeout, loss, reorder, seed } = options;
  const lane = lastingLane(interfaceName);
  const run = new Storm(
    {
      machines: plan.machines,
      content: new StormContent(plan.files),
      clock: systemClock,
      withinMs,
      timeoutMs: timeout * 1_000,
      faults: { loss, reorder },
      seed,
    },
    lane,
  );
  started(run);
  await run.run();
  const agent = await watched();
  lane.close();
  // What a bad link does to one machine and not to another is chance, and no unfairness.
  const ratio = options.ratio ?? (loss + reorder > 0 ? Number.POSITIVE_INFINITY : RATIO);
  const limits = { ratio, memory: options.memory * MEGABYTE };
  const report = stormReport(run.machines, { seed, faults: run.faults, agent, limits });
  const lines = options.json ? [JSON.stringify(report)] : reportLines(report);
  stdout.write(`${lines.join("\n")}\n`);
  return report.ok;
}

/** The machines' lane. When it is lost, what was under way is lost, as on any link, and it is opened again. */
function lastingLane(interfaceName: string): LastingLane {
  const again = (): void => {
    if (!lane.reopen()) setTimeout(again, REOPEN_MS);
  };
  const lane = new LastingLane(
    (lost) => openFrameLane(interfaceName, "not ip6", () => {}, LANE_BUFFER, lost),
    () => setTimeout(again, 0),
  );
  return lane;
}
