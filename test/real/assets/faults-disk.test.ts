import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AgentError } from "../../../agent/errors.ts";
import { type Clock, systemClock } from "../../../agent/link/clock.ts";
import { MIB, noise, sha256 } from "../../support/filled-cache.ts";
import { Nginx } from "../../support/nginx.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { OpenSite } from "../support/open-site.ts";

/** A disk of `mib` MiB in memory, unmounted with the test. */
function disk(mib: number): { readonly dir: string; grow(mib: number): void } {
  const dir = tempDir();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "pilotlight-test", dir]);
  onTestFinished(() => {
    execFileSync("umount", [dir]);
  });
  return {
    dir,
    grow: (size) => {
      execFileSync("mount", ["-o", `remount,size=${size}m`, dir]);
    },
  };
}

function asset(nginx: Nginx, name: string, more = "refresh: never"): string {
  return `  ${name}: { url: "${nginx.origin}/${name}", ${more} }\n`;
}

describe("a full disk", () => {
  it("is foreseen and explained with numbers; nothing is lost, and it goes on when the disk grows", async () => {
    const { dir, grow } = disk(24);
    const [small, large] = [noise(6 * MIB, 1), noise(30 * MIB, 2)];
    const nginx = await Nginx.start({ files: { small, large } });
    const site = await OpenSite.open(asset(nginx, "small") + asset(nginx, "large"), { state: dir });
    const { error } = await site.when("large", (s) => s.error !== undefined);
    expect(error).toMatchObject({
      code: "E_CACHE_FULL",
      message: expect.stringMatching(
        /has no room: needs 30\.0 MiB, limit 8\.0 GiB, used 6\.0 MiB, .* the disk has 1\d\.\d MiB free/,
      ),
      cure: expect.stringContaining("Free space on the disk"),
    });
    // Not an octet of it was written, and nothing that was there is gone.
    expect(await site.assets.cache.usage()).toMatchObject({ partial: 0, used: small.length });
    await site.when("small", (s) => s.state === "served");
    expect(await site.served("small")).toBe(sha256(small));

    grow(64);
    // A machine that asks does not wait for the next attempt.
    site.slot("large").want();
    await site.when("large", (s) => s.state === "served");
    expect(await site.served("large")).toBe(sha256(large));
  });

  it("is foreseen a step ahead while an asset of unknown size comes, and costs nothing that is there", async () => {
    const { dir, grow } = disk(24);
    const [small, stream] = [noise(4 * MIB, 3), noise(32 * MIB, 4)];
    // What nginx might change on its way it announces no length of.
    const server = "location /stream { ssi on; ssi_types *; }";
    const nginx = await Nginx.start({ server, files: { small, stream } });
    const site = await OpenSite.open(asset(nginx, "small") + asset(nginx, "stream"), {
      state: dir,
    });
    const { error } = await site.when("stream", (s) => s.error !== undefined);
    expect(error).toMatchObject({
      code: "E_CACHE_FULL",
      message: expect.stringMatching(/has no room: needs .* the disk has .* free/),
    });
    const [begun] = site.notes.filter((n) => n.file === "stream" && n.outcome === "noted");
    expect(begun).toBeDefined();
    expect(begun).not.toHaveProperty("total");
    const { partial } = await site.assets.cache.usage();
    expect(partial).toBeGreaterThan(4 * MIB);
    expect(await site.served("small")).toBe(sha256(small));
    grow(96);
    site.slot("stream").want();
    await site.when("stream", (s) => s.state === "served");
    expect(await site.served("stream")).toBe(sha256(stream));
    expect(await site.assets.cache.usage()).toMatchObject({ partial: 0, blobs: 2 });
  });

  it("has room again when an asset leaves the site", async () => {
    const state = tempDir();
    const sections = "cache: { size: 16MiB }";
    const [old, young] = [noise(9 * MIB, 5), noise(10 * MIB, 6)];
    const nginx = await Nginx.start({ files: { old, young } });
    const first = await OpenSite.open(asset(nginx, "old") + asset(nginx, "young"), {
      state,
      sections,
    });
    const { error } = await first.when("young", (s) => s.error !== undefined);
    expect(error).toMatchObject({
      code: "E_CACHE_FULL",
      message: expect.stringContaining("needs 10.0 MiB, limit 16.0 MiB, used 9.0 MiB"),
      cure: expect.stringContaining("take assets out of it"),
    });
    await first.close();
    const second = await OpenSite.open(asset(nginx, "young"), { state, sections });
    await second.when("young", (s) => s.state === "served");
    expect(await second.served("young")).toBe(sha256(young));
  });

  it("costs neither what a machine needs nor the last good version", async () => {
    const sections = "cache: { size: 20MiB, versions: 3 }";
    // Of different lengths: nginx makes its ETag of length and second.
    const versions = [7, 8, 9].map((n) => noise(4 * MIB + n, n)) as [Buffer, Buffer, Buffer];
    const other = noise(9 * MIB, 10);
    const nginx = await Nginx.start({ files: { kernel: versions[0], other } });
    const kernel = asset(nginx, "kernel", "pin: always-newest, refresh: never");
    const site = await OpenSite.open(kernel, { sections });
    for (const [i, octets] of versions.entries()) {
      if (i > 0) {
        nginx.put("kernel", octets);
        site.refresh("kernel");
      }
      await site.when("kernel", (s) => s.digest === sha256(octets));
    }
    expect(await site.status("kernel")).toMatchObject({ versions: 3 });
    const { state } = site;
    await site.close();
    // 12 of 20 MiB are used: the oldest version has to go, and the one before the newest stays.
    const again = await OpenSite.open(kernel + asset(nginx, "other"), { state, sections });
    await again.when("other", (s) => s.state === "served");
    expect(await again.status("kernel")).toMatchObject({
      versions: 2,
      digest: sha256(versions[2]),
    });
    expect(again.notes.map((n) => n.event)).toContain("1 file dropped from the cache");
    expect(await again.served("kernel")).toBe(sha256(versions[2]));
    // Nothing but last good versions is left: another 9 MiB find no room, and cost nobody anything.
    nginx.put("more", noise(9 * MIB, 11));
    await again.close();
    const full = await OpenSite.open(kernel + asset(nginx, "other") + asset(nginx, "more"), {
      state,
      sections,
    });
    const { error } = await full.when("more", (s) => s.error !== undefined);
    expect(error?.code).toBe("E_CACHE_FULL");
    expect(await full.served("kernel")).toBe(sha256(versions[2]));
    expect(await full.served("other")).toBe(sha256(other));
  });
});

