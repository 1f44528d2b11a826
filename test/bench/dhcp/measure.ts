import { median, percentile } from "../outcome.ts";
import { CLIENTS, dropShare, type Half, type LoadResult } from "./perfdhcp.ts";
import { RateSearch } from "./rate-search.ts";
import { type DhcpRig, MACS } from "./rig.ts";

/** A rate holds when fewer than this share of exchanges come to nothing. */
export const DROPS = 0.001;
/** What else a machine does costs answers now and then, so that one failure is none. */
const TRIES = 3;
/** With this many dropped another try would not be different. */
const HOPELESS = 0.1;
/** perfdhcp has not sent what it was told to when it falls short by more than this. */
const SENT_SHARE = 0.97;
const STEP_S = 3;
const WARM_UP_S = 2;
/** The most that a new server has addresses for: `WARM_UP_S` at half of the rate, then `STEP_S`. */
const MOST = Math.floor((CLIENTS - 1) / (WARM_UP_S / 2 + STEP_S) / 1_000) * 1_000;
const LIMITS = { start: 128, least: 4, most: MOST, factor: 1.06 } as const;

/** Delays are the medians of so many runs. */
const DELAY_ROUNDS = 3;
const DELAY_S = 5;

/** Every address is leased within this, or as many as there is time for, s. */
const FILL_S = 25;
const PASSES = 5;
const PASS_S = 8;
/** Of the exchanges of a pass so many are followed by a release: addresses come and go. */
const RELEASED = 0.25;

/** One run at one rate. */
export interface Step {
  readonly perSecond: number;
  readonly drops: number;
  readonly sentPerSecond: number;
  readonly verdict: "held" | "failed" | "perfdhcp sends no more";
}

/** The highest rate that a server holds. */
export interface Capacity {
  readonly perSecond: number;
  /** What was in the way of a higher one: the server, or what perfdhcp or the pool has to give. */
  readonly bound: "server" | "perfdhcp" | "pool";
  readonly steps: readonly Step[];
}

/** Milliseconds. */
export interface Delays {
  readonly average: number;
  readonly p50: number;
  readonly p99: number;
}

/** What half of an exchange takes. */
export interface ExchangeDelays {
  readonly offer: Delays;
  readonly ack: Delays;
}

/** Resident, MiB. */
export interface Memory {
  /** One lease was given. */
  readonly ready: number;
  /** The most during the first of `PASSES` runs at half of the highest rate, when all addresses were leased, or as many as there was time for. */
  readonly start: number;
  /** The most during the last of them. */
  readonly end: number;
  readonly leased: number;
  readonly exchanges: number;
}

type Say = (line: string) => void;

/** Finds what each server holds; one step each in turns. Each step begins with a server that has no leases. */
export async function capacities(
  rigs: readonly DhcpRig[],
  say: Say,
): Promise<Map<DhcpRig, Capacity>> {
  const searches = rigs.map((rig) => ({
    rig,
    search: new RateSearch(LIMITS),
    steps: [] as Step[],
  }));
  for (let found = true; found; ) {
    found = false;
    for (const { rig, search, steps } of searches) {
      const rate = search.next();
      if (rate === undefined) continue;
      found = true;
      const step = await tryAgain(rig, rate);
      steps.push(step);
      search.tell(rate, step.verdict === "held");
      const drops = `${(100 * step.drops).toFixed(2)} % dropped`;
      say(`${rig.server.name}: ${rate}/s ${step.verdict}, ${drops}`);
    }
  }
  return new Map(
    searches.map(({ rig, search, steps }) => {
      const perSecond = search.highest;
      return [rig, { perSecond, bound: boundOf(perSecond, steps), steps }];
    }),
  );
}

