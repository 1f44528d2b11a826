import type { BundleRecord } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { wantsColour } from "../lab/paint.ts";
import { print } from "../print.ts";
import { type Met, meetAll } from "./agents-met.ts";
import { PROBATION_S, usage } from "./arguments.ts";
import { changesLines } from "./changes-text.ts";
import type { SteerOptions } from "./context.ts";
import { failedOutcome, type Outcome } from "./outcome.ts";
import { ProgressLines } from "./progress-lines.ts";
import { report } from "./push.ts";
import { readVerb } from "./read-verb.ts";
import type { Steering } from "./steering.ts";
import { tryOut } from "./trial.ts";

export interface RollbackOptions extends SteerOptions {
  readonly to?: number;
  readonly yes?: true;
  readonly keepDegraded?: true;
}

/** `pilotlight rollback`: an agent serves an earlier bundle again, on probation as after a push. */
export async function rollback(
  steering: Steering,
  asked: string | undefined,
  options: RollbackOptions,
): Promise<void> {
  const { met, failed } = await meetAll(steering, [asked]);
  const [agent] = met;
  if (!agent) return report(steering, failed, options);
  const stop = new AbortController();
  steering.host.onStopSignal(() => stop.abort());
  try {
    const outcome = await goBack(steering, agent, options, stop.signal);
    report(steering, [outcome], options);
  } finally {
    agent.connection.close();
  }
}

async function goBack(
  steering: Steering,
  agent: Met,
  options: RollbackOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  const { connection, name, fingerprint } = agent;
  const who = { agent: name, fingerprint };
  try {
    const { bundles } = await connection.use((a) => readVerb(a, "site.history", {}));
    const [from, to] = ends(name, bundles, options.to);
    const { changes } = await connection.use((a) =>
      a.call("site.diff", { from: from.serial, to: to.serial }),
    );
    const about = { ...who, serial: to.serial, changes };
    if (!(await mayGo(steering, about, options))) return { ...about, result: "left" };
    const progress = new ProgressLines(steering.host, [name]);
    try {
      const { serial, digest } = to;
      const apply = (a: AgentConnection): Promise<unknown> => a.call("site.rollback", { serial });
      const end = await tryOut(connection, apply, {
        ...{ serial, digest, signal, before: agent.status, clock: steering.clock },
        probationMs: PROBATION_S.usual * 1000,
        keepDegraded: options.keepDegraded ?? false,
        say: (text) => progress.say(name, text),
      });
      const reasons = end.result === "running" ? end.reasons : [end.reason];
      return { ...about, result: end.result, ...(reasons.length > 0 ? { reasons } : {}) };
    } finally {
      progress.close();
    }
  } catch (error) {
    if (error instanceof AgentError && error.code === "E_USAGE") throw error;
    return failedOutcome(error, who);
  }
}

async function mayGo(
  steering: Steering,
  { agent, serial, changes }: { agent: string; serial: number; changes: readonly string[] },
  options: RollbackOptions,
): Promise<boolean> {
  if (options.json) return true;
  const { stdout, env } = steering.host;
  const colour = wantsColour(stdout.isTTY === true, env);
  print(steering, [...changesLines([{ agent, changes }], colour), ""]);
  if (options.yes) return true;
  return (await steering.ask(`Go back to serial ${serial} on ${agent}?`)) ?? true;
}

/** The bundle that runs, and the one to go back to. Throws E_USAGE, which lists what there is. */
function ends(
  agent: string,
  bundles: readonly BundleRecord[],
  wanted: number | undefined,
): readonly [BundleRecord, BundleRecord] {
  const current = bundles.find(({ state }) => state === "running" || state === "probation");
  if (!current) throw usage(`${agent} runs no bundle`, "There is nothing to go back from.");
  const others = bundles.filter((b) => b !== current && b.state !== "returned");
  // As the agent itself understands "the one before": what it ran last, whatever its number.
  const to =
    wanted === undefined ? others[0] : bundles.find((b) => b !== current && b.serial === wanted);
  if (to) return [current, to];
  const have = bundles.filter((b) => b !== current).map(({ serial }) => serial);
  throw usage(
    wanted === undefined
      ? `${agent} has no earlier bundle`
      : `${agent} has no other bundle with serial ${wanted}`,
    `There are: ${have.join(", ") || "none"}; \`pilotlight history\` shows them.`,
  );
}