/** Real time, but rests of ten minutes and more are over at once. */
const IMPATIENT: Clock = {
  now: () => systemClock.now(),
  after: (ms, fn) => systemClock.after(ms >= 600_000 ? 10 : ms, fn),
};

/** Flips one bit of a blob on disk. */
function flip(site: OpenSite, digest: string, at: number): void {
  const file = openSync(join(site.state, "cache", "blobs", "sha256", digest), "r+");
  const octet = new Uint8Array(1);
  readSync(file, octet, 0, 1, at);
  octet[0] = (octet[0] ?? 0) ^ 0x10;
  writeSync(file, octet, 0, 1, at);
  closeSync(file);
}

describe("an octet that changes on disk", () => {
  it("is found by the scrubber and repaired from the store", async () => {
    const octets = noise(MIB, 12);
    const nginx = await Nginx.start({ files: { kernel: octets } });
    const state = tempDir();
    const before = await OpenSite.open(asset(nginx, "kernel"), { state });
    await before.when("kernel", (s) => s.state === "served");
    await before.close();
    flip(before, sha256(octets), 700_001);

    const site = await OpenSite.open(asset(nginx, "kernel"), { state, clock: IMPATIENT });
    await site.when("kernel", () =>
      site.said("kernel", "noted").some((t) => t.includes("sound again")),
    );
    expect(site.said("kernel", "noted")).toEqual([
      expect.stringContaining(`${sha256(octets)} is damaged on disk`),
      expect.stringContaining("fetching"),
      expect.stringContaining(`${sha256(octets)} is sound again`),
    ]);
    expect(await site.served("kernel")).toBe(sha256(octets));
    const blob = readFileSync(join(state, "cache", "blobs", "sha256", sha256(octets)));
    expect(sha256(blob)).toBe(sha256(octets));
  });

  it("is reported and never served while the store is gone, and repaired when it is back", async () => {
    const octets = noise(MIB, 13);
    const nginx = await Nginx.start({ files: { kernel: octets } });
    const state = tempDir();
    const before = await OpenSite.open(asset(nginx, "kernel"), { state });
    await before.when("kernel", (s) => s.state === "served");
    await before.close();
    flip(before, sha256(octets), 3);
    await nginx.kill();

    const site = await OpenSite.open(asset(nginx, "kernel"), { state, clock: IMPATIENT });
    const { state: phase, error } = await site.when("kernel", (s) => s.error !== undefined);
    expect(phase).toBe("failed");
    expect(error?.code).toBe("E_STORE_UNREACHABLE");
    expect(site.said("kernel", "noted")).toEqual([expect.stringContaining("is damaged on disk")]);
    expect(await site.served("kernel")).toBeUndefined();
    expect((await site.assets.keeper.status()).cache.quarantined).toBe(octets.length);

    await nginx.start();
    site.slot("kernel").want();
    await site.when("kernel", (s) => s.state === "served");
    expect(await site.served("kernel")).toBe(sha256(octets));
  });

  it("is found by the machine that reads it, which gets nothing wrong", async () => {
    const octets = noise(MIB, 14);
    const nginx = await Nginx.start({ files: { kernel: octets } });
    const state = tempDir();
    const before = await OpenSite.open(asset(nginx, "kernel"), { state });
    await before.when("kernel", (s) => s.state === "served");
    await before.close();
    flip(before, sha256(octets), 900_000);

    const site = await OpenSite.open(asset(nginx, "kernel"), { state });
    const refused: unknown = await site.served("kernel").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AgentError);
    expect(refused).toMatchObject({ code: "E_ASSET_DAMAGED" });
    await site.when("kernel", () =>
      site.said("kernel", "noted").some((t) => t.includes("sound again")),
    );
    expect(await site.served("kernel")).toBe(sha256(octets));
  });
});
