import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import type { Bundle, Targets } from "../../../../agent/bundle/bundle.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { systemClock } from "../../../../agent/link/clock.ts";
import { openPublishedSerials } from "../../../../agent/publish/published-serials.ts";
import { PublishedSite } from "../../../../agent/publish/published-site.ts";
import { SiteWatch } from "../../../../agent/publish/site-watch.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { until } from "../../../support/until.ts";

const KEY = generateKey();
let dir: string;
let memory: string;
let nowMs: number;
let files: Map<string, Uint8Array>;

beforeEach(() => {
  dir = tempDir();
  memory = path.join(dir, "home", "published.json");
  nowMs = 1_795_000_000_000;
  files = new Map([
    ["site.yaml", Buffer.from("one")],
    ["sub/a.liquid", Buffer.from("a")],
  ]);
});

async function published(targets: Targets = { any: true }): Promise<PublishedSite> {
  const site = new PublishedSite(path.join(dir, "site.yaml"), targets, {
    key: KEY,
    serials: await openPublishedSerials(memory),
    wallMs: () => nowMs,
    packSite: () => Promise.resolve({ site: "rack7", main: "site.yaml", files }),
    sealBundle: (b: Bundle) => Buffer.from(JSON.stringify({ ...b, files: [...b.files] })),
  });
  await site.refresh();
  return site;
}

describe("PublishedSite", () => {
  it("is the same bundle for the same content, also after a restart", async () => {
    const first = (await published()).current;
    nowMs += 60_000;
    files = new Map([...files].reverse());
    const second = (await published()).current;
    expect(second?.serial).toBe(1_795_000_000);
    expect(second?.serial).toBe(first?.serial);
    files = new Map([...files].reverse());
    expect((await published()).current?.digest).toBe(first?.digest);
  });

  it("gets a higher number whenever the content is another one than the last, also an earlier one", async () => {
    const site = await published();
    const serials = [site.current?.serial ?? 0];
    for (const content of ["two", "one", "three"]) {
      files = new Map([["site.yaml", Buffer.from(content)]]);
      expect(await site.refresh()).toBe(true);
      expect(await site.refresh()).toBe(false);
      serials.push(site.current?.serial ?? 0);
    }
    expect(serials).toEqual([...serials].sort((a, b) => a - b));
    expect(new Set(serials).size).toBe(4);
    nowMs -= 1e9;
    files = new Map([["site.yaml", Buffer.from("four")]]);
    expect((await published()).current?.serial).toBeGreaterThan(serials.at(-1) ?? 0);
  });

  it("keeps others apart, by whom it is for", async () => {
    const all = await published();
    nowMs += 60_000;
    const some = await published({ names: ["x"] });
    expect(some.current?.serial).toBeGreaterThan(all.current?.serial ?? 0);
    expect(statSync(memory).mode & 0o777).toBe(0o600);
  });

  it("stays what it was while the site has mistakes", async () => {
    let wrong = false;
    const site = new PublishedSite(
      path.join(dir, "site.yaml"),
      { any: true },
      {
        key: KEY,
        serials: await openPublishedSerials(memory),
        wallMs: () => nowMs,
        packSite: () =>
          wrong
            ? Promise.reject(new AgentError("E_SITE_INVALID", "a mistake"))
            : Promise.resolve({ site: "rack7", main: "site.yaml", files }),
        sealBundle: (b) => Buffer.from(String(b.serial)),
      },
    );
    await site.refresh();
    const before = site.current;
    wrong = true;
    await expect(site.refresh()).rejects.toThrow("a mistake");
    expect(site.current).toBe(before);
    expect(site.folders).toEqual([dir, path.join(dir, "sub")]);
  });

  it.each(["rubbish", "[]", "null", '{"x":{"serial":"1"}}'])(
    "begins anew with the memory %s",
    async (text) => {
      mkdirSync(path.dirname(memory));
      writeFileSync(memory, text);
      expect((await published()).current?.serial).toBe(1_795_000_000);
      expect(JSON.parse(readFileSync(memory, "utf8"))).toBeTypeOf("object");
    },
  );

  it("forgets what was published longest ago", async () => {
    const serials = await openPublishedSerials(memory);
    for (let i = 0; i < 130; i++) {
      await serials.remember(`key ${i}`, { content: "c", serial: i, made: i });
    }
    const again = await openPublishedSerials(memory);
    expect([again.last("key 29"), again.last("key 30")?.serial]).toEqual([undefined, 30]);
  });

  it("says when it cannot remember", async () => {
    writeFileSync(path.join(dir, "home"), "a file");
    const serials = await openPublishedSerials(memory);
    await expect(serials.remember("k", { content: "c", serial: 1, made: 1 })).rejects.toMatchObject(
      { code: "E_STATE" },
    );
  });
});

describe("SiteWatch", () => {
  it("tells of files that are written, renamed and removed, and of folders that were made anew", async () => {
    let told = 0;
    const watch = new SiteWatch(systemClock, () => {
      told += 1;
    });
    onTestFinished(() => watch.close());
    const sub = path.join(dir, "sub");
    mkdirSync(sub);
    const next = async (change: () => void): Promise<void> => {
      const before = told;
      change();
      await until("the watch", () => told > before);
      watch.follow([dir, sub]);
    };
    watch.follow([dir, sub, path.join(dir, "gone")]);
    await next(() => writeFileSync(path.join(dir, "site.yaml"), "x"));
    await next(() => writeFileSync(path.join(sub, "a.liquid"), "x"));
    await next(() => rmSync(sub, { recursive: true }));
    await next(() => mkdirSync(sub));
    await next(() => writeFileSync(path.join(sub, "a.liquid"), "y"));
  });
});
