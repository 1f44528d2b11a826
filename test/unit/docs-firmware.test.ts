import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { patienceOf } from "../../agent/plan/patience.ts";
import { FAMILIES } from "../../agent/site/families.ts";
import { captureNames } from "../golden/captures.ts";
import { askingCaptures } from "../golden/replay/dhcp-replay.ts";

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

  it("says in each section of a firmware how it is known, what it needs and which capture shows it", () => {
    const sections = PAGE.split(/^(?=## )/m).filter((section) => /^## .*`/.test(section));
    expect(sections.length).toBeGreaterThan(8);
    for (const section of sections) {
      const [heading = ""] = section.split("\n");
      for (const words of ["**Recognised**", "**Needs**:", "**Shown by**"]) {
        expect(section.includes(words), `${heading}: ${words}`).toBe(true);
      }
    }
  });

  it("names captures that are there, and each in which somebody asks for an address", async () => {
    const named = new Set([...PAGE.matchAll(/captures\/([\w-]+\.pcap)/g)].map((m) => m[1] ?? ""));
    expect(captureNames()).toEqual(expect.arrayContaining([...named]));
    expect([...named]).toEqual(expect.arrayContaining([...(await askingCaptures())]));
  });
});
