import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type DiskCache, openDiskCache } from "../../agent/assets/cache/disk-cache.ts";
import { budgetsHere } from "../../agent/cli/cache/context.ts";
import { ownKeeper } from "../../agent/cli/cache/own-keeper.ts";
import { assetControl } from "../../agent/control/asset-control.ts";
import { assetRoutes } from "../../agent/control/asset-routes.ts";
import { openLocalSocket } from "../../agent/control/local-socket.ts";
import { loadSite } from "../../agent/site/load.ts";
import { MAIN } from "../support/agent-process.ts";
import { sha256 } from "../support/memory-cache.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const OLD = Buffer.alloc(3_000_000, "old kernel ");
const NEW = Buffer.alloc(3_100_000, "new kernel ");
const INITRD = Buffer.alloc(700_000, "initrd ");
const old = sha256(OLD);
const newer = sha256(NEW);
const initrd = sha256(INITRD);

let dir: string;
let state: string;

beforeEach(() => {
  dir = tempDir({ vmlinuz: OLD, initrd: INITRD });
  state = path.join(dir, "state");
});

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** The program itself, as it is installed. */
async function pilotlight(...args: string[]): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, "cache", ...args, "--state", state]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on("data", (piece: Buffer) => {
    stderr += piece.toString();
  });
  const [status] = (await once(child, "close")) as [number | null];
  return { stdout, stderr, status };
}

interface Standing {
  readonly cache: DiskCache;
  /** Machines that boot. */
  readonly booting: string[];
  refresh(name: string): Promise<void>;
  digest(name: string): Promise<string | undefined>;
}

/** What `serve` has of assets: the keeper over the cache on disk, and the socket. */
async function agent(assets: string): Promise<Standing> {
  const file = path.join(dir, "site.yaml");
  writeFileSync(file, `site: rack7\nnetwork: { address: 172.24.42.150/24 }\nassets:\n${assets}`);
  const site = await loadSite(file);
  const cache = await openDiskCache({ stateDir: state, limit: 1e9 });
  const bugs: unknown[] = [];
  const { keeper, close } = ownKeeper({
    site,
    cache,
    budgets: budgetsHere(),
    variables: {},
    version: "0.0.0",
    warn: () => undefined,
    crash: (bug) => bugs.push(bug),
  });
  const booting: string[] = [];
  const control = assetControl({
    site,
    keeper,
    cache,
    booting: () => booting,
    pid: process.pid,
    version: "0.0.0",
  });
  const routes = { assets: assetRoutes(control) };
  const socket = await openLocalSocket({
    stateDir: state,
    routes,
    crash: (bug) => bugs.push(bug),
  });
  onTestFinished(async () => {
    await socket.close();
    await close();
    await cache.close();
    expect(bugs).toEqual([]);
  });
  for (const spec of site.assets.values()) keeper.slot(spec);
  const digest = async (name: string): Promise<string | undefined> =>
    (await control.status()).assets.find((a) => a.name === name)?.digest;
  return {
    cache,
    booting,
    digest,
    async refresh(name) {
      await control.refresh([name]);
    },
  };
}

