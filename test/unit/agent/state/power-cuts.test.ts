import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openBundle } from "../../../../agent/bundle/open-bundle.ts";
import { sealBundle } from "../../../../agent/bundle/seal-bundle.ts";
import { openTimeFloor } from "../../../../agent/bundle/time-floor.ts";
import { removeUnfinished, unpackBundle } from "../../../../agent/bundle/unpack-bundle.ts";
import { makeCertificate } from "../../../../agent/identity/certificate.ts";
import { openClaimDesk } from "../../../../agent/identity/claim-desk.ts";
import type { PrivateKey } from "../../../../agent/identity/ed25519.ts";
import { openIdentity } from "../../../../agent/identity/open-identity.ts";
import { openTrust } from "../../../../agent/identity/open-trust.ts";
import { openDatabase } from "../../../../agent/state/database.ts";
import { replaceFile } from "../../../../agent/state/replace-file.ts";
import { bundleOf } from "../../../support/bundles.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { AGENT, EVA } from "../../../support/operator-keys.ts";
import type { Power } from "../../../support/power.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const { power } = await vi.hoisted(async () => {
  const { Power } = await import("../../../support/power.ts");
  return { power: new Power() };
});
vi.mock("node:fs/promises", async (original) => {
  const { cuttable } = await import("../../../support/power.ts");
  return cuttable(await original(), power);
});

/** Runs `action` anew in a new folder, with the power failing at each of its changes, and then looks at what is left. */
async function atEveryChange(
  action: (dir: string) => Promise<unknown>,
  look: (dir: string, done: boolean) => Promise<void>,
): Promise<number> {
  for (let n = 1; ; n++) {
    const dir = tempDir();
    power.reset(n);
    const done = await action(dir).then(
      () => true,
      () => false,
    );
    const cut = power.failed;
    power.reset();
    await look(dir, done);
    if (!cut) return n - 1;
  }
}

