import type { BundleRecord } from "../../control/messages.ts";
import { printable, printableCut } from "../../log/printable.ts";
import { paint, wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { count, timeText, wrapped } from "../words.ts";
import type { SteerOptions } from "./context.ts";
import { readVerb } from "./read-verb.ts";
import type { Steering } from "./steering.ts";

const WIDTH = 80;
/** Changes of one bundle that are shown. */
const MOST_CHANGES = 6;

/** `pilotlight history`: the bundles that an agent had, newest first. */
export async function showHistory(
  steering: Steering,
  asked: string | undefined,
  options: SteerOptions,
): Promise<void> {
  const agent = await steering.connect(asked);
  try {
    const { bundles } = await readVerb(agent, "site.history", {});
    if (options.json) {
      for (const bundle of bundles) printJson(steering, bundle);
    } else if (bundles.length === 0) {
      print(steering, [`${agent.name} has taken no bundle yet.`]);
    } else {
      const { stdout, env } = steering.host;
      const colour = wantsColour(stdout.isTTY === true, env);
      print(
        steering,
        bundles.flatMap((bundle) => historyLines(bundle, colour)),
      );
    }
  } finally {
    agent.close();
  }
}

/**
 * A bundle of the history, in 80 columns:
 *
 *     1764000000  running   2026-11-21 13:45:02 UTC  rack7
 *       push by eva@laptop
 *       ~ machine v100: profile: netbsd-10 → netbsd-11
 */
export function historyLines(bundle: BundleRecord, colour: boolean): readonly string[] {
  const { serial, state, appliedAt, site, source, operator, reason, changes } = bundle;
  const style = state === "running" ? "good" : state === "returned" ? "bad" : "dim";
  const when = Number.isNaN(Date.parse(appliedAt)) ? "?" : timeText(Date.parse(appliedAt));
  const head = `${String(serial).padEnd(12)}${paint(state.padEnd(11), style, colour)}${when}  `;
  const lines = [`${head}${printableCut(site, 30)}`];
  const say = (text: string): void => {
    lines.push(...wrapped(`  ${printable(text)}`, WIDTH, 4));
  };
  say(source.includes(operator) ? source : `${source}, signed by ${operator}`);
  if (reason !== undefined) say(`went back: ${reason}`);
  if (bundle.notBefore !== undefined) say(`not before ${bundle.notBefore}`);
  if (bundle.expires !== undefined) say(`expires ${bundle.expires}`);
  for (const change of changes.slice(0, MOST_CHANGES)) say(`~ ${change}`);
  const more = changes.length - MOST_CHANGES;
  if (more > 0) say(`and ${count(more, "more change")}`);
  return lines;
}