/** A store that gives each file when it is told to. */
async function slowStore(): Promise<{ url: string; waiting: ServerResponse[]; server: Server }> {
  const waiting: ServerResponse[] = [];
  const server = createServer((_, response) => waiting.push(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/vmlinuz`, waiting, server };
}

const FILES = "  vmlinuz: { file: vmlinuz, pin: always-newest }\n  initrd: { file: initrd }\n";

/** Has the agent fetch vmlinuz in two versions; the newer one is served. */
async function twoVersions(): Promise<Standing> {
  const standing = await agent(FILES);
  expect((await pilotlight("prefetch")).status).toBe(0);
  writeFileSync(path.join(dir, "next"), NEW);
  renameSync(path.join(dir, "next"), path.join(dir, "vmlinuz"));
  await standing.refresh("vmlinuz");
  await serves(standing, newer);
  return standing;
}

/** Waits until vmlinuz is served in this version. */
async function serves({ digest }: Standing, wanted: string): Promise<void> {
  let asking: Promise<void> | undefined;
  let served: string | undefined;
  await until(`${wanted} to be served`, () => {
    if (served !== wanted)
      asking ??= digest("vmlinuz").then((now) => {
        served = now;
        asking = undefined;
      });
    return served === wanted && asking === undefined;
  });
}

describe("pilotlight cache beside an agent that runs", () => {
  it("prefetch has the agent fetch, follows it, and says what came of it", async () => {
    await agent(`${FILES}  gone: { file: nowhere }\n`);
    const run = await pilotlight("prefetch");
    expect(run.status).toBe(1);
    expect(run.stdout.split("\n").sort()).toEqual([
      "",
      `initrd: 700 kB, ${initrd.slice(0, 12)}`,
      `vmlinuz: 3.00 MB, ${old.slice(0, 12)}`,
    ]);
    expect(run.stderr).toContain("gone: E_ASSET_MISSING: ");
    expect((await pilotlight("prefetch", "vmlinuz", "initrd")).status).toBe(0);
    const wrong = await pilotlight("prefetch", "vmlinus");
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('Did you mean "vmlinuz"?');
  });

  it("status shows what is being fetched and how far it is", async () => {
    const { url, waiting } = await slowStore();
    await agent(`  vmlinuz: { url: "${url}" }\n`);
    const fetching = pilotlight("prefetch");
    const response = await until("a request to the store", () => waiting[0]);
    response.writeHead(200, { "content-length": OLD.length });
    response.write(OLD.subarray(0, 1_200_000));
    let status = "";
    for (let i = 0; i < 50 && !status.includes("1.20 MB/3.00 MB"); i++) {
      status = (await pilotlight("status")).stdout;
    }
    expect(status).toMatch(/being fetched\n {2}vmlinuz +━+─+ +1.20 MB\/3.00 MB/);
    expect(status).toContain("site rack7");
    response.end(OLD.subarray(1_200_000));
    expect(await fetching).toMatchObject({
      status: 0,
      stdout: `vmlinuz: 3.00 MB, ${old.slice(0, 12)}\n`,
    });
  });

  it("rollback is one command: the agent serves the version before at once, and refreshes do not undo it", async () => {
    const { digest, refresh } = await twoVersions();
    const run = await pilotlight("rollback", "vmlinuz");
    expect(run).toMatchObject({
      status: 0,
      stdout: `vmlinuz: ${old.slice(0, 12)} is served now, and held.\nRelease it with: pilotlight cache pin vmlinuz --release\n`,
    });
    expect(await digest("vmlinuz")).toBe(old);
    await refresh("vmlinuz");
    expect((await pilotlight("prefetch", "vmlinuz")).stdout).toContain(old.slice(0, 12));
    expect((await pilotlight("ls")).stdout).toMatch(/vmlinuz .* held$/m);
    await pilotlight("pin", "vmlinuz", "--release");
    expect(await digest("vmlinuz")).toBe(newer);
  });

  it("a pin against the site's own digest changes nothing, and says why", async () => {
    await agent(`  vmlinuz: { file: vmlinuz, sha256: "${old}" }\n`);
    await pilotlight("prefetch");
    writeFileSync(path.join(dir, "new"), NEW);
    expect((await pilotlight("add", path.join(dir, "new"), "--name", "vmlinuz")).status).toBe(0);
    const run = await pilotlight("pin", "vmlinuz", newer);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain("the site itself says which digest");
    const [row] = (await pilotlight("ls", "--json")).stdout.split("\n");
    expect(JSON.parse(row ?? "")).toMatchObject({ state: "served", digest: old });
  });

  it("add makes available what no store has", async () => {
    const standing = await agent("  vmlinuz: { file: nowhere }\n");
    expect((await pilotlight("prefetch")).status).toBe(1);
    expect((await pilotlight("ls")).stdout).toMatch(/vmlinuz .* failed$/m);
    await pilotlight("add", path.join(dir, "vmlinuz"), "--name", "vmlinuz");
    await serves(standing, old);
  });

  it("verify has the agent fetch again what is damaged", async () => {
    const { cache } = await agent(FILES);
    await pilotlight("prefetch");
    const file = path.join(cache.dir, "blobs", "sha256", initrd);
    const octets = readFileSync(file);
    octets[1] = 0;
    writeFileSync(file, octets);
    const run = await pilotlight("verify");
    expect(run.status).toBe(1);
    expect(run.stdout).toContain(
      `initrd: ${initrd.slice(0, 12)} is damaged: put into quarantine, and fetched again by the agent`,
    );
    expect((await pilotlight("prefetch", "initrd")).status).toBe(0);
    expect((await pilotlight("verify")).stdout).toContain("all sound");
    expect(readFileSync(file).equals(INITRD)).toBe(true);
  });

  it("gc and export leave the agent serving", async () => {
    const { digest } = await twoVersions();
    expect((await pilotlight("gc", "--json")).stdout).toMatch(/^\{"freed":\d+\}\n$/);
    const out = path.join(dir, "out");
    expect((await pilotlight("export", out)).status).toBe(0);
    expect(readdirSync(path.join(out, "blobs", "sha256"))).toEqual(
      expect.arrayContaining([newer, initrd]),
    );
    expect(await digest("vmlinuz")).toBe(newer);
  });
});

describe("pilotlight cache prefetch without an agent", () => {
  it("is stopped by Ctrl-C, says that it can go on, and goes on where it was", async () => {
    const { url, waiting } = await slowStore();
    const site = path.join(dir, "site.yaml");
    writeFileSync(
      site,
      `site: x\nnetwork: { address: 10.0.0.1/24 }\nassets:\n  vmlinuz: { url: "${url}" }\n`,
    );
    const args = [MAIN, "cache", "prefetch", "--site", site, "--state", state];
    const child = spawn(process.execPath, args);
    let stderr = "";
    child.stderr.on("data", (piece: Buffer) => {
      stderr += piece.toString();
    });
    const first = await until("a request to the store", () => waiting[0]);
    first.writeHead(200, { "content-length": OLD.length, etag: '"1"' });
    first.write(OLD.subarray(0, 1_200_000));
    const partial = path.join(state, "cache", "ingest");
    await until("octets on disk", () =>
      readdirSync(partial).some((file) => statSync(path.join(partial, file)).size >= 1_000_000),
    );
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([1, null]);
    expect(stderr).toContain("what was half fetched is gone on with");

    const again = pilotlight("prefetch", "vmlinuz", "vmlinuz", "--site", site);
    const second = await until("another request", () => waiting[1]);
    const [, from = "0"] = /^bytes=(\d+)-$/.exec(second.req.headers.range ?? "") ?? [];
    expect(Number(from)).toBeGreaterThanOrEqual(1_000_000);
    second.writeHead(206, {
      "content-range": `bytes ${from}-${OLD.length - 1}/${OLD.length}`,
      "content-length": OLD.length - Number(from),
      etag: '"1"',
    });
    second.end(OLD.subarray(Number(from)));
    expect(await again).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("pilotlight cache used wrongly", () => {
  it.each([
    [[], 2, "Usage: pilotlight cache"],
    [["ls", "--what"], 2, "unknown option"],
    [["pin"], 2, "missing required argument"],
    [["add", "x"], 2, "--name"],
    [["push", "ftp://x", MAIN], 2, "oci://REGISTRY/REPOSITORY:TAG or s3://BUCKET/PREFIX/"],
    [["push", "oci://127.0.0.1:1/x:y"], 2, "there is nothing to push"],
  ])("%j ends with %i", async (args, status, words) => {
    const [first, ...rest] = args;
    const run = first === undefined ? await spawnPlain() : await pilotlight(first, ...rest);
    expect([run.status, run.stderr]).toEqual([status, expect.stringContaining(words)]);
  });

  it.each(["ls", "status", "prefetch", "verify", "gc", "pin", "rollback", "add", "push", "export"])(
    "%s --help has an example, in 80 columns but for examples",
    async (name) => {
      const run = await pilotlight(name, "--help");
      expect(run.status).toBe(0);
      expect(run.stdout).toMatch(new RegExp(`Example:\n  pilotlight cache ${name}`));
      const [usage = ""] = run.stdout.split("\nExample:");
      for (const line of usage.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    },
  );
});

async function spawnPlain(): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, "cache"]);
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => {
    stderr += piece.toString();
  });
  const [status] = (await once(child, "close")) as [number | null];
  return { stdout: "", stderr, status };
}
