import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { beforeEach, describe, expect, it } from "vitest";
import type { CommandHost } from "../../../../../agent/cli/host.ts";
import {
  diffCommand,
  historyCommand,
  publishCommand,
  pullCommand,
  pushCommand,
  rollbackCommand,
} from "../../../../../agent/cli/steer/commands.ts";
import { FakeRack, type SteerRun } from "../../../../support/fake-rack.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const SITE = "site: rack7\nnetwork: { address: 172.24.42.150/24 }\n";

let dir: string;
let file: string;
let rack: FakeRack;

beforeEach(() => {
  dir = tempDir({ "site.yaml": SITE });
  file = path.join(dir, "site.yaml");
  rack = new FakeRack("rack7");
});

/** Runs what is typed, for commands that take no more than a `Steering`. */
function typed(...words: readonly string[]): Promise<SteerRun> {
  return rack.run(async (steering) => {
    const open = () => Promise.resolve(steering);
    const [name, ...args] = words;
    const command = [pushCommand, pullCommand, historyCommand, diffCommand, rollbackCommand]
      .map((make) => make(steering.host, open))
      .find((c) => c.name() === name);
    if (!command) throw new Error(`no command ${name}`);
    await command.exitOverride().parseAsync(args, { from: "user" });
  });
}

function all(): readonly Command[] {
  const host = {} as CommandHost;
  const open = () => Promise.reject(new Error("nothing is opened for a help"));
  return [
    pushCommand(host, open),
    pullCommand(host, open),
    historyCommand(host, open),
    diffCommand(host, open),
    rollbackCommand(host, open),
    publishCommand(host, open),
  ];
}

describe("the commands that steer", () => {
  it.each(all().map((command) => [command.name(), command] as const))(
    "%s: its help has an example and 80 columns",
    (name, command) => {
      let text = "";
      command.configureOutput({
        writeOut: (piece) => {
          text += piece;
        },
        getOutHelpWidth: () => 80,
      });
      command.outputHelp();
      expect(text).toMatch(new RegExp(`\nExamples?:\n  pilotlight ${name} `));
      for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    },
  );

  it("push, history, diff, rollback and pull, as they are typed one after the other", async () => {
    expect((await typed("push", file, "rack7", "--yes", "--probation", "5")).status).toBe(0);
    expect(rack.agent("rack7").probationS).toBe(5);
    writeFileSync(file, SITE.replace("150", "151"));
    expect((await typed("diff", file, "rack7")).stdout).toContain("~ network: address:");
    rack.wallMs += 1000;
    expect((await typed("push", file, "--all", "--yes", "--expires", "30d")).status).toBe(0);
    expect((await typed("history", "rack7")).stdout.match(/push by/g)).toHaveLength(2);
    expect((await typed("rollback", "rack7", "--yes")).status).toBe(0);
    const out = path.join(dir, "out");
    expect((await typed("pull", "rack7", "--out", out)).stdout).toContain("1 file written");
    expect(existsSync(path.join(out, "site.yaml"))).toBe(true);
  });

  it("history, diff, rollback and pull are of the agent on this host where none is named", async () => {
    await rack.agent("rack7").start(rack.seal(SITE, 5));
    await rack.agent("rack7").start(rack.seal(SITE.replace("rack7", "rack8"), 6));
    expect((await typed("history")).stdout).toContain("rack8");
    expect((await typed("diff", file)).stdout).toContain("name: rack8 → rack7");
    expect((await typed("rollback", "--yes")).stdout).toContain("runs it");
    expect((await typed("pull", "--out", path.join(dir, "out"))).stdout).toContain("serial 5");
  });

  it("push --out writes a bundle, and --any goes with it alone", async () => {
    const out = path.join(dir, "x.bundle");
    expect((await typed("push", file, "--any", "--out", out, "--serial", "7")).stdout).toContain(
      "serial 7 of rack7, for every agent that trusts you",
    );
    expect(existsSync(out)).toBe(true);
    expect((await typed("push", file, "--any")).error?.message).toContain("--any goes with --out");
  });

  it.each([
    ["push", "--probation", "4"],
    ["push", "--serial", "0"],
    ["pull", "--serial", "x"],
    ["rollback", "--to", "-"],
  ])("%s refuses %s %s", async (command, option, value) => {
    const words = command === "push" ? [command, file, "rack7"] : [command, "rack7"];
    const run = await typed(...words, option, value);
    expect([run.status, run.error?.code]).toEqual([2, "E_USAGE"]);
  });
});
