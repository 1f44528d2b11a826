import { describe, expect, it } from "vitest";
import type { Bundle } from "../../../../agent/bundle/bundle.ts";
import { type Judgement, judgeBundle } from "../../../../agent/bundle/judge-bundle.ts";
import { openBundle } from "../../../../agent/bundle/open-bundle.ts";
import { sealBundle } from "../../../../agent/bundle/seal-bundle.ts";
import type { ProvenTime } from "../../../../agent/bundle/time-floor.ts";
import { shortFingerprint } from "../../../../agent/identity/fingerprint.ts";
import type { Operator } from "../../../../agent/identity/trust.ts";
import { codeOf } from "../../../support/agent-errors.ts";
import { bundleOf, NOON } from "../../../support/bundles.ts";
import { AGENT, EVA, MALLORY } from "../../../support/operator-keys.ts";

const HOUR = 3_600;
const OPERATOR: Operator = {
  name: "eva@laptop",
  key: EVA.publicKey,
  since: "2026-11-01T00:00:00.000Z",
  origin: { by: "claim" },
};

function trusting(...operators: readonly Operator[]): Judgement["trust"] {
  return {
    list: () => operators,
    find: (fp) => operators.find((o) => o.key.fingerprint === fp && o.revoked === undefined),
  };
}

function time(seconds: number, plausible = true, floorS = Math.min(seconds, NOON)): ProvenTime {
  return { wallMs: seconds * 1000, plausible, floorMs: floorS * 1000 };
}

const AGAINST: Judgement = {
  trust: trusting(OPERATOR),
  fingerprint: AGENT.publicKey.fingerprint,
  name: "rack7",
  highestSerial: 6,
  time: time(NOON),
};

function judge(
  change: Partial<Bundle> = {},
  against: Partial<Judgement> = {},
  key = EVA,
): Operator {
  const opened = openBundle(sealBundle(bundleOf(change), key));
  return judgeBundle(opened, { ...AGAINST, ...against });
}

function refusal(
  change: Partial<Bundle> = {},
  against: Partial<Judgement> = {},
  key = EVA,
): string {
  return codeOf("E_BUNDLE_REFUSED", () => judge(change, against, key)).message;
}

describe("judgeBundle: who signed it", () => {
  it("takes that of a trusted operator", () => {
    expect(judge()).toBe(OPERATOR);
  });

  it("refuses any other key, and says whose", () => {
    const text = refusal({}, {}, MALLORY);
    expect(text).toContain(shortFingerprint(MALLORY.publicKey.fingerprint));
    expect(text).toContain("does not trust");
  });

  it("refuses a key that was revoked, and says when", () => {
    const revoked = { ...OPERATOR, revoked: "2026-11-20T08:00:00.000Z" };
    const text = refusal({}, { trust: trusting(revoked) });
    expect(text).toContain("eva@laptop");
    expect(text).toContain("revoked on 2026-11-20");
  });
});

describe("judgeBundle: for whom it is", () => {
  it.each([
    ["any", { any: true }],
    ["the fingerprint", { agents: [MALLORY.publicKey.fingerprint, AGENT.publicKey.fingerprint] }],
    ["the name", { names: ["rack6", "rack7"] }],
    ["the name in another case", { names: ["Rack7"] }],
  ])("takes one for %s", (_, targets) => {
    expect(judge({ targets })).toBe(OPERATOR);
  });

  it("refuses one for others, and says for whom and who this is", () => {
    const names = Array.from({ length: 200 }, (_, n) => `other${n}`);
    for (const targets of [
      { agents: [EVA.publicKey.fingerprint] },
      { names },
      { any: false, names: ["rack77"] },
    ]) {
      const text = refusal({ targets });
      expect(text).toContain('"rack7"');
      expect(text).toContain(shortFingerprint(AGENT.publicKey.fingerprint));
      expect(text.length).toBeLessThan(300);
    }
    expect(refusal({ targets: { names } })).toContain("and 196 more");
  });
});

describe("judgeBundle: serial numbers", () => {
  it("takes a higher one only", () => {
    expect(judge({ serial: 7 })).toBe(OPERATOR);
    expect(refusal({ serial: 6 })).toContain("6, and 6 was accepted");
    expect(refusal({ serial: 5 })).toContain("5, and 6 was accepted");
    expect(judge({ serial: 1 }, { highestSerial: 0 })).toBe(OPERATOR);
  });
});

describe("judgeBundle: dates", () => {
  const notBefore = NOON + HOUR;
  const expires = NOON + 2 * HOUR;
  /** Clock, whether it can be right, floor; what comes of it. */
  const cases: readonly (readonly [string, ProvenTime, "taken" | "early" | "expired"])[] = [
    ["before", time(NOON), "early"],
    ["at the first second", time(notBefore), "taken"],
    ["within", time(expires - 1), "taken"],
    ["at the expiry", time(expires), "expired"],
    ["long after", time(expires + 1e6), "expired"],
    ["in 1970", time(0, false, NOON), "taken"],
    ["in 1970, when it is later than the expiry for certain", time(0, false, expires), "expired"],
    ["in 2099 by a clock that cannot be right", time(4.07e9, false, NOON), "taken"],
    ["no number", { wallMs: Number.NaN, plausible: false, floorMs: NOON * 1000 }, "taken"],
  ];

  it.each(cases)("%s", (_, when, expected) => {
    const change = { notBefore, expires };
    if (expected === "taken") {
      expect(judge(change, { time: when })).toBe(OPERATOR);
      return;
    }
    const text = refusal(change, { time: when });
    if (expected === "early") {
      expect(text).toContain("before 2026-11-21 13:00 UTC, and it is 2026-11-21 12:00 UTC");
    } else {
      expect(text).toContain("expired on 2026-11-21 14:00 UTC, and");
      expect(text.includes("at least")).toBe(!when.plausible);
    }
  });

  it("can say dates that no calendar has", () => {
    expect(refusal({ notBefore: Number.MAX_SAFE_INTEGER })).toContain("9007199254740991");
  });
});