describe("a power cut at every change of the disk", { timeout: 60_000 }, () => {
  it("of replaceFile leaves the old file or the new one", async () => {
    const cuts = await atEveryChange(
      async (dir) => {
        const left = power.left;
        power.reset();
        await replaceFile(path.join(dir, "f"), "old content", 0o600);
        power.reset(left);
        await replaceFile(path.join(dir, "f"), "new content", 0o600);
      },
      async (dir, done) => {
        const text = readFileSync(path.join(dir, "f"), "utf8");
        expect(["old content", "new content"]).toContain(text);
        if (done) expect(text).toBe("new content");
      },
    );
    expect(cuts).toBe(6);
  });

  it("of a first start leaves an identity or none, and the next start has one that stays", async () => {
    const made = new Map<string, Awaited<ReturnType<typeof makeCertificate>>>();
    const make = async (key: PrivateKey): ReturnType<typeof makeCertificate> => {
      // The same for one key; made by its process once, since that takes a while.
      const certificate = made.get(key.publicKey.fingerprint) ?? (await makeCertificate(key));
      made.set(key.publicKey.fingerprint, certificate);
      return certificate;
    };
    const cuts = await atEveryChange(
      async (dir) => await openIdentity(dir, make),
      async (dir) => {
        const file = path.join(dir, "identity", "key.pem");
        const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
        const { privateKey } = await openIdentity(dir, make);
        if (before !== undefined) expect(privateKey).toBe(before);
        expect((await openIdentity(dir, make)).privateKey).toBe(privateKey);
        const names = readdirSync(path.join(dir, "identity")).sort();
        expect(names).toEqual(["certificate.pem", "key.pem"]);
      },
    );
    expect(cuts).toBeGreaterThan(12);
  });

  it("of a claim desk's first start leaves a code or none", async () => {
    const open = async (dir: string): Promise<string | undefined> => {
      const database = openDatabase({ dir: path.join(dir, "db") });
      onTestFinished(() => database.close().catch(() => undefined));
      const trust = openTrust(database, () => 0);
      const { fingerprint } = AGENT.publicKey;
      const clock = new FakeClock();
      return (await openClaimDesk({ stateDir: dir, trust, fingerprint, clock })).code;
    };
    const shown = new Map<string, string | undefined>();
    const cuts = await atEveryChange(
      async (dir) => shown.set(dir, await open(dir)),
      async (dir, done) => {
        const code = await open(dir);
        expect(code).toMatch(/^[a-z2-7-]{19}$/);
        if (done) expect(code).toBe(shown.get(dir));
      },
    );
    expect(cuts).toBe(6);
  });

  it("of unpacking leaves the whole folder or none", async () => {
    const opened = openBundle(sealBundle(bundleOf(), EVA));
    const cuts = await atEveryChange(
      async (dir) => await unpackBundle(opened, path.join(dir, "7")),
      async (dir, done) => {
        const folder = path.join(dir, "7");
        expect(existsSync(folder) || !done).toBe(true);
        if (existsSync(folder)) expectWhole(folder);
        await removeUnfinished(dir);
        await unpackBundle(opened, folder);
        expectWhole(folder);
        expect(readdirSync(dir)).toEqual(["7"]);
      },
    );
    expect(cuts).toBeGreaterThan(12);
  });

  it("of unpacking where something else is leaves that, the whole folder or none", async () => {
    const opened = openBundle(sealBundle(bundleOf(), EVA));
    await atEveryChange(
      async (dir) => {
        const left = power.left;
        power.reset();
        await replaceFile(path.join(dir, "7"), "something else", 0o600);
        power.reset(left);
        await unpackBundle(opened, path.join(dir, "7"));
      },
      async (dir) => {
        await removeUnfinished(dir);
        await unpackBundle(opened, path.join(dir, "7"));
        expectWhole(path.join(dir, "7"));
        expect(readdirSync(dir)).toEqual(["7"]);
      },
    );
  });

  it("of the floor of time leaves the old or the new one", async () => {
    const madeMs = Date.UTC(2026, 10, 1);
    const laterMs = madeMs + 5 * 86_400_000;
    const open = (dir: string, wallMs: number): ReturnType<typeof openTimeFloor> =>
      openTimeFloor({ file: path.join(dir, "floor"), wallMs: () => wallMs, madeMs });
    await atEveryChange(
      async (dir) => await (await open(dir, laterMs)).observe(),
      async (dir, done) => {
        const { floorMs } = (await open(dir, 0)).look();
        expect(done ? [laterMs] : [madeMs, laterMs]).toContain(floorMs);
      },
    );
  });
});

describe("what is durable", { timeout: 60_000 }, () => {
  it("is on the disk before it gets its name, and the name before anybody hears of it", async () => {
    const opened = openBundle(sealBundle(bundleOf(), EVA));
    const dir = tempDir();
    power.reset();
    await unpackBundle(opened, path.join(dir, "7"));
    expect(synced(power)).toBe(true);
    power.reset();
    await replaceFile(path.join(dir, "f"), "content", 0o600);
    expect(synced(power)).toBe(true);
    power.reset();
    await openIdentity(dir);
    expect(synced(power)).toBe(true);
  });
});

function expectWhole(folder: string): void {
  for (const [name, octets] of bundleOf().files) {
    expect(readFileSync(path.join(folder, name))).toEqual(Buffer.from(octets));
  }
}

/** Whether all that was written was synced before anything got its name, and each name was followed by a sync of a folder. */
function synced({ changes }: Power): boolean {
  const unsynced = new Set<string>();
  let unnamed = false;
  for (const change of changes) {
    const [what = "", file = ""] = change.split(" ");
    if (what === "write") unsynced.add(file);
    if (what === "sync") {
      if (!unsynced.delete(file)) unnamed = false;
    }
    if (what === "rename" || what === "link") {
      if (unsynced.size > 0) return false;
      unnamed = true;
    }
  }
  return !unnamed && changes.some((change) => change.startsWith("rename"));
}