/** Measures delays at half of what each server holds, in turns. */
export async function delays(
  capacity: ReadonlyMap<DhcpRig, Capacity>,
): Promise<Map<DhcpRig, ExchangeDelays>> {
  const runs = new Map<DhcpRig, LoadResult[]>();
  for (let round = 0; round < DELAY_ROUNDS; round++) {
    for (const [rig, { perSecond }] of capacity) {
      if (perSecond === 0) continue;
      const run = await runFresh(rig, Math.ceil(perSecond / 2), DELAY_S, true);
      runs.set(rig, [...(runs.get(rig) ?? []), run]);
    }
  }
  return new Map(
    [...runs].map(([rig, of]) => [
      rig,
      { offer: delaysOf(of.map((r) => r.offer)), ack: delaysOf(of.map((r) => r.ack)) },
    ]),
  );
}

/**
 * Memory of one server that holds some rate: every address is leased at the highest rate it holds, then the same clients come
 * again and again at half of that, and some give their address back. What counts is the most in a pass: at a single instant it
 * depends on when garbage was collected last.
 */
export async function memory(rig: DhcpRig, { perSecond }: Capacity): Promise<Memory> {
  await rig.start();
  const ready = rig.residentMiB();
  const seconds = Math.min(FILL_S, Math.ceil(CLIENTS / perSecond));
  const firstMac = MACS.measured;
  const filled = await rig.load({ perSecond, seconds, firstMac });
  const leased = Math.min(CLIENTS, filled.ack.received);
  const half = Math.ceil(perSecond / 2);
  const releasesPerSecond = Math.floor(half * RELEASED);
  const load = { perSecond: half, seconds: PASS_S, firstMac, releasesPerSecond };
  let exchanges = 0;
  const peaks: number[] = [];
  for (let pass = 0; pass < PASSES; pass++) {
    const peak = await rig.peakMiB(async () => {
      exchanges += (await rig.load(load)).ack.received;
    });
    peaks.push(peak);
  }
  await rig.stop();
  return {
    ready,
    start: peaks[0] ?? Number.NaN,
    end: peaks.at(-1) ?? Number.NaN,
    leased,
    exchanges,
  };
}

/** The best of some tries. */
async function tryAgain(rig: DhcpRig, perSecond: number): Promise<Step> {
  let best = await tryOnce(rig, perSecond);
  for (let n = 1; n < TRIES && best.verdict !== "held" && best.drops < HOPELESS; n++) {
    const step = await tryOnce(rig, perSecond);
    if (step.verdict === "held" || step.drops < best.drops) best = step;
  }
  return best;
}

async function tryOnce(rig: DhcpRig, perSecond: number): Promise<Step> {
  const result = await runFresh(rig, perSecond, STEP_S, false);
  const drops = dropShare(result);
  const sentPerSecond = result.offer.sent / STEP_S;
  const sent = sentPerSecond >= SENT_SHARE * perSecond;
  const verdict = drops >= DROPS ? "failed" : sent ? "held" : "perfdhcp sends no more";
  return { perSecond, drops, sentPerSecond, verdict };
}

/** Starts the server without leases, warms it up with other clients at half of the rate, and measures it with new ones. */
async function runFresh(
  rig: DhcpRig,
  perSecond: number,
  seconds: number,
  withDelays: boolean,
): Promise<LoadResult> {
  await rig.start();
  const warmUp = { perSecond: Math.ceil(perSecond / 2), seconds: WARM_UP_S, firstMac: MACS.warmUp };
  await rig.load(warmUp);
  const run = { perSecond, seconds, firstMac: MACS.measured, delays: withDelays };
  const result = await rig.load(run);
  await rig.stop();
  return result;
}

function boundOf(perSecond: number, steps: readonly Step[]): Capacity["bound"] {
  if (perSecond >= MOST) return "pool";
  const above = steps.filter((s) => s.perSecond > perSecond);
  const lowest = above.sort((a, b) => a.perSecond - b.perSecond)[0];
  return lowest?.verdict === "perfdhcp sends no more" ? "perfdhcp" : "server";
}

function delaysOf(runs: readonly Half[]): Delays {
  return {
    average: median(runs.map((r) => r.averageMs)),
    p50: median(runs.map((r) => percentile(r.delaysMs, 0.5))),
    p99: median(runs.map((r) => percentile(r.delaysMs, 0.99))),
  };
}
