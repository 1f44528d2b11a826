import { once } from "node:events";
import { createWriteStream, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { CaptureStatus } from "../../control/messages.ts";
import { AgentError } from "../../errors.ts";
import { octetsText } from "../../log/timeline.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import { whyNot } from "../../state/folder.ts";
import { wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { barLine, LiveLines } from "../progress-bar.ts";
import { tableLines } from "../table.ts";
import { timeText } from "../words.ts";
import { agentAnd } from "./arguments-of.ts";
import { COLUMNS, type SteerContext, type SteerOptions, withAgent } from "./context.ts";

const TABLE = [
  { title: "ID" },
  { title: "BEGUN" },
  { title: "PACKETS", right: true },
  { title: "SIZE", right: true },
  { title: "STATE" },
  { title: "FILTER", least: 8 },
] as const;

export interface CaptureStartOptions extends SteerOptions {
  readonly filter?: string;
  readonly size?: string;
  readonly seconds?: string;
}

export interface CaptureGetOptions extends SteerOptions {
  readonly out?: string;
  readonly force?: true;
}

/** `pilotlight capture start`. */
export async function startCapture(
  context: SteerContext,
  target: string | undefined,
  options: CaptureStartOptions,
): Promise<void> {
  const { filter, size, seconds } = options;
  const args = {
    ...(filter === undefined ? {} : { filter }),
    ...(size === undefined ? {} : { maxOctets: octetsOf(size) }),
    ...(seconds === undefined ? {} : { maxS: secondsOf(seconds) }),
  };
  await withAgent(context, target, options, async (agent) => {
    const capture = await agent.call("capture.start", args);
    if (options.json) printJson(context, { agent: agent.name, ...capture });
    else {
      print(context, [
        `${agent.name} records on ${capture.interface}: ${capture.filter === "" ? "all packets" : capture.filter}`,
        `The recording is ${capture.id}: \`pilotlight capture stop\` ends it, \`capture get\` copies it.`,
      ]);
    }
  });
}

/** `pilotlight capture stop`: the one that is named, or the only one that runs. */
export async function stopCapture(
  context: SteerContext,
  first: string | undefined,
  second: string | undefined,
  options: SteerOptions,
): Promise<void> {
  const { target, id } = captureOf(first, second, options);
  await withAgent(context, target, options, async (agent) => {
    const stopped = await agent.call("capture.stop", {
      id: id ?? only(await running(agent), agent.name).id,
    });
    if (options.json) printJson(context, { agent: agent.name, ...stopped });
    else {
      const { packets, octets } = stopped;
      print(context, [
        `${agent.name}: recording ${stopped.id} ended with ${packets} packets, ${octetsText(octets)}.`,
      ]);
    }
  });
}

/** `pilotlight capture list`. */
export async function listCaptures(
  context: SteerContext,
  target: string | undefined,
  options: SteerOptions,
): Promise<void> {
  await withAgent(context, target, options, async (agent) => {
    const { captures } = await agent.get("capture.list", {});
    if (options.json) printJson(context, { agent: agent.name, captures });
    else if (captures.length === 0) print(context, [`${agent.name} has no recordings.`]);
    else {
      const rows = captures.map((c) => [
        c.id,
        timeText(Date.parse(c.startedAt) || 0),
        String(c.packets),
        octetsText(c.octets),
        c.running ? "running" : c.full ? "full" : "ended",
        c.filter === "" ? "-" : c.filter,
      ]);
      print(context, tableLines(TABLE, rows, COLUMNS));
    }
  });
}

/** `pilotlight capture get`: the file appears under its name when all of it is there. */
export async function fetchCapture(
  context: SteerContext,
  first: string | undefined,
  second: string | undefined,
  options: CaptureGetOptions,
): Promise<void> {
  const { target, id } = captureOf(first, second, options);
  await withAgent(context, target, options, async (agent) => {
    const { captures } = await agent.get("capture.list", {});
    const capture = id === undefined ? captures.at(-1) : captures.find((c) => c.id === id);
    if (!capture) {
      throw new AgentError(
        "E_NOT_FOUND",
        `${agent.name} has no recording${id === undefined ? "" : ` ${id}`}`,
        {
          cure: "`pilotlight capture list` shows those that it has.",
        },
      );
    }
    const {
      out = `${agent.name.replace(/[^\w.-]/g, "_")}-${capture.id.replace(/[^\w.-]/g, "_")}.pcap`,
    } = options;
    if (out === "-") {
      await copy(context, agent, capture, context.host.stdout);
      return;
    }
    if (!options.force && statSync(out, { throwIfNoEntry: false })) {
      throw new AgentError("E_USAGE", `${out} is there already`, {
        cure: "Name another file with --out, or add --force.",
      });
    }
    const octets = await copyToFile(context, agent, capture, out);
    if (options.json) printJson(context, { agent: agent.name, id: capture.id, file: out, octets });
    else print(context, [`${out}: ${octetsText(octets)}`]);
  });
}

async function copyToFile(
  context: SteerContext,
  agent: AgentConnection,
  capture: CaptureStatus,
  out: string,
): Promise<number> {
  const draft = `${out}.part`;
  try {
    const handle = await open(draft, "w", 0o600);
    const octets = await copy(
      context,
      agent,
      capture,
      createWriteStream("", { fd: handle, flush: true }),
    );
    await rename(draft, out);
    return octets;
  } catch (cause) {
    await rm(draft, { force: true });
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("E_USAGE", `cannot write ${out}: ${whyNot(out, cause)}`, { cause });
  }
}

async function copy(
  context: SteerContext,
  agent: AgentConnection,
  capture: CaptureStatus,
  to: Writable,
): Promise<number> {
  const { stderr, env, stdout } = context.host;
  const live = new LiveLines(stderr, wantsColour(stderr.isTTY === true, env));
  const stop = new AbortController();
  context.host.onStopSignal(() => stop.abort());
  let octets = 0;
  try {
    for await (const piece of agent.stream("capture.get", { id: capture.id }, stop.signal)) {
      octets += piece.length;
      if (!to.write(piece)) await once(to, "drain");
      const total = capture.running ? undefined : capture.octets;
      live.draw([{ text: barLine({ name: capture.id, octets, total }, live.width), style: "bar" }]);
    }
  } finally {
    live.close(true);
    if (to !== stdout) {
      to.end();
      await once(to, "close");
    }
  }
  if (stop.signal.aborted) {
    throw new AgentError("E_CAPTURE", "the recording was not copied as a whole: broken off", {
      cure: "Type the command again.",
    });
  }
  return octets;
}

async function running(agent: AgentConnection): Promise<readonly CaptureStatus[]> {
  const { captures } = await agent.get("capture.list", {});
  return captures.filter((capture) => capture.running);
}

function only(captures: readonly CaptureStatus[], agent: string): CaptureStatus {
  const [one, ...more] = captures;
  if (one && more.length === 0) return one;
  const ids = captures.map(({ id }) => id).join(", ");
  throw new AgentError(
    one ? "E_USAGE" : "E_NOT_FOUND",
    one ? `which one? These run on ${agent}: ${ids}` : `no recording runs on ${agent}`,
  );
}

/** "AGENT ID", AGENT alone, or, of the agent on this host, ID or nothing. */
function captureOf(
  first: string | undefined,
  second: string | undefined,
  options: SteerOptions,
): { readonly target: string | undefined; readonly id: string | undefined } {
  if (options.state === undefined) return { target: first, id: second };
  if (first === undefined || second !== undefined) {
    return first === undefined
      ? { target: undefined, id: undefined }
      : { target: agentAnd("recording", first, second, options).agent, id: second };
  }
  return { target: undefined, id: first };
}

/** "500k", "20M", "1000000". */
function octetsOf(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,12})([kMG]?)B?$/.exec(text) ?? [];
  const octets = Number(digits) * ({ k: 1e3, M: 1e6, G: 1e9 }[unit] ?? 1);
  if (octets > 0) return octets;
  throw new AgentError("E_USAGE", `"${text}" is no size`, { cure: "Give it as 500k or 20M." });
}

function secondsOf(text: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text);
  throw new AgentError("E_USAGE", `"${text}" is no number of seconds`);
}
