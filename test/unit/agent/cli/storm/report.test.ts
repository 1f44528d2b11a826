import { describe, expect, it } from "vitest";
import type { StormFamily } from "../../../../../agent/cli/storm/mix.ts";
import {
  quantile,
  reportLines,
  type StormLimits,
  stormReport,
} from "../../../../../agent/cli/storm/report.ts";
import type { MachineBoot } from "../../../../../agent/cli/storm/storm.ts";

const LIMITS: StormLimits = { ratio: 3, memory: 150_000_000 };
const AGENT = { memory: 100_000_000, cpuS: 2.5, lagP99S: 0.012, lagMaxS: null };
const NO_FAULTS = { lost: 0, reordered: 0 };

function machine(
  family: StormFamily,
  seconds: number,
  more: Partial<MachineBoot> = {},
): MachineBoot {
  return {
    name: `${family}1`,
    family,
    mac: new Uint8Array(6),
    address: 0,
    startMs: 1_000,
    endMs: 1_000 + seconds * 1_000,
    booted: true,
    reason: "",
    octets: 1_000_000,
    repeats: 0,
    retries: [],
    ...more,
  };
}

function report(machines: readonly MachineBoot[], limits = LIMITS, agent = AGENT) {
  return stormReport(machines, { seed: 1, faults: NO_FAULTS, agent, limits });
}

describe("the report of a storm", () => {
  it("has quantiles by nearest rank", () => {
    const times = Array.from({ length: 100 }, (_, i) => i + 1);
    expect([0.5, 0.9, 0.99, 1].map((share) => quantile(times, share))).toEqual([50, 90, 99, 100]);
    expect([quantile([7], 0.5), quantile([7], 0.99), quantile([], 0.5)]).toEqual([7, 7, 0]);
  });

  it("is good when all booted within the limits", () => {
    const result = report([
      machine("sun", 2, { repeats: 3 }),
      machine("pxe", 4, { repeats: 1, retries: ["tftp: no answer"] }),
    ]);
    expect(result).toMatchObject({ ok: true, complaints: [], seconds: 4 });
    expect(result.all).toMatchObject({ machines: 2, booted: 2, retransmissions: 4, restarts: 1 });
    expect(result.all).toMatchObject({ p50: 2, max: 4, ratio: 2, octets: 2_000_000 });
    expect(result.families.sun).toMatchObject({ machines: 1, p50: 2, retransmissions: 3 });
    expect(result.families).not.toHaveProperty("uefi");
  });

  it("complains of machines that did not boot, and says why", () => {
    const result = report([
      machine("sun", 1),
      machine("rpi", 9, { booted: false, reason: "tftp: x" }),
    ]);
    expect(result.ok).toBe(false);
    expect(result.complaints).toEqual(["1 machines did not boot"]);
    expect(result.failures).toEqual([{ machine: "rpi1", reason: "tftp: x" }]);
    expect(reportLines(result)).toContain("rpi1 failed: tftp: x");
  });

  it("tells the commonest reasons for which boots were begun again", () => {
    const result = report([
      machine("pxe", 1, { retries: ["http: b", "tftp: a"] }),
      machine("uefi", 1, { retries: ["http: b"] }),
    ]);
    expect(result.retries).toEqual([
      { reason: "http: b", times: 2 },
      { reason: "tftp: a", times: 1 },
    ]);
    expect(reportLines(result)).toContain("begun again 2 times: http: b");
  });

  it("complains when one machine starved", () => {
    const slow = [1, 1, 1, 3.1].map((s) => machine("pxe", s));
    expect(report(slow).complaints).toEqual([
      "the slowest machine took 3.1 times the median, the limit is 3",
    ]);
    expect(report(slow, { ...LIMITS, ratio: Number.POSITIVE_INFINITY }).ok).toBe(true);
  });

  it("complains when the agent is too large", () => {
    const result = report([machine("sun", 1)], LIMITS, { ...AGENT, memory: 151_000_000 });
    expect(result.complaints).toEqual(["the agent took 151 MB, the limit is 150 MB"]);
  });

  it("shows a line for each kind and one for all", () => {
    const lines = reportLines(report([machine("sun", 2), machine("pxe", 4)]));
    expect(lines.filter((line) => /^(sun|pxe|all) +\d\/\d/.test(line))).toHaveLength(3);
    expect(lines.at(-1)).toBe(
      "agent: 100 MB resident at most, 2.5 s of processor time, event loop late by 12.0 ms (p99), ? ms (max)",
    );
  });
});
