import type { AgentEvent } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import type { JournalEntry } from "../../log/journal.ts";
import { timelineLine } from "../../log/timeline.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { print, printJson } from "../print.ts";
import type { SteerContext, SteerOptions } from "./context.ts";
import { eachAgent, type Outcome, type Target, targetsOf, tellFailures } from "./many.ts";
import { plainData } from "./plain-data.ts";

const USUAL_LIMIT = 50;
const MOST = 100_000;

export interface EventsOptions extends SteerOptions {
  readonly follow?: true;
  readonly machine?: string;
  readonly limit?: string;
}

/** `pilotlight events`: the journals of agents, put together by time, and what happens from now on. */
export async function showEvents(
  context: SteerContext,
  names: readonly string[],
  options: EventsOptions,
): Promise<void> {
  const limit = limitOf(options.limit);
  const targets = await targetsOf(context, names, options);
  const tag = tagOf(targets);
  const outcomes = options.follow
    ? await follow(context, targets, limit, options, tag)
    : await past(context, targets, limit, options, tag);
  tellFailures(context, outcomes, options);
}

/** What stands in front of a line of an agent; nothing where there is but one. */
type Tag = (agent: string) => string;

async function past(
  context: SteerContext,
  targets: readonly Target[],
  limit: number,
  options: EventsOptions,
  tag: Tag,
): Promise<readonly Outcome<unknown>[]> {
  const outcomes = await eachAgent(targets, async (agent) => {
    const { entries } = await agent.get("journal.get", { ...machineOf(options), limit });
    return entries.map((entry) => ({ agent: agent.name, entry }));
  });
  const all = outcomes.flatMap((outcome) => ("value" in outcome ? outcome.value : []));
  all.sort((a, b) => (a.entry.time < b.entry.time ? -1 : a.entry.time > b.entry.time ? 1 : 0));
  for (const { agent, entry } of all)
    tell(context, agent, { type: "journal", entry }, options, tag);
  return outcomes;
}

async function follow(
  context: SteerContext,
  targets: readonly Target[],
  limit: number,
  options: EventsOptions,
  tag: Tag,
): Promise<readonly Outcome<unknown>[]> {
  const stop = new AbortController();
  context.host.onStopSignal(() => stop.abort());
  return await eachAgent(targets, async (agent) => {
    const seen = options.limit === undefined ? [] : await journal(agent, limit, options);
    for (const entry of seen) tell(context, agent.name, { type: "journal", entry }, options, tag);
    for await (const event of agent.stream("events.follow", machineOf(options), stop.signal)) {
      tell(context, agent.name, event, options, tag);
    }
  });
}

async function journal(
  agent: AgentConnection,
  limit: number,
  options: EventsOptions,
): Promise<readonly JournalEntry[]> {
  return (await agent.get("journal.get", { ...machineOf(options), limit })).entries;
}

function tell(
  context: SteerContext,
  agent: string,
  event: AgentEvent,
  { json }: EventsOptions,
  tag: Tag,
): void {
  if (json) {
    if (event.type !== "alive") printJson(context, plainData({ agent, ...event }));
    return;
  }
  const line = eventLine(event);
  if (line !== undefined) print(context, [`${tag(agent)}${line}`]);
}

/** An event as a line of the timeline; undefined for one that says nothing. */
export function eventLine(event: AgentEvent): string | undefined {
  switch (event.type) {
    case "journal":
      return timelineLine(event.entry);
    case "state":
      return own(event.time, [event.state, ...event.reasons].join(": "));
    case "site": {
      const { serial, site, operator, state, reason } = event.bundle;
      const why = reason === undefined ? "" : `: ${reason}`;
      return own(event.time, `bundle ${serial} of ${site} by ${operator}: ${state}${why}`);
    }
    case "missed":
      return own(event.time, `${event.events} events were left out: this connection is too slow`);
    case "alive":
      return undefined;
  }
}

function own(time: string, text: string): string {
  return `${time.slice(11, 23)} ${"agent".padEnd(12)} ${"agent".padEnd(10)} · ${text}`;
}

function tagOf(targets: readonly Target[]): Tag {
  if (targets.length < 2) return () => "";
  const width = Math.max(...targets.map(({ name }) => name.length));
  return (agent) => `${agent.padEnd(width)} `;
}

function machineOf({ machine }: EventsOptions): { readonly machine?: string } {
  return machine === undefined ? {} : { machine };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return USUAL_LIMIT;
  const n = Number(text);
  if (/^\d+$/.test(text) && n > 0 && n <= MOST) return n;
  throw new AgentError("E_USAGE", `--limit takes a number from 1 to ${MOST}, and not "${text}"`);
}
