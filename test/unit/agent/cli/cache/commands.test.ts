import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { openDiskCache } from "../../../../../agent/assets/cache/disk-cache.ts";
import type { AssetRecord } from "../../../../../agent/assets/cache/records.ts";
import { parseSite } from "../../../../../agent/site/load.ts";
import type { CommandRun } from "../../../../support/command-run.ts";
import { noise } from "../../../../support/filled-cache.ts";
import { sha256 } from "../../../../support/memory-cache.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { jsonLines, runCache } from "./run.ts";

const OLD = noise(300_000, 1);
const NEW = noise(310_000, 2);
const INITRD = noise(70_000, 3);
const old = sha256(OLD);
const newer = sha256(NEW);
const initrd = sha256(INITRD);

let dir: string;
let state: string;

const cache = (...args: string[]): Promise<CommandRun> => runCache([...args, "--state", state]);

beforeEach(() => {
  dir = tempDir({
    old: OLD,
    new: NEW,
    initrd: INITRD,
    "site.yaml": `site: rack7
network: { address: 172.24.42.150/24 }
assets:
  vmlinuz: { file: old }
  initrd: { file: initrd }
  gone: { file: nowhere }
`,
  });
  state = path.join(dir, "state");
});

/** vmlinuz in two versions, of which the older one is served, and initrd. */
async function fill(): Promise<void> {
  for (const [file, name] of [
    ["old", "vmlinuz"],
    ["new", "vmlinuz"],
    ["initrd", "initrd"],
  ] as const) {
    const run = await cache("add", path.join(dir, file), "--name", name, "--json");
    expect([run.status, run.stderr]).toEqual([0, ""]);
  }
}

async function record(name: string): Promise<AssetRecord | undefined> {
  const opened = await openDiskCache({ stateDir: state, limit: 1e9 });
  try {
    return opened.asset(name);
  } finally {
    await opened.close();
  }
}

function damage(digest: string): void {
  const file = path.join(state, "cache", "blobs", "sha256", digest);
  const octets = readFileSync(file);
  octets[60_000] = (octets[60_000] ?? 0) ^ 1;
  writeFileSync(file, octets);
}

describe("cache add", () => {
  it("puts a file into the cache, serves it where nothing was before, and says what to write", async () => {
    const run = await cache("add", path.join(dir, "old"), "--name", "vmlinuz");
    expect(run.status).toBe(0);
    expect(run.stdout).toContain(`vmlinuz: 300 kB, sha256 ${old}`);
    expect(await record("vmlinuz")).toMatchObject({
      current: old,
      firstSourceDigest: old,
      versions: [{ digest: old, size: 300_000, fileName: "old" }],
    });
    const lines = run.stdout.slice(run.stdout.indexOf("assets:"));
    const site = `site: x\nnetwork: { address: 10.0.0.1/24 }\n${lines}`;
    expect(parseSite(site, "/site.yaml").site?.assets.get("vmlinuz")).toMatchObject({
      sha256: old,
      sources: [{ kind: "file", file: path.join(dir, "old") }],
    });
  });

  it("does not put another version in the place of what is served, and says how to", async () => {
    await fill();
    expect(await record("vmlinuz")).toMatchObject({
      current: old,
      versions: [{ digest: newer }, { digest: old }],
    });
    const run = await cache("add", path.join(dir, "new"), "--name", "vmlinuz");
    expect(run.stdout).toContain(`pilotlight cache pin vmlinuz ${newer.slice(0, 12)}`);
    expect((await record("vmlinuz"))?.versions).toHaveLength(2);
  });

  it.each([
    ["nowhere", "x", "E_ASSET_MISSING", 1],
    [".", "x", "E_ASSET_READ", 1],
    ["old", "a b", "E_USAGE", 2],
    ["old", "../x", "E_USAGE", 2],
  ])("refuses %s as %s", async (file, name, code, status) => {
    const run = await cache("add", path.join(dir, file), "--name", name);
    expect(run).toMatchObject({ status, error: { code } });
    expect(existsSync(path.join(state, "db")) && (await record(name))).toBeFalsy();
  });
});

