import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { AgentEvent, CaptureStatus } from "../../../../../agent/control/messages.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import type { JournalEntry } from "../../../../../agent/log/journal.ts";
import type { FakeOptions } from "../../../../support/fake-agent.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { Desk, jsonLines } from "./run.ts";

function entry(second: number, machine: string): JournalEntry {
  return {
    time: `2026-11-21T12:27:${String(second).padStart(2, "0")}.120Z`,
    machine,
    mac: null,
    address: null,
    family: null,
    protocol: "rarp",
    event: "who is 00:03:ba:5b:ae:b3?",
    decision: "its address in the site",
    reply: "you are 172.24.42.51",
    outcome: "answered",
    octets: 0,
    ms: 0,
    file: null,
    total: null,
  };
}

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => [...line].length));
}

describe("events", () => {
  it("puts the journals of several agents together by time", async () => {
    await desk.known({
      name: "a",
      handlers: { "journal.get": () => ({ entries: [entry(1, "m1"), entry(3, "m3")] }) },
    });
    await desk.known({
      name: "rack-b",
      handlers: { "journal.get": () => ({ entries: [entry(2, "m2")] }) },
    });
    const run = await desk.run("events", "a", "rack-b");
    expect(run.stdout.split("\n").map((line) => line.slice(0, 25))).toEqual([
      "a      12:27:01.120 m1   ",
      "rack-b 12:27:02.120 m2   ",
      "a      12:27:03.120 m3   ",
      "",
    ]);
    const one = await desk.run("events", "rack-b", "--json");
    expect(jsonLines(one)).toEqual([{ agent: "rack-b", type: "journal", entry: entry(2, "m2") }]);
  });

  it("goes on with what happens until Ctrl-C, of one machine if that is wanted", async () => {
    const events: readonly AgentEvent[] = [
      { type: "journal", entry: entry(1, "v100") },
      { type: "alive", time: "2026-11-21T12:27:02.000Z" },
      {
        type: "state",
        time: "2026-11-21T12:27:02.000Z",
        state: "degraded",
        reasons: ["eth0 is down"],
      },
      { type: "missed", time: "2026-11-21T12:27:03.000Z", events: 7 },
    ];
    const agent = await desk.known({
      handlers: {
        "events.follow": async function* () {
          yield* events;
          await new Promise(() => undefined);
        },
      },
    });
    desk.watch = (stdout) => {
      if (stdout.includes("7 events")) desk.interrupt();
    };
    const run = await desk.run("events", "rack7", "--follow", "--machine", "v100");
    expect([run.status, run.error]).toEqual([0, undefined]);
    expect(run.stdout.split("\n")).toEqual([
      expect.stringContaining("v100         rarp       → who is"),
      "12:27:02.000 agent        agent      · degraded: eth0 is down",
      "12:27:03.000 agent        agent      · 7 events were left out: this connection is too slow",
      "",
    ]);
    expect(agent.done).toMatchObject([{ verb: "events.follow", args: { machine: "v100" } }]);
  });

  it("takes a number for --limit and nothing else", async () => {
    await desk.known({});
    expect((await desk.run("events", "rack7", "--limit", "many")).status).toBe(2);
  });
});

