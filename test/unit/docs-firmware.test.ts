import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { patienceOf } from "../../agent/plan/patience.ts";
import { FAMILIES } from "../../agent/site/families.ts";

const PAGE = readFileSync(new URL("../../docs/firmware.md", import.meta.url), "utf8");

function words(ms: number): string {
  return Number.isFinite(ms) ? String(ms / 1_000) : "for ever";
}

describe("docs/firmware.md", () => {
  it("says of every family how long it is held", () => {
    const rows = [...PAGE.matchAll(/^\| `([\w-]+)` +\|(.+)\|$/gm)].map(([, family, rest = ""]) => [
      family,
      ...rest.split("|").map((cell) => cell.trim()),
    ]);
    expect(rows.sort()).toEqual(
      [...FAMILIES].sort().map((family) => {
        const { addressMs, addressFor, tftpMs, httpMs } = patienceOf(family);
        const waitsFor = addressFor === "all" ? "all" : "first file";
        return [family, words(addressMs), waitsFor, words(tftpMs), words(httpMs)];
      }),
    );
  });

  it("has a section for every family", () => {
    const headings = [...PAGE.matchAll(/^## .*$/gm)].map(([heading]) => heading).join("\n");
    for (const family of FAMILIES) expect(headings).toContain(`\`${family}\``);
  });
});