describe("cache ls", () => {
  it("shows each asset on a line of at most 80 columns", async () => {
    await fill();
    const run = await cache("ls");
    const lines = run.stdout.trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^NAME +VERSION +SIZE +KEPT +AGE +STATE$/),
      expect.stringMatching(
        new RegExp(`^initrd +${initrd.slice(0, 12)} +70.0 kB +1 +\\d s +served$`),
      ),
      expect.stringMatching(new RegExp(`^vmlinuz +${old.slice(0, 12)} +300 kB +2 +\\d s +served$`)),
    ]);
    expect(Math.max(...lines.map((l) => l.length))).toBeLessThanOrEqual(80);
  });

  it("shows the versions of what is named, and as JSON all that is known", async () => {
    await fill();
    expect((await cache("ls", "vmlinuz")).stdout).toMatch(
      new RegExp(`  ${newer.slice(0, 12)} .*UTC\n  ${old.slice(0, 12)} .*UTC  served\n`),
    );
    expect(jsonLines(await cache("ls", "--json"))).toMatchObject([
      { name: "initrd", state: "served", digest: initrd },
      { name: "vmlinuz", versions: [{ digest: newer, served: false }, { served: true }] },
    ]);
  });

  it("says which name may be meant", async () => {
    await fill();
    expect(await cache("ls", "vmlinux")).toMatchObject({
      status: 2,
      error: { code: "E_USAGE", cure: expect.stringContaining('Did you mean "vmlinuz"?') },
    });
  });

  it("does not make a cache where there is none", async () => {
    expect(await cache("ls")).toMatchObject({ status: 1, error: { code: "E_CACHE" } });
    expect(existsSync(state)).toBe(false);
  });
});

describe("cache pin and rollback", () => {
  it("holds a version, goes back to the one before, and lets go", async () => {
    await fill();
    const pinned = await cache("pin", "vmlinuz", newer.slice(0, 8));
    expect(pinned.stdout).toContain(
      `${newer.slice(0, 12)} is served when the agent starts, and held`,
    );
    expect(await record("vmlinuz")).toMatchObject({ held: newer, current: newer });
    expect((await cache("ls")).stdout).toMatch(/vmlinuz .* held$/m);

    const back = await cache("rollback", "vmlinuz");
    expect(back.stdout).toContain("pilotlight cache pin vmlinuz --release");
    expect(await record("vmlinuz")).toMatchObject({ held: old, current: old });
    expect(await cache("rollback", "vmlinuz")).toMatchObject({
      status: 2,
      error: { message: expect.stringContaining("no version before") },
    });
    await cache("rollback", "vmlinuz", "--to", `sha256:${newer}`);
    expect(await record("vmlinuz")).toMatchObject({ held: newer });

    expect(jsonLines(await cache("pin", "vmlinuz", "--release", "--json"))).toEqual([
      { name: "vmlinuz", released: newer },
    ]);
    expect(await record("vmlinuz")).not.toHaveProperty("held");
    expect((await cache("pin", "vmlinuz", "--release")).stdout).toContain("no version was held");
  });

  it("holds what is served when no version is given", async () => {
    await fill();
    await cache("pin", "vmlinuz");
    expect(await record("vmlinuz")).toMatchObject({ held: old, current: old });
  });

  it.each([
    [["pin", "vmlinuz", "00"], "not the beginning of a digest"],
    [["pin", "vmlinuz", "xyzzy"], "not the beginning of a digest"],
    [["pin", "vmlinuz", "00000000"], "no version that begins with 00000000"],
    [["pin", "vmlinuz", "0000", "--release"], "--release takes no digest"],
    [["rollback", "initrd"], "no version before"],
    [["rollback", "nothing"], 'no asset "nothing"'],
  ])("%j is used wrongly", async (args, words) => {
    await fill();
    expect(await cache(...args)).toMatchObject({
      status: 2,
      error: { message: expect.stringContaining(words) },
    });
  });

  it("does not go back to a version whose octets are gone", async () => {
    await fill();
    await cache("pin", "vmlinuz", newer);
    damage(old);
    await cache("verify");
    expect((await cache("rollback", "vmlinuz")).status).toBe(2);
    expect(await cache("pin", "vmlinuz", old)).toMatchObject({
      status: 1,
      error: { code: "E_ASSET_DAMAGED" },
    });
    expect(await record("vmlinuz")).toMatchObject({ held: newer });
  });
});

describe("cache verify", () => {
  it("finds one wrong bit, names the asset, and takes the blob out", async () => {
    await fill();
    expect(await cache("verify")).toMatchObject({
      status: 0,
      stdout: "3 blobs read, 680 kB: all sound\n",
    });
    damage(initrd);
    expect((await cache("verify", "vmlinuz")).status).toBe(0);
    const run = await cache("verify", "--json");
    expect(run.status).toBe(1);
    expect(jsonLines(run)).toMatchObject([
      { checked: 3, findings: [{ digest: initrd, names: ["initrd"], state: "damaged" }] },
    ]);
    expect(readdirSync(path.join(state, "cache", "blobs", "sha256"))).not.toContain(initrd);
    expect(readdirSync(path.join(state, "cache", "quarantine")).join()).toContain(
      initrd.slice(0, 16),
    );
    expect((await cache("ls", "initrd")).stdout).toContain("lost");
    const again = await cache("verify");
    expect([again.status, again.stdout]).toEqual([
      1,
      expect.stringContaining(`initrd: ${initrd.slice(0, 12)} is not there`),
    ]);
  });
});

