import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { showDiff } from "../../../../../agent/cli/steer/diff.ts";
import { historyLines, showHistory } from "../../../../../agent/cli/steer/history.ts";
import { pull } from "../../../../../agent/cli/steer/pull.ts";
import { rollback } from "../../../../../agent/cli/steer/rollback.ts";
import type { BundleRecord } from "../../../../../agent/control/messages.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { FakeRack } from "../../../../support/fake-rack.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const site = (name: string, last = 150): string =>
  `site: ${name}\nnetwork: { address: 172.24.42.${last}/24 }\n`;

let dir: string;
let rack: FakeRack;

beforeEach(async () => {
  dir = tempDir();
  rack = new FakeRack("rack7");
  await rack.agent("rack7").start(rack.seal(site("one"), 10));
  await rack.agent("rack7").start(rack.seal(site("two", 151), 20));
});

describe("pull", () => {
  const pulled = (options: { serial?: number; out?: string; json?: true }) =>
    rack.run((steering) => pull(steering, "rack7", options));

  it("writes the files of the running site, or of an earlier one", async () => {
    const out = path.join(dir, "a", "b");
    const run = await pulled({ out });
    expect(run.stdout).toBe(`rack7: two, serial 20: 1 file written\n${out}/site.yaml\n`);
    expect(readFileSync(path.join(out, "site.yaml"), "utf8")).toBe(site("two", 151));
    expect(statSync(path.join(out, "site.yaml")).mode & 0o007).toBe(0);
    const old = path.join(dir, "old");
    const json = await pulled({ out: old, serial: 10, json: true });
    expect(JSON.parse(json.stdout)).toMatchObject({
      site: "one",
      serial: 10,
      written: ["site.yaml"],
    });
    expect((await pulled({ out, serial: 99 })).error?.code).toBe("E_NOT_FOUND");
  });

  it("leaves alone what is the same, and overwrites nothing that differs", async () => {
    expect((await pulled({ out: dir })).status).toBe(0);
    expect((await pulled({ out: dir })).stdout).toContain("0 files written; 1 there already");
    rack.agent("rack7").extraFiles = { "a/new.txt": Buffer.from("x") };
    writeFileSync(path.join(dir, "site.yaml"), "mine\n");
    const run = await pulled({ out: dir });
    expect([run.status, run.error?.message]).toEqual([
      2,
      `in ${dir} these would be overwritten: site.yaml`,
    ]);
    expect(readFileSync(path.join(dir, "site.yaml"), "utf8")).toBe("mine\n");
    expect(existsSync(path.join(dir, "a"))).toBe(false);
  });

  it("says when something else is in a file's place", async () => {
    mkdirSync(path.join(dir, "site.yaml"));
    expect((await pulled({ out: dir })).error?.message).toContain("cannot be written");
  });

  it.each([
    "../up",
    "/etc/passwd",
    "a/../../b",
    "a//b",
    "",
    ".",
    "a/./b",
    "a\\b",
    "nul\0l",
    "SITE.yaml",
    "site.yaml/below",
    "x".repeat(300),
  ])("writes nothing for an agent that sends the path %j", async (name) => {
    rack.agent("rack7").extraFiles = { [name]: Buffer.from("x") };
    const out = path.join(dir, "deep", "er");
    const run = await pulled({ out });
    expect(run.error?.code).toBe("E_PROTOCOL");
    expect(readdirSync(dir)).toEqual([]);
  });

  it("writes nothing when there is too much, or something that is no file", async () => {
    const many = Array.from({ length: 300 }, (_, i) => [`f${i}`, new Uint8Array(1)]);
    for (const extra of [
      Object.fromEntries(many),
      { big: new Uint8Array(5 << 20) },
      { odd: "text" as unknown as Uint8Array },
    ]) {
      rack.agent("rack7").extraFiles = extra;
      expect((await pulled({ out: dir })).error?.code).toBe("E_PROTOCOL");
    }
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe("history", () => {
  it("shows what an agent had, newest first", async () => {
    const run = await rack.run((steering) => showHistory(steering, "rack7", {}));
    expect(run.stdout).toBe(
      `20          running    2026-11-18 11:06:40 UTC  two
  push by eva@laptop
  ~ site: name: one → two
  ~ network: address: 172.24.42.150/24 → 172.24.42.151/24
10          kept       2026-11-18 11:06:40 UTC  one
  push by eva@laptop
  ~ site added: name one
  ~ network added: address 172.24.42.150/24, dhcp authoritative, lease 43200 s,
    identity hardware
  ~ management added: read open
  ~ cache added: versions 3
`,
    );
    const json = await rack.run((steering) => showHistory(steering, "rack7", { json: true }));
    expect(
      json.stdout
        .trim()
        .split("\n")
        .map((l) => JSON.parse(l).serial),
    ).toEqual([20, 10]);
  });

  it("says why one went back, in 80 columns, without control characters", () => {
    const record: BundleRecord = {
      ...{ serial: 5, site: "s\x1b[2J", digest: "", signer: "k", operator: "eva" },
      ...{ source: "fetched from https://10.0.0.1/", appliedAt: "rubbish", state: "returned" },
      reason: "eth0 has lost its address ".repeat(6),
      changes: Array.from({ length: 9 }, (_, i) => `machine m${i} removed`),
      expires: "2027-01-01T00:00:00Z",
    };
    const lines = historyLines(record, false);
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(80);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(line).not.toMatch(/[\u0000-\u001f]/);
    }
    expect(lines.join("\n")).toContain("signed by eva");
    expect(lines.at(-1)).toBe("  and 3 more changes");
  });

  it("says of one that is unconfigured that there is nothing", async () => {
    const fresh = new FakeRack("new");
    const run = await fresh.run((steering) => showHistory(steering, "new", {}));
    expect(run.stdout).toBe("new has taken no bundle yet.\n");
  });
});

describe("diff", () => {
  it("tells what a push would change, without asking for anything but what runs", async () => {
    const file = path.join(dir, "site.yaml");
    writeFileSync(file, site("three", 151));
    const run = await rack.run((steering) => showDiff(steering, file, "rack7", {}));
    expect(run.stdout).toBe("rack7:\n  ~ site: name: two → three\n");
    expect(rack.agent("rack7").asked).toEqual(["status.get", "site.get"]);
    const json = await rack.run((steering) => showDiff(steering, file, "rack7", { json: true }));
    expect(JSON.parse(json.stdout)).toMatchObject({
      serial: 20,
      changes: ["site: name: two → three"],
    });
  });

  it("tells that nothing changes, and of an unconfigured agent everything", async () => {
    const file = path.join(dir, "site.yaml");
    writeFileSync(file, site("two", 151));
    const same = await rack.run((steering) => showDiff(steering, file, "rack7", {}));
    expect(same.stdout).toBe("rack7:\n  nothing of what it serves changes\n");
    const fresh = new FakeRack("new");
    const all = await fresh.run((steering) => showDiff(steering, file, "new", {}));
    expect(all.stdout).toContain("+ site added: name two");
  });
});

describe("diff with an agent that runs a file of its host", () => {
  it("says so when that names files which do not travel", async () => {
    const file = path.join(dir, "site.yaml");
    writeFileSync(file, site("three"));
    const strange = `${site("two")}profiles: { p: { files: { a: { template: ../../gone } } } }\n`;
    rack.agent("rack7").extraFiles = { "site.yaml": Buffer.from(strange) };
    const run = await rack.run((steering) => showDiff(steering, file, "rack7", {}));
    expect(run.error?.code).toBe("E_SITE_INVALID");
    expect(run.error?.message).toMatch(/^what rack7 runs cannot be read here\n\n.*has 1 mistake/);
  });
});

describe("rollback", () => {
  const back = (options: { to?: number; yes?: true; json?: true } = {}) =>
    rack.run((steering) => rollback(steering, "rack7", options));

  it("goes to the bundle before, shows what that changes, asks, and confirms", async () => {
    const run = await back();
    expect([run.status, rack.agent("rack7").runs]).toEqual([0, "one"]);
    expect(rack.questions).toEqual(["Go back to serial 10 on rack7?"]);
    expect(run.stdout).toBe(`rack7:
  ~ site: name: two → one
  ~ network: address: 172.24.42.151/24 → 172.24.42.150/24

AGENT  SERIAL  RESULT
rack7      10  runs it
`);
    expect(rack.agent("rack7").history.map(({ serial, state }) => [serial, state])).toEqual([
      [20, "kept"],
      [10, "running"],
    ]);
  });

  it("goes to the one that is named, and back again", async () => {
    await rack.agent("rack7").start(rack.seal(site("three"), 30));
    expect((await back({ to: 10, json: true })).stdout).toContain('"result":"running"');
    expect(rack.agent("rack7").runs).toBe("one");
    expect((await back({ to: 30, yes: true })).status).toBe(0);
    expect(rack.agent("rack7").runs).toBe("three");
    expect(rack.questions).toEqual([]);
  });

  it("changes nothing when the answer is no, and says what there is when the number is wrong", async () => {
    rack.says = false;
    expect((await back()).stdout).toContain("left as it is");
    const wrong = await back({ to: 15 });
    expect([wrong.status, rack.agent("rack7").runs]).toEqual([2, "two"]);
    expect(wrong.error?.cure).toContain("There are: 10;");
  });

  it("is told when the agent does not keep it", async () => {
    rack.agent("rack7").degraded = { one: ["eth0 is gone"] };
    const run = await back();
    expect([run.status, rack.agent("rack7").runs]).toEqual([1, "two"]);
    expect(run.stdout).toContain("went back");
  });

  it("finds an agent again that lost its network by going back", async () => {
    rack.agent("rack7").breaksOnApply = true;
    const run = await back();
    expect([run.status, rack.agent("rack7").runs]).toEqual([1, "two"]);
    expect(run.stdout).toContain("nobody confirmed it in time");
  });

  it("fails for an agent that refuses, or is not there", async () => {
    rack.agent("rack7").failures.set("site.rollback", new AgentError("E_FORBIDDEN", "no"));
    expect((await back()).stdout).toContain("failed: E_FORBIDDEN");
    const run = await rack.run((steering) => rollback(steering, "nobody", {}));
    expect([run.status, run.stdout.includes("E_UNREACHABLE")]).toEqual([1, true]);
  });
});
