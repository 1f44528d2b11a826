import { describe, expect, it } from "vitest";
import {
  durationS,
  portArgument,
  probationArgument,
  serialArgument,
  timeArgument,
} from "../../../../../agent/cli/steer/arguments.ts";

const NOW_MS = Date.parse("2026-11-21T12:00:00Z");

describe("arguments", () => {
  it("durations", () => {
    expect(["90s", "5m", "12h", "30d", "2w", "1y"].map(durationS)).toEqual([
      90, 300, 43_200, 2_592_000, 1_209_600, 31_536_000,
    ]);
    expect(["", "0s", "h", "1", "1.5h", "-1h", "1 h", "1x"].map(durationS)).toEqual(
      Array(8).fill(undefined),
    );
  });

  it("times, from now and as dates", () => {
    const at = (text: string): number => timeArgument("--expires", text, NOW_MS) * 1000;
    expect(at("2h")).toBe(NOW_MS + 7_200_000);
    expect(at("2027-01-31T18:00Z")).toBe(Date.parse("2027-01-31T18:00:00Z"));
    expect(at("2027-01-31 18:00:30+02:00")).toBe(Date.parse("2027-01-31T16:00:30Z"));
    expect(at("2027-01-31")).toBe(new Date(2027, 0, 31).getTime());
    for (const text of ["2027-02-31T25:00", "2027", "tomorrow", "9999999y", "", "1969-01-01"]) {
      expect(() => at(text)).toThrow(/is no time/);
    }
  });

  it("numbers", () => {
    expect(serialArgument("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ["0", "-1", "1.5", "9007199254740992", "1e3", ""]) {
      expect(() => serialArgument(text)).toThrow(/is no serial number/);
    }
    expect([probationArgument("5"), probationArgument("600")]).toEqual([5, 600]);
    for (const text of ["4", "601", "30s", ""]) expect(() => probationArgument(text)).toThrow();
    expect([portArgument("0"), portArgument("65535")]).toEqual([0, 65_535]);
    for (const text of ["65536", "-1", "http", ""]) expect(() => portArgument(text)).toThrow();
  });
});
