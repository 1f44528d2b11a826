import { describe, expect, it } from "vitest";
import { backOffMs, joinErrors } from "../../../../../agent/assets/fetch/back-off.ts";
import { AgentError, type ErrorCode } from "../../../../../agent/errors.ts";

const error = (code: ErrorCode, retryAfterMs?: number): AgentError =>
  Object.assign(new AgentError(code, code), retryAfterMs === undefined ? {} : { retryAfterMs });

describe("backOffMs", () => {
  it.each([
    ["E_STORE_UNREACHABLE", 1_000, 300_000],
    ["E_STORE_BROKEN", 1_000, 300_000],
    ["E_STORE_TLS", 1_000, 300_000],
    ["E_CLOCK", 1_000, 300_000],
    ["E_STORE_MISSING", 300_000, 3_600_000],
    ["E_STORE_REFUSED", 300_000, 3_600_000],
    ["E_CHECKSUMS", 300_000, 3_600_000],
    ["E_ASSET_DIGEST", 300_000, 3_600_000],
  ] as const)("of %s stays between %d and %d ms", (code, least, most) => {
    for (let tries = 1; tries < 2_000; tries = tries * 2 + 1) {
      expect(backOffMs(error(code), tries, 0)).toBe(least);
      expect(backOffMs(error(code), tries, 0.999_999)).toBeLessThanOrEqual(most);
    }
    expect(backOffMs(error(code), 50, 0.999_999)).toBeGreaterThan(most * 0.99);
  });

  it("doubles the room for chance with each attempt", () => {
    const waits = [1, 2, 3, 4].map((n) => backOffMs(error("E_STORE_UNREACHABLE"), n, 0.5));
    expect(waits).toEqual([1_500, 2_500, 4_500, 8_500]);
  });

  it("is as long as the store wants, within an hour", () => {
    expect(backOffMs(error("E_STORE_UNREACHABLE", 90_000), 1, 0)).toBe(90_000);
    expect(backOffMs(error("E_STORE_UNREACHABLE", 9e9), 1, 0)).toBe(3_600_000);
    expect(backOffMs(error("E_STORE_UNREACHABLE", -5), 1, 0)).toBe(1_000);
    expect(backOffMs(error("E_STORE_UNREACHABLE", Number.NaN), 1, 0)).toBe(1_000);
  });
});

describe("joinErrors", () => {
  it("leaves a single one as it is", () => {
    const only = error("E_STORE_MISSING");
    expect(joinErrors("a", [only])).toBe(only);
  });

  it("takes the code that may pass by itself, and tells all reasons once", () => {
    const joined = joinErrors("a", [
      error("E_STORE_MISSING"),
      error("E_STORE_UNREACHABLE"),
      error("E_STORE_MISSING"),
    ]);
    expect(joined).toMatchObject({
      code: "E_STORE_UNREACHABLE",
      message: "E_STORE_MISSING; E_STORE_UNREACHABLE",
    });
  });

  it("waits as long as all of them want, and no longer than the first of them does", () => {
    const busy = (ms: number): AgentError => error("E_STORE_UNREACHABLE", ms);
    const wait = (...errors: AgentError[]): number => backOffMs(joinErrors("a", errors), 1, 0);
    expect(wait(busy(60_000), busy(30_000))).toBe(30_000);
    expect(wait(busy(60_000), error("E_STORE_BROKEN"))).toBe(1_000);
  });

  it("says when there was nobody to ask", () => {
    expect(joinErrors("a", [])).toMatchObject({ code: "E_STORE_UNREACHABLE" });
  });
});
