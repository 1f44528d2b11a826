import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadSite } from "../../../agent/site/load.ts";
import { dhcpTargets, type Finding, findingsTable } from "../../bench/dhcp/findings.ts";
import { CLIENTS } from "../../bench/dhcp/perfdhcp.ts";
import { pilotlightSite } from "../../bench/dhcp/servers.ts";
import { percentile } from "../../bench/outcome.ts";
import { whatIsMissing } from "../../bench/programs.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "pilotlight-bench-test-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("the site of the bench", () => {
  it("is good, and has an address for each client but not one more", async () => {
    const file = join(dir, "site.yaml");
    writeFileSync(file, pilotlightSite());
    const site = await loadSite(file);
    expect(site.unknown).toHaveLength(1);
    const [rack] = site.network.subnets;
    const sizes = rack.pool.map(({ first, last }) => last - first + 1);
    expect(sizes).toEqual([CLIENTS]);
  });
});

describe("percentile", () => {
  it.each([
    [[5], 0.99, 5],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2],
    [Array.from({ length: 100 }, (_, i) => 100 - i), 0.99, 99],
    [Array.from({ length: 1_000 }, (_, i) => i + 1), 0.99, 990],
    [[1, 2], 0, 1],
  ])("is the nearest rank", (values, share, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });

  it("is unknown of nothing", () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe("whatIsMissing", () => {
  it("is content with what is there", () => {
    expect(whatIsMissing(["sh"])).toBeUndefined();
  });

  it("names each program once, and what to type", () => {
    const said = whatIsMissing(["no-such-program", "sh", "no-such-program"]) ?? "";
    expect(said).toContain("missing: no-such-program. ");
    expect(said).toMatch(/apt-get install .* no-such-program$/);
  });
});

describe("the targets", () => {
  const finding = (server: string, perSecond: number, p99 = 1, end = 100): Finding => {
    const delays = { average: 0.5, p50: 0.4, p99 };
    return {
      server,
      capacity: { perSecond, bound: "server", steps: [] },
      delays: { offer: { ...delays, p99: 0.9 }, ack: delays },
      memory: { ready: 50, start: 100, end, leased: 65_000, exchanges: 1 },
    };
  };
  const met = (...findings: readonly Finding[]): readonly boolean[] =>
    dhcpTargets(findings).map((t) => t.met);

  it("are measured by the faster of both Keas", () => {
    const peers = [finding("dnsmasq", 100), finding("kea", 800), finding("kea, 4 threads", 1_000)];
    expect(met(finding("pilotlight", 1_000), ...peers)).toEqual([true, true, true, true]);
    expect(met(finding("pilotlight", 999), ...peers)).toEqual([false, false, true, true]);
  });

  it("count the slower half of the exchange, and growth", () => {
    expect(met(finding("pilotlight", 1_000, 5, 111))).toEqual([false, false]);
    expect(met(finding("pilotlight", 1_000, 4.9, 109))).toEqual([true, true]);
  });

  it("are missed by a server that holds nothing", () => {
    const nothing = { ...finding("pilotlight", 0), delays: undefined, memory: undefined };
    expect(met(nothing, finding("kea", 1_000))).toEqual([false, false, false]);
  });

  it("are not there without ours", () => {
    expect(met(finding("kea", 1_000))).toEqual([]);
  });

  it("stand below a table with a line for each server", () => {
    const rows = findingsTable([finding("pilotlight", 1_000), finding("kea", 500)]).split("\n");
    expect(rows[2]).toMatch(/^pilotlight +1000 +1\.00 +0\.50 +0\.40 +0\.90 +0\.50 +0\.40 +1\.00 /);
    expect(rows[3]).toMatch(/^kea +500 +2\.00 /);
  });
});