describe("capture", () => {
  const octets = Buffer.alloc(200_000, 7);
  const three: CaptureStatus = {
    id: "3",
    interface: "eth0",
    filter: "udp port 69",
    startedAt: "2026-11-21T12:00:00.000Z",
    running: true,
    packets: 12,
    octets: octets.length,
    full: false,
  };

  function recording(captures: readonly CaptureStatus[] = [three]): FakeOptions {
    return {
      handlers: {
        "capture.list": () => ({ captures }),
        "capture.start": () => three,
        "capture.stop": () => ({ ...three, running: false }),
        "capture.get": async function* () {
          yield octets.subarray(0, 70_000);
          yield octets.subarray(70_000);
        },
      },
    };
  }

  it("starts, lists, stops and copies a recording", async () => {
    const agent = await desk.known(recording());
    const args = ["--filter", "udp port 69", "--size", "20M", "--seconds", "60"];
    expect((await desk.run("capture", "start", "rack7", ...args)).stdout).toContain(
      "The recording is 3",
    );
    expect((await desk.run("capture", "list", "rack7")).stdout).toMatch(
      /3 +2026-11-21 12:00:00 UTC +12 +200 kB +running/,
    );
    expect((await desk.run("capture", "stop", "rack7")).stdout).toContain(
      "recording 3 ended with 12 packets",
    );
    const out = path.join(tempDir(), "boot.pcap");
    const run = await desk.run("capture", "get", "rack7", "--out", out);
    expect([run.error, run.stdout]).toEqual([undefined, `${out}: 200 kB\n`]);
    expect(readFileSync(out).equals(octets)).toBe(true);
    expect(existsSync(`${out}.part`)).toBe(false);
    expect((await desk.run("capture", "get", "rack7", "--out", out)).status).toBe(2);
    expect((await desk.run("capture", "get", "rack7", "3", "--out", out, "--force")).status).toBe(
      0,
    );
    expect(agent.done[0]).toMatchObject({
      args: { filter: "udp port 69", maxOctets: 20e6, maxS: 60 },
    });
  });

  it("writes a recording to standard output and nothing else there", async () => {
    await desk.known(recording());
    const run = await desk.run("capture", "get", "rack7", "3", "--out", "-");
    expect(run.stdout).toBe(octets.toString());
  });

  it("leaves no half file behind", async () => {
    await desk.known({
      handlers: {
        "capture.list": () => ({ captures: [three] }),
        "capture.get": async function* () {
          yield octets;
          throw new AgentError("E_NOT_FOUND", "it was removed");
        },
      },
      wrong: ({ url }, response) => {
        if (url !== "/v1/call") return false;
        response.writeHead(200, { "content-type": "application/cbor-seq" });
        response.write(Buffer.from([0x45, 1, 2, 3, 4, 5, 0x45]));
        setImmediate(() => response.destroy());
        return true;
      },
    });
    const dir = tempDir();
    const run = await desk.run("capture", "get", "rack7", "3", "--out", path.join(dir, "x"));
    expect(run.status).toBe(1);
    expect([existsSync(path.join(dir, "x")), existsSync(path.join(dir, "x.part"))]).toEqual([
      false,
      false,
    ]);
  });

  it("says which one is meant when it is not clear", async () => {
    const four = { ...three, id: "4" };
    await desk.known(recording([three, four]));
    expect((await desk.run("capture", "stop", "rack7")).error?.message).toContain("3, 4");
    expect((await desk.run("capture", "get", "rack7", "9")).error?.code).toBe("E_NOT_FOUND");
    expect((await desk.run("capture", "start", "rack7", "--size", "much")).status).toBe(2);
  });
});

describe("loglevel and restart", () => {
  it("reach the agent", async () => {
    const agent = await desk.known({
      handlers: { "log.level": ({ level }) => ({ level }), "agent.restart": () => ({}) },
    });
    expect((await desk.run("loglevel", "rack7", "debug")).stdout).toBe(
      "rack7 logs at level debug.\n",
    );
    expect((await desk.run("loglevel", "rack7", "loud")).error?.cure).toContain("trace, debug");
    expect((await desk.run("restart", "rack7")).stdout).toBe("rack7 starts again.\n");
    expect(agent.done.map(({ verb }) => verb)).toEqual(["log.level", "agent.restart"]);
    const nameless = await desk.run("restart");
    expect([nameless.status, nameless.error?.cure]).toEqual([2, "Name one: rack7."]);
  });
});

describe("help", () => {
  it("has an example for each command, in 80 columns", async () => {
    const { Command } = await import("commander");
    const { steerCommands } = await import("../../../../../agent/cli/steer/steer-commands.ts");
    const host = {} as Parameters<typeof steerCommands>[0];
    const all = (command: InstanceType<typeof Command>): readonly InstanceType<typeof Command>[] =>
      command.commands.length > 0 ? command.commands.flatMap(all) : [command];
    const commands = steerCommands(host).flatMap(all);
    expect(commands.length).toBeGreaterThan(18);
    for (const command of commands) {
      let text = "";
      command.configureOutput({ writeOut: (piece) => (text += piece) });
      command.outputHelp();
      expect(text).toMatch(new RegExp(`Examples?:\\n +.*pilotlight .*${command.name()}`));
      expect(widest(text)).toBeLessThanOrEqual(80);
    }
  });
});