describe("cache prefetch without an agent", () => {
  it("wants a site, fetches what it can, and fails for what it cannot", async () => {
    expect(await cache("prefetch")).toMatchObject({
      status: 2,
      error: { cure: expect.stringContaining("--site FILE") },
    });
    const run = await cache("prefetch", "--site", path.join(dir, "site.yaml"), "--json");
    expect(run.status).toBe(1);
    expect(
      [...jsonLines(run)].sort(({ name: a }, { name: b }) => (String(a) < String(b) ? -1 : 1)),
    ).toMatchObject([
      { name: "gone", done: false, error: { code: "E_ASSET_MISSING" } },
      { name: "initrd", done: true, digest: initrd },
      { name: "vmlinuz", done: true, digest: old },
    ]);
    expect(await record("vmlinuz")).toMatchObject({ current: old });
    const rest = await cache(
      "prefetch",
      "--site",
      path.join(dir, "site.yaml"),
      "vmlinuz",
      "initrd",
    );
    expect([rest.status, rest.stderr]).toEqual([0, ""]);
    expect(rest.stdout).toContain(`vmlinuz: 300 kB, ${old.slice(0, 12)}\n`);
    expect(await cache("prefetch", "--site", path.join(dir, "site.yaml"), "vmlinus")).toMatchObject(
      { status: 2, error: { cure: expect.stringContaining("vmlinuz") } },
    );
  });

  it("repairs what verify took out", async () => {
    await cache("prefetch", "--site", path.join(dir, "site.yaml"), "initrd");
    damage(initrd);
    expect((await cache("verify")).status).toBe(1);
    expect((await cache("prefetch", "--site", path.join(dir, "site.yaml"), "initrd")).status).toBe(
      0,
    );
    expect((await cache("verify")).status).toBe(0);
  });
});

describe("cache export", () => {
  it("makes a layout that is another agent's cache, and adds to it", async () => {
    await fill();
    const out = path.join(dir, "other", "cache");
    expect((await cache("export", out, "vmlinuz")).status).toBe(0);
    expect(jsonLines(await cache("export", out, "initrd", "--json"))).toMatchObject([
      { dir: out, octets: 70_000, assets: [{ name: "initrd", digest: initrd }] },
    ]);
    expect(readdirSync(out).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    const index = JSON.parse(readFileSync(path.join(out, "index.json"), "utf8"));
    expect(
      index.manifests.map(
        (m: { annotations: Record<string, string> }) =>
          m.annotations["org.opencontainers.image.ref.name"],
      ),
    ).toEqual(expect.arrayContaining(["initrd", "vmlinuz"]));
    const other = await openDiskCache({ stateDir: path.join(dir, "other"), limit: 1e9 });
    expect(other.asset("vmlinuz")).toMatchObject({ current: old, versions: [{ digest: old }] });
    expect((await other.check(initrd)).sound).toBe(true);
    await other.close();
  });

  it("never hands on damaged octets", async () => {
    await fill();
    damage(initrd);
    const out = path.join(dir, "out");
    expect(await cache("export", out)).toMatchObject({
      status: 1,
      error: { code: "E_ASSET_DAMAGED", message: expect.stringContaining("initrd") },
    });
    expect(readdirSync(path.join(out, "blobs", "sha256"))).not.toContain(initrd);
  });

  it("refuses a folder that has something else in it, and the cache itself", async () => {
    await fill();
    expect(await cache("export", dir)).toMatchObject({ status: 2 });
    expect(await cache("export", path.join(state, "cache"))).toMatchObject({ status: 2 });
  });
});

describe("cache status and gc", () => {
  it("tell what there is, without an agent too", async () => {
    await fill();
    const run = await cache("status");
    expect(run.stdout).toContain("agent     none runs here");
    expect(run.stdout).toContain("2 assets, 3 blobs");
    expect(jsonLines(await cache("status", "--json"))).toMatchObject([
      { running: false, assets: 2, cache: { blobs: 3, used: 680_000 } },
    ]);
    expect(await cache("status", "--watch")).toMatchObject({ status: 2 });
    expect((await cache("gc")).stdout).toBe("Nothing to free.\n");
    expect(jsonLines(await cache("gc", "--json"))).toEqual([{ freed: 0 }]);
  });
});
