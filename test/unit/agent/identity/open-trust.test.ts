import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { MAX_OPERATORS, openTrust } from "../../../../agent/identity/open-trust.ts";
import type { Trust } from "../../../../agent/identity/trust.ts";
import { type Database, openDatabase } from "../../../../agent/state/database.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { AGENT, EVA, MALLORY } from "../../../support/operator-keys.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
let dir: string;
let database: Database;
let trust: Trust;
beforeEach(() => {
  dir = tempDir();
  database = openDatabase({ dir });
  onTestFinished(() => database.close());
  trust = openTrust(database, () => NOW);
});

describe("openTrust", () => {
  it("is unclaimed until somebody is trusted, and never again", async () => {
    expect(trust.unclaimed).toBe(true);
    expect(trust.list()).toEqual([]);
    const operator = await trust.add("eva@laptop", EVA.publicKey, { by: "claim" });
    expect(operator).toEqual({
      name: "eva@laptop",
      key: EVA.publicKey,
      since: "2026-11-21T12:00:00.000Z",
      origin: { by: "claim" },
    });
    expect(trust.unclaimed).toBe(false);
    expect(trust.find(EVA.publicKey.fingerprint)).toEqual(operator);
    expect(trust.find(MALLORY.publicKey.fingerprint)).toBeUndefined();
    await database.close();
    database = openDatabase({ dir });
    expect(openTrust(database, () => 0).list()).toEqual([operator]);
  });

  it("lists them in the order in which they came, and renames who comes again", async () => {
    const origin = { by: "operator", fingerprint: EVA.publicKey.fingerprint } as const;
    await trust.add("one", MALLORY.publicKey, { by: "local" });
    await trust.add("two", EVA.publicKey, { by: "medium" });
    await trust.add("three", AGENT.publicKey, origin);
    await trust.add("first", MALLORY.publicKey, { by: "claim" });
    expect(trust.list().map(({ name, origin }) => [name, origin.by])).toEqual([
      ["first", "local"],
      ["two", "medium"],
      ["three", "operator"],
    ]);
    expect(trust.list()[2]?.origin).toEqual(origin);
  });

  it("rotates: the new key is added, then the old one revoked for ever", async () => {
    await trust.add("eva", EVA.publicKey, { by: "claim" });
    await trust.add("eva", AGENT.publicKey, {
      by: "operator",
      fingerprint: EVA.publicKey.fingerprint,
    });
    const gone = await trust.revoke(EVA.publicKey.fingerprint);
    expect(gone.revoked).toBe("2026-11-21T12:00:00.000Z");
    expect(trust.find(EVA.publicKey.fingerprint)).toBeUndefined();
    expect(trust.list()).toHaveLength(2);
    for (const by of ["medium", "local", "claim"] as const) {
      const error = await rejection("E_TRUST", trust.add("eva", EVA.publicKey, { by }));
      expect(error.message).toContain("was revoked on 2026-11-21");
    }
    expect(await trust.revoke(EVA.publicKey.fingerprint)).toEqual(gone);
    expect(trust.find(EVA.publicKey.fingerprint)).toBeUndefined();
  });

  it("keeps the last one, and knows whom it does not know", async () => {
    await rejection("E_TRUST", trust.revoke(EVA.publicKey.fingerprint));
    await trust.add("eva", EVA.publicKey, { by: "claim" });
    expect((await rejection("E_TRUST", trust.revoke(EVA.publicKey.fingerprint))).message).toContain(
      "last",
    );
    await trust.add("max", MALLORY.publicKey, { by: "local" });
    const both = await Promise.allSettled([
      trust.revoke(EVA.publicKey.fingerprint),
      trust.revoke(MALLORY.publicKey.fingerprint),
    ]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(trust.find(MALLORY.publicKey.fingerprint)?.name).toBe("max");
  });

  it("takes so many at a time and no more", async () => {
    const keys = Array.from({ length: MAX_OPERATORS + 1 }, () => generateKey().publicKey);
    const last = keys.pop();
    const first = keys[0];
    if (last === undefined || first === undefined) throw new Error("no keys");
    await Promise.all(keys.map((key, n) => trust.add(`operator ${n}`, key, { by: "local" })));
    await rejection("E_TRUST", trust.add("one more", last, { by: "local" }));
    await trust.add("renamed", first, { by: "local" });
    await trust.revoke(first.fingerprint);
    await trust.add("one more", last, { by: "local" });
    expect(trust.list().at(-1)?.name).toBe("one more");
  });

  it("refuses names that cannot be shown", async () => {
    for (const name of ["", " ", "x".repeat(65), "a\nb", "\u202e", " eva"]) {
      await rejection("E_TRUST", trust.add(name, EVA.publicKey, { by: "local" }));
    }
    expect(trust.unclaimed).toBe(true);
  });

  it("does not mind a clock that says nonsense", async () => {
    for (const now of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      const other = openTrust(database, () => now);
      await other.add("eva", generateKey().publicKey, { by: "local" });
    }
    expect(trust.list()).toHaveLength(3);
  });

  it("sees at once what somebody else has changed", async () => {
    const other = openDatabase({ dir });
    onTestFinished(() => other.close());
    await openTrust(other, () => NOW).add("eva", EVA.publicKey, { by: "local" });
    await openTrust(other, () => NOW).add("max", MALLORY.publicKey, { by: "local" });
    expect(trust.find(EVA.publicKey.fingerprint)?.name).toBe("eva");
    await openTrust(other, () => NOW).revoke(EVA.publicKey.fingerprint);
    expect(trust.find(EVA.publicKey.fingerprint)).toBeUndefined();
  });
});
