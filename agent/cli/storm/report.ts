import { tableLines } from "../table.ts";
import { STORM_FAMILIES, type StormFamily } from "./mix.ts";
import type { MachineBoot } from "./storm.ts";

/** What must hold beside that all boot. Infinity: anything goes. */
export interface StormLimits {
  /** The slowest machine's time by the median. */
  readonly ratio: number;
  /** Resident memory of the agent at its most, octets. */
  readonly memory: number;
}

/** What was seen of the agent's process. */
export interface AgentFigures {
  /** Resident at most (VmHWM), octets. */
  readonly memory: number;
  /** Processor time, s. */
  readonly cpuS: number;
  /** By how much its event loop was late, s; null: it does not tell. */
  readonly lagP99S: number | null;
  readonly lagMaxS: number | null;
}

/** Boot times in seconds, of the machines that booted. */
export interface BootTimes {
  readonly machines: number;
  readonly booted: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** The slowest by the median. */
  readonly ratio: number;
  /** What firmware said once more because no answer came. */
  readonly retransmissions: number;
  /** Boots that were begun again. */
  readonly restarts: number;
  readonly octets: number;
}

/** The result of a storm, as `--json` prints it. */
export interface StormReport {
  readonly ok: boolean;
  /** What is broken, a sentence each. */
  readonly complaints: readonly string[];
  readonly seed: number;
  readonly all: BootTimes;
  readonly families: Readonly<Partial<Record<StormFamily, BootTimes>>>;
  /** From the first power on to the last boot, s. */
  readonly seconds: number;
  readonly framesLost: number;
  readonly framesReordered: number;
  /** Null where the agent is another host's. */
  readonly agent: AgentFigures | null;
  /** The commonest reasons for boots that were begun again. */
  readonly retries: readonly { readonly reason: string; readonly times: number }[];
  /** The first of those that did not boot. */
  readonly failures: readonly { readonly machine: string; readonly reason: string }[];
}

const MOST_FAILURES = 20;
const MOST_REASONS = 5;
const MIB = 1_000_000;

/** Sums up machines that have booted or failed. */
export function stormReport(
  machines: readonly MachineBoot[],
  input: {
    readonly seed: number;
    readonly faults: { readonly lost: number; readonly reordered: number };
    readonly agent: AgentFigures | null;
    readonly limits: StormLimits;
  },
): StormReport {
  const { seed, faults, agent, limits } = input;
  const all = timesOf(machines);
  const families = Object.fromEntries(
    STORM_FAMILIES.map((family) => [family, machines.filter((m) => m.family === family)] as const)
      .filter(([, some]) => some.length > 0)
      .map(([family, some]) => [family, timesOf(some)]),
  );
  const startMs = Math.min(...machines.map((m) => m.startMs));
  const endMs = Math.max(...machines.map((m) => m.endMs));
  const failed = machines.filter((m) => !m.booted);
  const complaints: string[] = [];
  if (failed.length > 0) complaints.push(`${failed.length} machines did not boot`);
  if (all.ratio > limits.ratio) {
    complaints.push(
      `the slowest machine took ${all.ratio.toFixed(1)} times the median, the limit is ${limits.ratio}`,
    );
  }
  if (agent && agent.memory > limits.memory) {
    complaints.push(
      `the agent took ${megabytes(agent.memory)}, the limit is ${megabytes(limits.memory)}`,
    );
  }
  return {
    ok: complaints.length === 0,
    complaints,
    seed,
    all,
    families,
    seconds: rounded((endMs - startMs) / 1_000),
    framesLost: faults.lost,
    framesReordered: faults.reordered,
    agent,
    retries: commonest(machines.flatMap((m) => m.retries)),
    failures: failed
      .slice(0, MOST_FAILURES)
      .map(({ name, reason }) => ({ machine: name, reason: reason || "it did not finish" })),
  };
}

function timesOf(machines: readonly MachineBoot[]): BootTimes {
  const booted = machines.filter((m) => m.booted);
  const times = booted.map((m) => (m.endMs - m.startMs) / 1_000).sort((a, b) => a - b);
  const sum = (of: (m: MachineBoot) => number): number => machines.reduce((n, m) => n + of(m), 0);
  const p50 = quantile(times, 0.5);
  const max = times.at(-1) ?? 0;
  return {
    machines: machines.length,
    booted: booted.length,
    p50: rounded(p50),
    p90: rounded(quantile(times, 0.9)),
    p99: rounded(quantile(times, 0.99)),
    max: rounded(max),
    ratio: p50 > 0 ? rounded(max / p50) : 0,
    retransmissions: sum((m) => m.repeats),
    restarts: sum((m) => m.retries.length),
    octets: sum((m) => m.octets),
  };
}

/** How often each was said, the commonest first. */
function commonest(reasons: readonly string[]): StormReport["retries"] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, times]) => ({ reason, times }))
    .sort((a, b) => b.times - a.times)
    .slice(0, MOST_REASONS);
}

/** The value that a share of them does not exceed (nearest rank); 0 of none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function rounded(n: number): number {
  return Math.round(n * 1_000) / 1_000;
}

function megabytes(octets: number): string {
  return `${(octets / MIB).toFixed(0)} MB`;
}

const COLUMNS = [
  { title: "FAMILY" },
  { title: "BOOTED", right: true },
  { title: "P50", right: true },
  { title: "P90", right: true },
  { title: "P99", right: true },
  { title: "MAX", right: true },
  { title: "MAX/P50", right: true },
  { title: "SENT AGAIN", right: true },
  { title: "BEGUN AGAIN", right: true },
  { title: "MB", right: true },
] as const;
const WIDTH = 120;

/** The report for people. */
export function reportLines(report: StormReport): readonly string[] {
  const { all, families, agent } = report;
  const row = (name: string, t: BootTimes): readonly string[] => [
    name,
    `${t.booted}/${t.machines}`,
    ...[t.p50, t.p90, t.p99, t.max].map((s) => `${s.toFixed(2)} s`),
    t.ratio.toFixed(2),
    String(t.retransmissions),
    String(t.restarts),
    (t.octets / MIB).toFixed(0),
  ];
  const rows = [
    ...Object.entries(families).map(([family, times]) => row(family, times)),
    row("all", all),
  ];
  const lines = [...tableLines(COLUMNS, rows, WIDTH), ""];
  const rate = report.seconds > 0 ? all.octets / MIB / report.seconds : 0;
  const bad =
    report.framesLost + report.framesReordered > 0
      ? `, ${report.framesLost} frames lost, ${report.framesReordered} reordered`
      : "";
  lines.push(
    `all over after ${report.seconds.toFixed(1)} s, ${rate.toFixed(1)} MB/s, seed ${report.seed}${bad}`,
  );
  if (agent) lines.push(agentLine(agent));
  for (const { reason, times } of report.retries)
    lines.push(`begun again ${times} times: ${reason}`);
  for (const { machine, reason } of report.failures) lines.push(`${machine} failed: ${reason}`);
  for (const complaint of report.complaints) lines.push(`not as it must be: ${complaint}`);
  return lines;
}

function agentLine({ memory, cpuS, lagP99S, lagMaxS }: AgentFigures): string {
  const ms = (s: number | null): string => (s === null ? "?" : (s * 1_000).toFixed(1));
  const lag = `event loop late by ${ms(lagP99S)} ms (p99), ${ms(lagMaxS)} ms (max)`;
  return `agent: ${megabytes(memory)} resident at most, ${cpuS.toFixed(1)} s of processor time, ${lag}`;
}
