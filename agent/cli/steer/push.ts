import { AgentError } from "../../errors.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { loadSite } from "../../site/load.ts";
import { wantsColour } from "../lab/paint.ts";
import { planProblems } from "../plan-problems.ts";
import { print, printJson } from "../print.ts";
import { count } from "../words.ts";
import { type Met, meantAgents, meetAll } from "./agents-met.ts";
import { PROBATION_S, usage } from "./arguments.ts";
import { changesLines } from "./changes-text.ts";
import { FAILED, type SteerOptions } from "./context.ts";
import { type BundleOptions, makeBundle, type SealedBundle, times } from "./make-bundle.ts";
import { anyFailed, failedOutcome, type Outcome, outcomeJson, outcomeLines } from "./outcome.ts";
import { ProgressLines } from "./progress-lines.ts";
import type { Steering } from "./steering.ts";
import { AT_ONCE, together } from "./together.ts";
import { tryOut } from "./trial.ts";

export interface PushOptions extends SteerOptions, BundleOptions {
  readonly all?: true;
  readonly dryRun?: true;
  readonly probation?: number;
  readonly yes?: true;
  readonly stopOnFailure?: true;
  readonly keepDegraded?: true;
}

/** An agent that would take the bundle. */
interface Willing {
  readonly agent: Met;
  readonly changes: readonly string[];
}

/** `pilotlight push`: one site to some agents, each of which goes back by itself unless it is confirmed to be well. */
export async function push(
  steering: Steering,
  file: string,
  named: readonly string[],
  options: PushOptions,
): Promise<void> {
  const agents = meantAgents(steering, named, options.all ?? false);
  if (agents.length === 0) {
    throw usage("no agent is named", "Name agents, or give --all: pilotlight push SITE.yaml AGENT");
  }
  times(options, steering.wallMs()); // mistakes of the command line are told before anybody is asked
  const packed = await packGoodSite(steering, file);
  const { met, failed } = await meetAll(steering, agents);
  const stop = new AbortController();
  steering.host.onStopSignal(() => stop.abort());
  try {
    const [able, local] = split(met);
    if (able.length === 0) return report(steering, [...failed, ...local], options);
    const targets = { agents: able.map(({ fingerprint }) => fingerprint) };
    const highest = Math.max(...able.map(({ highestSerial }) => highestSerial));
    const bundle = await makeBundle(steering, packed, targets, options, highest);
    const checked = await together(able, AT_ONCE, (agent) => validate(agent, bundle));
    const willing = checked.filter((one): one is Willing => !("result" in one));
    const refused = checked.filter((one): one is Outcome => "result" in one);
    const before = [...failed, ...local, ...refused];
    if (!options.json) showChanges(steering, willing);
    const go = await mayGo(steering, { willing, refused: before, bundle, options });
    const outcomes = go
      ? await putAll(steering, willing, bundle, options, stop.signal)
      : willing.map((one) => looked(one, bundle, options.dryRun ? "good" : "left"));
    report(steering, [...before, ...outcomes], options);
    if (stop.signal.aborted) steering.host.setExitStatus(FAILED);
  } finally {
    for (const { connection } of met) connection.close();
  }
}

/** The site as it travels. Rejects as `check` does where it has mistakes, and with E_BUNDLE where something cannot travel. */
export async function packGoodSite(
  steering: Pick<Steering, "packSite">,
  file: string,
): ReturnType<Steering["packSite"]> {
  const site = await loadSite(file);
  const packed = await steering.packSite(file);
  // What is not on this host may be on the agent's; templates travel.
  const wrong = (await planProblems(site)).filter(({ code }) => code === "E_TEMPLATE");
  const [first] = wrong;
  if (first === undefined) return packed;
  throw new AgentError("E_TEMPLATE", wrong.map(({ message }) => message).join("\n"), {
    cure: first.cure,
  });
}

/** Those that take bundles, and the outcome of those that run a local file. */
function split(met: readonly Met[]): readonly [readonly Met[], readonly Outcome[]] {
  const able: Met[] = [];
  const local: Outcome[] = [];
  for (const agent of met) {
    const { site } = agent.status;
    if (site?.source !== "file") {
      able.push(agent);
      continue;
    }
    const message = `it runs the file ${site.file ?? "that it was started with"}, so nothing can be pushed`;
    const cure = "Change that file on its host, or start it without --site.";
    local.push(failedOutcome(new AgentError("E_CONFIG", message, { cure }), named(agent)));
  }
  return [able, local];
}

