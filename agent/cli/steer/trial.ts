import type { AgentStatus } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { readVerb } from "./read-verb.ts";

const EVERY_MS = 1_000;
/** So many answers in a row must be good before a site is confirmed. */
const GOOD_ANSWERS = 3;
/** An agent that went back by itself is given so long to be reached again, ms. */
const GRACE_MS = 15_000;

/** A bundle that an agent tries, and how it is watched meanwhile. */
export interface Trial {
  readonly serial: number;
  /** SHA-256 of the bundle, hex: another operator could push the same serial number. */
  readonly digest: string;
  /** Whether the agent has said that it serves it; else it may still be about to, since the connection broke. */
  readonly applied: boolean;
  readonly probationMs: number;
  /** The agent before: what was wrong with it then is not held against the new site. */
  readonly before: AgentStatus;
  /** Confirm also when something is wrong that was not before. */
  readonly keepDegraded: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told what is going on, for progress. */
  readonly say: (text: string) => void;
}

/** How a trial ended. */
export type TrialEnd =
  /** Confirmed. `reasons`: what is wrong with the agent all the same. */
  | { readonly result: "running"; readonly reasons: readonly string[] }
  /** The agent serves what it served before. */
  | { readonly result: "returned"; readonly reason: string }
  /** Nobody knows: it does not answer, or the operator left. Unconfirmed it goes back by itself. */
  | { readonly result: "lost"; readonly reason: string };

/** A connection that is made anew when it broke: a new site may have changed the agent's addresses. */
export class Reconnecting {
  private readonly connect: () => Promise<AgentConnection>;
  private connection: AgentConnection | undefined;

  constructor(connect: () => Promise<AgentConnection>, connection?: AgentConnection) {
    this.connect = connect;
    this.connection = connection;
  }

  /** Does something by a connection. Rejects with what it rejects with; the next use is by another connection then. */
  async use<T>(work: (agent: AgentConnection) => Promise<T>): Promise<T> {
    this.connection ??= await this.connect();
    try {
      return await work(this.connection);
    } catch (error) {
      if (isPassing(error)) this.close();
      throw error;
    }
  }

  close(): void {
    this.connection?.close();
    this.connection = undefined;
  }
}

/** Has an agent apply a bundle, and sees it through the probation. */
export async function tryOut(
  agent: Reconnecting,
  apply: (connection: AgentConnection) => Promise<unknown>,
  trial: Omit<Trial, "applied">,
): Promise<TrialEnd> {
  let applied = true;
  try {
    await agent.use(apply);
  } catch (error) {
    // A site that changes the agent's addresses may cost the connection before the answer.
    if (!(error instanceof AgentError) || error.code !== "E_UNREACHABLE") throw error;
    applied = false;
  }
  return seeThrough(agent, { ...trial, applied });
}

/** Watches an agent through a bundle's probation, and confirms the bundle when the agent has been well for some answers. */
async function seeThrough(agent: Reconnecting, trial: Trial): Promise<TrialEnd> {
  const { clock, signal, say } = trial;
  let deadlineMs = clock.now() + trial.probationMs + GRACE_MS;
  let good = 0;
  let wrong: readonly string[] = [];
  let unreached = "";
  let confirming = false;
  let refused = false;
  while (!signal.aborted) {
    try {
      const status = await agent.use((a) => readVerb(a, "status.get", {}));
      unreached = "";
      const { site } = status;
      if (site?.bundle?.digest === trial.digest) {
        if (site.probation?.serial !== trial.serial) {
          return { result: "running", reasons: status.reasons };
        }
        deadlineMs = clock.now() + site.probation.endsInMs + GRACE_MS;
        wrong = newReasons(trial.before, status);
        good = wrong.length === 0 || trial.keepDegraded ? good + 1 : 0;
        say(wrong[0] ?? `on probation, well for ${good} of ${GOOD_ANSWERS} answers`);
        if (good >= GOOD_ANSWERS) {
          confirming = true;
          await agent.use((a) => a.call("site.confirm", { serial: trial.serial }));
          return { result: "running", reasons: status.reasons };
        }
      } else {
        const end = await whyReturned(agent, trial, wrong);
        if (end) return end;
        say("not applied yet");
      }
    } catch (error) {
      if (!isPassing(error)) {
        // A confirmation is refused when the probation has just ended: the next answer tells how.
        if (refused || !confirming || !(error instanceof AgentError)) throw error;
        refused = true;
      }
      confirming = false;
      good = 0;
      unreached = error.message;
      say(`does not answer: ${unreached}`);
    }
    if (clock.now() >= deadlineMs) return { result: "lost", reason: lostReason(unreached) };
    await pause(clock, EVERY_MS, signal);
  }
  return { result: "lost", reason: "interrupted before it was confirmed: it goes back by itself" };
}

/** Resolves after so many milliseconds, or when the signal is aborted. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

/** Whether another try may succeed. */
function isPassing(error: unknown): error is AgentError {
  return error instanceof AgentError && (error.code === "E_UNREACHABLE" || error.code === "E_BUSY");
}

/** What is wrong with the agent that was not before. Numbers in a reason may differ. */
function newReasons(before: AgentStatus, now: AgentStatus): readonly string[] {
  if (now.state === "serving") return [];
  const known = new Set(before.reasons.map(withoutNumbers));
  const reasons = now.reasons.filter((reason) => !known.has(withoutNumbers(reason)));
  const same = now.state === before.state && now.reasons.length > 0;
  return reasons.length > 0 || same ? reasons : [`it is ${now.state}`];
}

function withoutNumbers(reason: string): string {
  return reason.replace(/\d+/g, "0");
}

/** The agent serves something else: by its history; undefined while it may still be applying the bundle. */
async function whyReturned(
  agent: Reconnecting,
  { digest, applied }: Trial,
  wrong: readonly string[],
): Promise<TrialEnd | undefined> {
  const { bundles } = await agent.use((a) => readVerb(a, "site.history", {}));
  const record = bundles.find((b) => b.digest === digest);
  if (record?.state !== "returned" && !applied) return undefined;
  const reason = record?.reason ?? "it says no reason";
  const why = wrong.length === 0 ? "" : `; it was not confirmed, since ${wrong.join("; ")}`;
  return { result: "returned", reason: `${reason}${why}` };
}

function lostReason(unreached: string): string {
  return unreached === ""
    ? "it was not applied"
    : `it does not answer any more (${unreached}); unconfirmed, it goes back by itself`;
}
