import { createHmac } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  type ClaimDesk,
  type ClaimRequest,
  openClaimDesk,
} from "../../../../agent/identity/claim-desk.ts";
import {
  claimedProof,
  claimProof,
  parseClaimCode,
} from "../../../../agent/identity/claim-proof.ts";
import { openTrust } from "../../../../agent/identity/open-trust.ts";
import type { Trust } from "../../../../agent/identity/trust.ts";
import { openDatabase } from "../../../../agent/state/database.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { AGENT, EVA, MALLORY } from "../../../support/operator-keys.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const NONCE = Buffer.alloc(16, 7);
const { fingerprint } = AGENT.publicKey;
let stateDir: string;
let trust: Trust;
let clock: FakeClock;
let shown: (string | undefined)[];
let desk: ClaimDesk;
beforeEach(async () => {
  stateDir = tempDir();
  const database = openDatabase({ dir: path.join(stateDir, "db") });
  onTestFinished(() => database.close());
  trust = openTrust(database, () => 0);
  clock = new FakeClock();
  shown = [];
  desk = await open();
});

function open(): Promise<ClaimDesk> {
  const changed = (code: string | undefined): void => void shown.push(code);
  return openClaimDesk({ stateDir, trust, fingerprint, clock, changed });
}

function codeFile(): string {
  return path.join(stateDir, "identity", "claim-code");
}

/** A claim by EVA with what somebody typed as the code. */
function claim(code: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const { octets } = EVA.publicKey;
  const facts = { fingerprint, nonce: NONCE, publicKey: octets };
  const proof = claimProof(parseClaimCode(code) ?? "", facts);
  return { publicKey: octets, name: "eva@laptop", nonce: NONCE, proof, ...change };
}

function wrongCode(): string {
  const right = desk.code ?? "";
  return `${right.startsWith("a") ? "b" : "a"}${right.slice(1)}`;
}

