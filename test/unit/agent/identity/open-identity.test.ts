import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { type Certificate, makeCertificate } from "../../../../agent/identity/certificate.ts";
import type { PrivateKey } from "../../../../agent/identity/ed25519.ts";
import { openIdentity } from "../../../../agent/identity/open-identity.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { AGENT, EVA } from "../../../support/operator-keys.ts";
import { tempDir } from "../../../support/temp-dir.ts";

/** A state folder whose identity is AGENT, with its certificate or another's. */
let good: Certificate;
let others: Certificate;
beforeAll(async () => {
  [good, others] = await Promise.all([makeCertificate(AGENT), makeCertificate(EVA)]);
});

function state(files: Readonly<Record<string, string>> = {}): string {
  const dir = tempDir();
  mkdirSync(path.join(dir, "identity"));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path.join(dir, "identity", name), text);
  }
  return dir;
}

function modeOf(...parts: string[]): number {
  return statSync(path.join(...parts)).mode & 0o777;
}

describe("openIdentity", () => {
  it("makes one, which stays", async () => {
    const dir = tempDir();
    const first = await openIdentity(dir);
    const make = vi.fn(makeCertificate);
    const second = await openIdentity(dir, make);
    expect(second.key.publicKey).toEqual(first.key.publicKey);
    expect(second).toMatchObject({ certificate: first.certificate, privateKey: first.privateKey });
    expect(make).not.toHaveBeenCalled();
    expect(readdirSync(path.join(dir, "identity")).sort()).toEqual(["certificate.pem", "key.pem"]);
    expect(modeOf(dir, "identity")).toBe(0o700);
    expect(modeOf(dir, "identity", "key.pem")).toBe(0o600);
    expect((await openIdentity(tempDir(), make)).key.publicKey).not.toEqual(first.key.publicKey);
  });

  it("takes the key away from those who may not read it", async () => {
    const dir = state({ "key.pem": AGENT.toPem(), "certificate.pem": good.certificate });
    chmodSync(path.join(dir, "identity", "key.pem"), 0o644);
    expect((await openIdentity(dir)).key.publicKey).toEqual(AGENT.publicKey);
    expect(modeOf(dir, "identity", "key.pem")).toBe(0o600);
  });

  it.each([
    ["no certificate", (): string | undefined => undefined],
    ["half a certificate", () => good.certificate.slice(0, 200)],
    ["an empty one", () => ""],
    ["one of another key", () => others.certificate],
  ])("makes the certificate anew when there is %s", async (_, found) => {
    const text = found();
    const dir = state({
      "key.pem": AGENT.toPem(),
      ...(text === undefined ? {} : { "certificate.pem": text }),
    });
    const identity = await openIdentity(dir, async () => good);
    expect(identity.certificate).toBe(good.certificate);
    const kept = readFileSync(path.join(dir, "identity", "certificate.pem"), "utf8");
    expect(kept).toBe(good.certificate);
  });

  it("goes on after a cut between any two steps", async () => {
    const dir = state({
      "key.pem.draft-0011": EVA.toPem(),
      "certificate.pem.draft-0011": "-----BEGIN",
      "claim-code.draft-0011": "",
    });
    const made = await openIdentity(dir, async () => good);
    expect(made.key.publicKey).not.toEqual(EVA.publicKey);
    expect(readdirSync(path.join(dir, "identity")).sort()).toEqual(["certificate.pem", "key.pem"]);
    // The key was durable, and the power failed before there was a certificate.
    const failing = async (): Promise<Certificate> => {
      throw new Error("cut");
    };
    const second = tempDir();
    await rejection("E_STATE", openIdentity(second, failing));
    const key = readFileSync(path.join(second, "identity", "key.pem"), "utf8");
    expect((await openIdentity(second)).privateKey).toBe(key);
  });

  it.each([
    ["cut off", AGENT.toPem().slice(0, 70)],
    ["empty", ""],
    ["encrypted", AGENT.toPem("x")],
  ])(
    "puts a key aside that is %s, and is not silent about it until somebody decided",
    async (_, text) => {
      const dir = state({ "key.pem": text, "certificate.pem": good.certificate });
      const make = vi.fn(async (key: PrivateKey) => await makeCertificate(key));
      const aside = path.join(dir, "identity", "key.pem.damaged");
      for (let start = 0; start < 3; start++) {
        const error = await rejection("E_STATE", openIdentity(dir, make));
        expect(error.message).toContain(aside);
        expect(error.cure).toContain("backup");
      }
      expect(readFileSync(aside, "utf8")).toBe(text);
      expect(existsSync(path.join(dir, "identity", "key.pem"))).toBe(false);
      expect(make).not.toHaveBeenCalled();

      writeFileSync(path.join(dir, "identity", "key.pem"), AGENT.toPem());
      expect((await openIdentity(dir, make)).key.publicKey).toEqual(AGENT.publicKey);
      rmSync(path.join(dir, "identity", "key.pem"));
      rmSync(aside);
      expect((await openIdentity(dir, make)).key.publicKey).not.toEqual(AGENT.publicKey);
    },
  );

  it("keeps a second damaged key beside the first", async () => {
    const dir = state({ "key.pem": "one", "key.pem.damaged": "none" });
    await rejection("E_STATE", openIdentity(dir));
    expect(readdirSync(path.join(dir, "identity")).sort()).toEqual([
      "key.pem.damaged",
      "key.pem.damaged-2",
    ]);
  });

  it("says why when the folder cannot be used", async () => {
    const dir = state();
    const moved = path.join(dir, "away");
    renameSync(path.join(dir, "identity"), moved);
    writeFileSync(path.join(dir, "identity"), "a file");
    const error = await rejection("E_STATE", openIdentity(dir));
    expect(error.message).toContain(path.join(dir, "identity"));
  });

  it("gives both of two that begin at the same time the same key", async () => {
    const dir = tempDir();
    const both = await Promise.allSettled([openIdentity(dir), openIdentity(dir)]);
    const keys = both.map((one) => (one.status === "fulfilled" ? one.value.privateKey : undefined));
    const kept = readFileSync(path.join(dir, "identity", "key.pem"), "utf8");
    expect(keys.filter((key) => key !== undefined && key !== kept)).toEqual([]);
    expect(keys).toContain(kept);
  });
});
