import { describe, expect, it } from "vitest";
import type { AssetStatus } from "../../../../../agent/assets/fetch/status.ts";
import { outcomeOf } from "../../../../../agent/cli/cache/follow.ts";
import { rowLines } from "../../../../../agent/cli/cache/ls.ts";
import { assetName, siteLines } from "../../../../../agent/cli/cache/site-lines.ts";
import { statusCells } from "../../../../../agent/cli/cache/status-text.ts";
import { ageText, durationText, wrapped } from "../../../../../agent/cli/words.ts";
import { parseSite } from "../../../../../agent/site/load.ts";

const SINCE = Date.UTC(2026, 10, 21, 13, 0, 0);
const USAGE = {
  limit: 4e9,
  used: 1e9,
  evictable: 3e8,
  diskFree: 2e10,
  blobs: 12,
  quarantined: 0,
  partial: 12e6,
};

describe("words", () => {
  it.each([
    [0, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [7199, "119 min"],
    [7200, "2 h"],
    [172_799, "47 h"],
    [172_800, "2 d"],
  ])("%i seconds are %s", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it("does not count back when the clock went back", () => {
    expect(ageText(1_000, 0)).toBe("?");
  });

  it("breaks lines at blanks only, and keeps the indentation of the first", () => {
    expect(wrapped("  aa  bb cc dd", 8, 4)).toEqual(["  aa  bb", "    cc", "    dd"]);
    expect(wrapped("https://example.com/long", 8, 2)).toEqual(["https://example.com/long"]);
    expect(wrapped("", 8, 2)).toEqual([""]);
  });
});

describe("lines for the site", () => {
  it.each(["vmlinuz", "true", "1.0", "no", "a: b", "x/y z", "-", "ünï", "v1.11.6+b"])(
    "a file called %j becomes an asset that the site takes",
    (title) => {
      const lines = siteLines([
        {
          name: assetName(title),
          source: { oci: "registry.example.com/boot:v1", title },
          sha256: "a".repeat(64),
        },
      ]);
      const text = `site: x\nnetwork: { address: 10.0.0.1/24 }\n${lines.join("\n")}\n`;
      const { site, problems } = parseSite(text, "/site.yaml");
      expect(problems).toBeUndefined();
      expect([...(site?.assets.values() ?? [])]).toMatchObject([
        { name: assetName(title), sources: [{ pick: { by: "title", title } }] },
      ]);
    },
  );
});

describe("the table of assets", () => {
  it("says that something newer was refused or cannot be asked for", () => {
    const error = {
      code: "E_STORE_UNREACHABLE",
      message: "no route",
      cure: "Wait.",
      sinceMs: SINCE,
    };
    const row = {
      name: "vmlinuz",
      state: "served",
      digest: "ab".repeat(32),
      size: 6e6,
      fetchedMs: SINCE,
      versions: [],
      refused: {
        sourceDigest: "cd".repeat(32),
        sourceId: "x",
        why: "the site pins another one",
        sinceMs: SINCE,
        keptAs: "cdcd",
      },
      stale: error,
    } as const;
    const lines = rowLines([row], SINCE + 3 * 3_600_000, false, true);
    expect(lines).toEqual([
      "NAME     VERSION          SIZE  KEPT     AGE  STATE",
      "vmlinuz  abababababab  6.00 MB     0     3 h  served, newer refused, stale",
      "  refused since 2026-11-21 13:00:00 UTC: cdcdcdcdcdcd: the site pins another",
      "    one; kept as quarantine/cdcd",
      "  stale since 2026-11-21 13:00:00 UTC: E_STORE_UNREACHABLE: no route",
    ]);
  });
});

describe("the status", () => {
  const agent = (assets: readonly AssetStatus[], plausible = true) => ({
    agent: { pid: 7, version: "0.1.0", site: "rack7", siteFile: "/site.yaml" },
    booting: ["v100"],
    assets,
    cache: USAGE,
    clock: { nowMs: 0, plausible },
  });
  const text = (assets: readonly AssetStatus[], plausible = true): string =>
    statusCells(
      { stateDir: "/s", cache: USAGE, assets: assets.length, agent: agent(assets, plausible) },
      79,
    )
      .map((cell) => cell.text)
      .join("\n");

  it("shows what is fetched, what is wrong and since when, and no line is wider than asked", () => {
    const error = {
      code: "E_STORE_UNREACHABLE",
      message: "https://cdn.example.com did not answer within 10 s ".repeat(3).trim(),
      cure: "Check the uplink.",
      sinceMs: SINCE,
    };
    const progress = {
      phase: "fetching",
      from: "https://a",
      octets: 1e6,
      total: 4e6,
      rate: 5e5,
    } as const;
    const shown = text(
      [
        { name: "kernel", state: "waiting", versions: 0, progress },
        { name: "same-source", state: "waiting", versions: 0, progress },
        { name: "queued", state: "waiting", versions: 0 },
        { name: "gone", state: "failed", versions: 0, error, retryInMs: 32_000 },
        { name: "old", state: "served", digest: "ab".repeat(32), versions: 1, stale: error },
      ],
      false,
    );
    expect(shown).toContain("machines  booting: v100");
    expect(shown).toContain("━━━━━━──────────────────  1.00 GB of 4.00 GB");
    expect(shown).toMatch(
      /being fetched\n {2}kernel +━+─+ +1.00 MB\/4.00 MB +500 kB\/s\n {4}fetching/,
    );
    expect(shown).not.toContain("same-source ");
    expect(shown).toContain("waiting for their turn\n  queued");
    expect(shown).toMatch(/cannot be had\n {2}gone {2}E_STORE_UNREACHABLE/);
    expect(shown).toContain("tried again in 32 s");
    expect(shown).toMatch(/goes on being served\n {2}old {2}since 2026-11-21 13:00:00 UTC/);
    expect(shown).toContain("clock     says 1970-01-01 00:00:00 UTC: it is wrong");
    for (const line of shown.split("\n")) expect(line.length).toBeLessThanOrEqual(79);
  });

  it("counts what it does not name", () => {
    const many = Array.from({ length: 20 }, (_, i) => ({
      name: `asset-${i}`,
      state: "waiting" as const,
      versions: 0,
    }));
    expect(text(many)).toContain("and 8 others");
  });
});

describe("what is settled", () => {
  const error = (code: string) => ({ code, message: "", cure: "", sinceMs: SINCE });
  it.each([
    [{ state: "served" }, true],
    [{ state: "held" }, true],
    [{ state: "refused" }, false],
    [{ state: "waiting" }, undefined],
    [{ state: "failed", error: error("E_STORE_MISSING") }, false],
    [{ state: "failed", error: error("E_STORE_BROKEN") }, undefined],
    [{ state: "waiting", error: error("E_STORE_MISSING") }, undefined],
  ] as const)("%j: %s", (status, settled) => {
    const asset = { name: "x", versions: 0, ...status } as AssetStatus;
    expect(outcomeOf(asset, SINCE + 1_000)).toBe(settled);
  });

  it("gives a store that cannot be reached some seconds, and not more", () => {
    const asset = {
      name: "x",
      versions: 0,
      state: "failed",
      error: error("E_STORE_UNREACHABLE"),
    } as AssetStatus;
    expect(outcomeOf(asset, SINCE + 9_999)).toBeUndefined();
    expect(outcomeOf(asset, SINCE + 10_000)).toBe(false);
  });
});