describe("ClaimDesk", () => {
  it("trusts who knows the code, and proves that it knows it too", async () => {
    const code = desk.code ?? "";
    expect(code).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
    const { proof, operator } = await desk.claim(claim(code));
    expect(operator).toMatchObject({
      name: "eva@laptop",
      key: EVA.publicKey,
      origin: { by: "claim" },
    });
    expect(trust.find(EVA.publicKey.fingerprint)).toEqual(operator);
    const expected = createHmac("sha256", code.replaceAll("-", ""))
      .update(
        Buffer.concat([
          Buffer.from("claimed"),
          NONCE,
          EVA.publicKey.octets,
          Buffer.from(fingerprint),
        ]),
      )
      .digest();
    expect(Buffer.from(proof)).toEqual(expected);
  });

  it("closes once claimed, for ever", async () => {
    const code = desk.code ?? "";
    await desk.claim(claim(code));
    expect(desk.code).toBeUndefined();
    expect(shown).toEqual([undefined]);
    await rejection("E_CLAIM", desk.claim(claim(code)));
    const again = await open();
    expect(again.code).toBeUndefined();
    await rejection("E_CLAIM", again.claim(claim(code)));
    expect(() => statSync(codeFile())).toThrow("ENOENT");
  });

  it("shows the same code after a restart, in a file that only the agent reads", async () => {
    const code = desk.code;
    expect((await open()).code).toBe(code);
    expect(readFileSync(codeFile(), "utf8")).toBe(`${code}\n`);
    expect(statSync(codeFile()).mode & 0o777).toBe(0o600);
    writeFileSync(codeFile(), "abcd-");
    expect((await open()).code).not.toBe(code);
  });

  it("takes a code in whatever way it was typed", async () => {
    const code = desk.code ?? "";
    await desk.claim(claim(` ${code.replaceAll("-", "").toUpperCase()}\n`));
    expect(trust.unclaimed).toBe(false);
  });

  it("refuses a proof about another key, agent or nonce", async () => {
    const code = desk.code ?? "";
    const facts = { fingerprint, nonce: NONCE, publicKey: EVA.publicKey.octets };
    const plain = parseClaimCode(code) ?? "";
    const wrong: Partial<ClaimRequest>[] = [
      { publicKey: MALLORY.publicKey.octets },
      { nonce: Buffer.alloc(16, 8) },
      { nonce: NONCE.subarray(0, 15) },
      { proof: claimProof(plain, { ...facts, fingerprint: EVA.publicKey.fingerprint }) },
      { proof: claimedProof(plain, facts) },
    ];
    for (const change of wrong) {
      await rejection("E_CLAIM", desk.claim(claim(code, change)));
      clock.advance(1_000);
    }
    expect(trust.unclaimed).toBe(true);
    await desk.claim(claim(code));
  });

  it("looks at one code a second after a wrong one, the right one too", async () => {
    const code = desk.code ?? "";
    await rejection("E_CLAIM", desk.claim(claim(wrongCode())));
    await rejection("E_BUSY", desk.claim(claim(code)));
    clock.advance(999);
    await rejection("E_BUSY", desk.claim(claim(code)));
    clock.advance(1);
    await desk.claim(claim(code));
  });

  it("has a new code after ten wrong ones, which a restart shows", async () => {
    const code = desk.code ?? "";
    for (let n = 1; n <= 10; n++) {
      expect(desk.code).toBe(code);
      await rejection("E_CLAIM", desk.claim(claim(wrongCode())));
      clock.advance(1_000);
    }
    const next = desk.code ?? "";
    expect(next).not.toBe(code);
    expect(shown).toEqual([next]);
    expect((await open()).code).toBe(next);
    await rejection("E_CLAIM", desk.claim(claim(code)));
    clock.advance(1_000);
    await desk.claim(claim(next));
  });

  it("does not count what cannot be a claim", async () => {
    const code = desk.code ?? "";
    const bad: readonly (readonly ["E_PROTOCOL" | "E_KEY", Partial<ClaimRequest>])[] = [
      ["E_PROTOCOL", { proof: new Uint8Array(0) }],
      ["E_PROTOCOL", { proof: new Uint8Array(33) }],
      ["E_PROTOCOL", { nonce: new Uint8Array(7) }],
      ["E_PROTOCOL", { nonce: new Uint8Array(65) }],
      ["E_PROTOCOL", { name: "" }],
      ["E_PROTOCOL", { name: "\u001b[2J" }],
      ["E_KEY", { publicKey: new Uint8Array(32) }],
      ["E_KEY", { publicKey: new Uint8Array(31) }],
    ];
    for (const [errorCode, change] of bad)
      await rejection(errorCode, desk.claim(claim(code, change)));
    await desk.claim(claim(code));
  });

  it("lets the first of two that know the code in", async () => {
    const code = desk.code ?? "";
    const results = await Promise.allSettled([desk.claim(claim(code)), desk.claim(claim(code))]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(trust.list()).toHaveLength(1);
  });

  it("closes when somebody was trusted by another way", async () => {
    const code = desk.code ?? "";
    await trust.add("max", MALLORY.publicKey, { by: "local" });
    expect(desk.code).toBeUndefined();
    await rejection("E_CLAIM", desk.claim(claim(code)));
    await desk.closeIfClaimed();
    expect(shown).toEqual([undefined]);
    expect(() => statSync(codeFile())).toThrow("ENOENT");
  });

  it("stays open when the operator could not be written down", async () => {
    const code = desk.code ?? "";
    const failing: Trust = {
      ...openable(trust),
      add: () => Promise.reject(new Error("disk")),
    };
    const weak = await openClaimDesk({ stateDir, trust: failing, fingerprint, clock });
    await expect(weak.claim(claim(code))).rejects.toThrow("disk");
    expect(weak.code).toBe(code);
    await desk.claim(claim(code));
  });
});

function openable(inner: Trust): Trust {
  return {
    list: () => inner.list(),
    find: (fp) => inner.find(fp),
    get unclaimed() {
      return inner.unclaimed;
    },
    add: (name, key, origin) => inner.add(name, key, origin),
    revoke: (fp) => inner.revoke(fp),
  };
}