async function validate(agent: Met, bundle: SealedBundle): Promise<Willing | Outcome> {
  try {
    const { octets } = bundle;
    const verdict = await agent.connection.use((a) => a.call("site.validate", { bundle: octets }));
    return { agent, changes: verdict.changes };
  } catch (error) {
    return failedOutcome(error, named(agent));
  }
}

function showChanges(steering: Steering, willing: readonly Willing[]): void {
  const { stdout, env } = steering.host;
  const all = willing.map(({ agent, changes }) => ({ agent: agent.name, changes }));
  const lines = changesLines(all, wantsColour(stdout.isTTY === true, env));
  print(steering, lines.length > 0 ? [...lines, ""] : []);
}

interface Decision {
  readonly willing: readonly Willing[];
  readonly refused: readonly Outcome[];
  readonly bundle: SealedBundle;
  readonly options: PushOptions;
}

/** Whether the bundle is put: asked once, where there is a terminal to ask on. */
async function mayGo(
  steering: Steering,
  { willing, refused, bundle, options }: Decision,
): Promise<boolean> {
  if (willing.length === 0 || options.dryRun) return false;
  if (refused.length > 0 && options.stopOnFailure) return false;
  if (options.yes || options.json) return true;
  const but = refused.length > 0 ? ` (${count(refused.length, "other")} cannot take it)` : "";
  const to = count(willing.length, "agent");
  return (await steering.ask(`Push serial ${bundle.serial} to ${to}${but}?`)) ?? true;
}

async function putAll(
  steering: Steering,
  willing: readonly Willing[],
  bundle: SealedBundle,
  options: PushOptions,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const progress = new ProgressLines(
    steering.host,
    willing.map(({ agent }) => agent.name),
  );
  let stopped = false;
  try {
    return await together(willing, options.stopOnFailure ? 1 : AT_ONCE, async (one) => {
      if (stopped || signal.aborted) return looked(one, bundle, "left");
      const say = (text: string): void => progress.say(one.agent.name, text);
      const outcome = await put(steering, one, { bundle, options, signal, say });
      say(outcome.result);
      stopped ||= options.stopOnFailure === true && anyFailed([outcome]);
      return outcome;
    });
  } finally {
    progress.close();
  }
}

interface Putting {
  readonly bundle: SealedBundle;
  readonly options: PushOptions;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

async function put(
  { clock }: Steering,
  one: Willing,
  { bundle, options, signal, say }: Putting,
): Promise<Outcome> {
  const { agent } = one;
  const { octets, serial, digest } = bundle;
  const probationS = options.probation ?? PROBATION_S.usual;
  try {
    say("applying");
    const apply = (a: AgentConnection): Promise<unknown> =>
      a.call("site.put", { bundle: octets, probationS });
    const end = await tryOut(agent.connection, apply, {
      ...{ serial, digest, before: agent.status, clock, signal, say },
      probationMs: probationS * 1000,
      keepDegraded: options.keepDegraded ?? false,
    });
    const reasons = end.result === "running" ? end.reasons : [end.reason];
    return { ...looked(one, bundle, end.result), ...(reasons.length > 0 ? { reasons } : {}) };
  } catch (error) {
    return { ...looked(one, bundle, "failed"), ...failedOutcome(error, named(agent)) };
  }
}

function looked(
  { agent, changes }: Willing,
  { serial }: SealedBundle,
  result: Outcome["result"],
): Outcome {
  return { ...named(agent), serial, result, changes };
}

function named({ name, fingerprint }: Met): Pick<Outcome, "agent" | "fingerprint"> {
  return { agent: name, fingerprint };
}

/** Prints what became of it, and sets the exit status. */
export function report(
  steering: Steering,
  outcomes: readonly Outcome[],
  { json }: SteerOptions,
): void {
  if (json) for (const outcome of outcomes) printJson(steering, outcomeJson(outcome));
  else print(steering, outcomeLines(outcomes));
  if (anyFailed(outcomes)) steering.host.setExitStatus(FAILED);
}
