import { describe, expect, it } from "vitest";
import { editDistance, suggest } from "../../../../agent/site/suggest.ts";

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["mac", "mac", 0],
    ["mac", "", 3],
    ["", "mac", 3],
    ["profle", "profile", 1],
    ["porfile", "profile", 1],
    ["maac", "mac", 1],
    ["router", "ruoter", 1],
    ["dns", "dhcp", 3],
    ["uefi-x46", "uefi-x64", 1],
  ])("%j to %j is %i", (a, b, want) => {
    expect(editDistance(a, b)).toBe(want);
    expect(editDistance(b, a)).toBe(want);
  });
});

describe("suggest", () => {
  it.each([
    ["profle", ["mac", "ip", "profile"], "profile"],
    ["MAC", ["mac", "ip"], "mac"],
    ["pi", ["mac", "ip"], "ip"],
    ["netbds", ["netbsd", "netbsd-old", "openbsd"], "netbsd"],
    ["disk", ["mac", "ip", "profile"], undefined],
    ["x", [], undefined],
  ])("for %j of %j: %j", (word, candidates, want) => {
    expect(suggest(word, candidates)).toBe(want);
  });
});
