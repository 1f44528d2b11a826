import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { nowText } from "../../../../../agent/cli/steer/machines.ts";
import type {
  AgentEvent,
  CaptureStatus,
  MachineStatus,
} from "../../../../../agent/control/messages.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import type { JournalEntry } from "../../../../../agent/log/journal.ts";
import { FakeAgent, type FakeOptions, statusOf } from "../../../../support/fake-agent.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { Desk, json, jsonLines } from "./run.ts";

const V100: MachineStatus = {
  name: "v100",
  mac: "00:03:ba:5b:ae:b3",
  ip: "172.24.42.51",
  profile: "netbsd-sparc64",
  family: "openfirmware",
  booting: false,
  overrides: [],
};
const PC1: MachineStatus = {
  ...V100,
  name: "pc1",
  mac: "52:54:00:00:00:01",
  ip: "172.24.42.52",
  profile: "debian",
  family: null,
};

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

/** An agent that is known here and trusts this operator. */
async function known(options: FakeOptions): Promise<FakeAgent> {
  if (!existsSync(path.join(desk.home, "operator.key"))) await desk.run("keygen", "--name", "eva");
  const agent = await FakeAgent.open({ trusted: new Set(), ...options });
  await desk.meet(agent);
  return agent;
}

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => [...line].length));
}

describe("status", () => {
  it("tells all of one agent, in 80 columns", async () => {
    const agent: FakeAgent = await known({
      handlers: {
        "status.get": () =>
          statusOf(agent, {
            state: "degraded",
            reasons: [`the interface eth0 is down, ${"and it was so for long ".repeat(8)}`],
            booting: ["v100"],
            site: {
              name: "three-racks",
              source: "bundle",
              bundle: {
                serial: 1_763_730_000,
                site: "three-racks",
                digest: "0".repeat(64),
                signer: "x",
                operator: "eva",
                source: "push by eva",
                appliedAt: "2026-11-21T12:00:00.000Z",
                state: "probation",
                changes: [],
              },
              probation: { serial: 1_763_730_000, previous: 0, endsInMs: 12_400 },
            },
            assets: {
              all: 14,
              cached: 12,
              fetching: 1,
              failed: 1,
              usedOctets: 1.2e9,
              limitOctets: 4e9,
            },
            counters: { "dhcp Truncated": 4 },
          }),
      },
    });
    const run = await desk.run("status", "rack7");
    expect([run.error, run.status]).toEqual([undefined, 0]);
    for (const part of [
      "rack7  degraded",
      "because",
      "bundle 1763730000 by eva",
      "goes back to being unconfigured in 12 s",
      "booting: v100",
      "12 of 14 cached, 1 being fetched, 1 cannot be had",
      "dhcp Truncated 4",
    ]) {
      expect(run.stdout.replaceAll(/\n +/g, " ")).toContain(part);
    }
    expect(widest(run.stdout)).toBeLessThanOrEqual(80);
    expect(run.stdout).not.toContain("\u001b");
    const { identity, state } = json(await desk.run("status", "rack7", "--json")) as Record<
      string,
      unknown
    >;
    expect([identity, state]).toEqual([expect.objectContaining({ name: "rack7" }), "degraded"]);
  });

  it("asks several, and one that is away does not keep the others from answering", async () => {
    const a: FakeAgent = await known({
      name: "rack-a",
      handlers: { "status.get": () => statusOf(a) },
    });
    const b = await known({ name: "rack-b" });
    const c: FakeAgent = await known({
      name: "rack-c",
      handlers: { "status.get": () => statusOf(c, { booting: ["v100"] }) },
    });
    await b.close();
    const run = await desk.run("status", "rack-a", "rack-b", "rack-c");
    expect(run.status).toBe(1);
    expect(run.stdout.split("\n").map((line) => line.split(/ {2,}/)[0])).toEqual([
      "AGENT",
      "rack-a",
      "rack-c",
      "",
    ]);
    expect(run.stderr).toContain("E_UNREACHABLE");
    const lines = jsonLines(await desk.run("status", "rack-a", "rack-b", "--json"));
    expect(lines).toMatchObject([
      { identity: { name: "rack-a" } },
      { agent: "rack-b", error: { code: "E_UNREACHABLE" } },
    ]);
  });

  it("asks all that are found and known, and says who was never met, without believing them", async () => {
    const a: FakeAgent = await known({
      name: "rack-a",
      handlers: { "status.get": () => statusOf(a) },
    });
    const b: FakeAgent = await FakeAgent.open({
      name: "rack-b",
      handlers: { "status.get": () => statusOf(b) },
    });
    desk.announce(b);
    const run = await desk.run("status");
    expect([run.status, run.stdout]).toEqual([0, expect.stringContaining("rack-a")]);
    expect(run.stdout).toContain("not met before");
    expect(readFileSync(path.join(desk.home, "known-agents.yaml"), "utf8")).not.toContain("rack-b");
    expect((await new Desk().run("status")).error?.cure).toContain("pilotlight discover");
  });

  it("shows nothing that steers a terminal", async () => {
    const agent: FakeAgent = await known({
      handlers: {
        "status.get": () => statusOf(agent, { reasons: ["\u001b[2J\u001b]0;x\u0007\u202e"] }),
      },
    });
    const run = await desk.run("status", "rack7");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(run.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });
});

describe("machines", () => {
  const plan = {
    machine: V100,
    server: "172.24.42.150",
    offers: [
      { family: "openfirmware", bootFile: "ofwboot.net", why: "the profile's loader ".repeat(9) },
    ],
    files: [{ name: "netbsd", octets: 6_000_000, state: "served" }],
    root: { path: "/srv/root" },
    bootparams: { root: "172.24.42.150:/srv/root" },
  };

  it("lists them in 80 columns, and shows what one is offered", async () => {
    const machines = [
      { ...V100, overrides: [{ kind: "hold", by: "eva", since: "x" }] as const },
      PC1,
    ];
    await known({
      handlers: { "machines.list": () => ({ machines }), "machines.plan": () => plan },
    });
    const list = await desk.run("machines", "rack7");
    expect(list.stdout).toMatch(
      /^NAME +IP +MAC +PROFILE +NOW\nv100 .* held by eva\npc1 .* never seen\n$/,
    );
    const one = await desk.run("machines", "rack7", "v100");
    for (const part of ["ofwboot.net", "netbsd", "6.00 MB", "root     /srv/root"])
      expect(one.stdout).toContain(part);
    expect(Math.max(widest(list.stdout), widest(one.stdout))).toBeLessThanOrEqual(80);
    expect(json(await desk.run("machines", "rack7", "--json"))).toMatchObject({
      agent: "rack7",
      machines,
    });
  });

  it("says what is most important of each", () => {
    const nowMs = Date.parse("2026-11-21T13:00:00Z");
    const last = { time: "2026-11-21T10:00:00Z", event: "x", outcome: "done" };
    expect(nowText(PC1, nowMs)).toBe("never seen");
    expect(nowText({ ...V100, last }, nowMs)).toBe("3 h ago, openfirmware");
    expect(nowText({ ...V100, last, booting: true }, nowMs)).toBe("booting");
    const boot = { kind: "boot", profile: "rescue", by: "eva", since: "x", taken: false } as const;
    expect(nowText({ ...V100, overrides: [boot] }, nowMs)).toBe("next: rescue");
    expect(nowText({ ...V100, booting: true, overrides: [{ ...boot, taken: true }] }, nowMs)).toBe(
      "booting, boots rescue",
    );
  });
});

describe("boot, hold, release, wake", () => {
  function rack(name: string, machines: readonly MachineStatus[]): FakeOptions {
    const same = ({ machine }: { readonly machine: string }): MachineStatus => {
      const found = machines.find((m) => m.name === machine);
      if (found) return found;
      throw new AgentError("E_NOT_FOUND", `no machine ${machine}`);
    };
    return {
      name,
      handlers: {
        "machines.list": () => ({ machines }),
        "machines.boot": same,
        "machines.hold": same,
        "machines.release": same,
        "machines.wake": same,
      },
    };
  }

  it("find the agent that has the machine", async () => {
    const a = await known(rack("rack-a", [V100]));
    const b = await known(rack("rack-b", [PC1]));
    const boot = await desk.run("boot", "pc1", "rescue", "--once");
    expect(boot.stdout).toContain("rack-b: the next boot of pc1 uses rescue");
    for (const kind of ["hold", "release", "wake"]) {
      const run = await desk.run(kind, "v100");
      expect([kind, run.error, run.stdout]).toEqual([
        kind,
        undefined,
        expect.stringContaining("rack-a: v100"),
      ]);
    }
    const changes = (agent: FakeAgent): readonly string[] =>
      agent.done.map(({ verb }) => verb).filter((verb) => verb !== "machines.list");
    expect(changes(a)).toEqual(["machines.hold", "machines.release", "machines.wake"]);
    expect(changes(b)).toEqual(["machines.boot"]);
  });

  it("list those that have it when there are several, and say who was not reached when none has", async () => {
    await known(rack("rack-a", [V100]));
    const b = await known(rack("rack-b", [V100]));
    const several = await desk.run("hold", "v100");
    expect([several.status, several.error?.message]).toEqual([
      2,
      "several agents have a machine v100: rack-a, rack-b",
    ]);
    expect((await desk.run("hold", "v100", "--agent", "rack-b")).status).toBe(0);
    await b.close();
    const none = await desk.run("hold", "v1000");
    expect(none.error).toMatchObject({
      code: "E_NOT_FOUND",
      message: "rack-a: no machine v1000; not reached: rack-b",
      cure: "Did you mean v100?",
    });
  });

  it("do not go to an agent of a known name that has another key", async () => {
    const a = await known(rack("rack-a", [V100]));
    await a.close();
    const thief = await FakeAgent.open({ ...rack("rack-a", [V100]), port: a.port });
    const run = await desk.run("wake", "v100");
    expect([run.status, run.error?.code]).toEqual([1, "E_IDENTITY"]);
    expect(thief.done).toEqual([]);
  });

  it("take --once at its word", async () => {
    await known(rack("rack-a", [V100]));
    const run = await desk.run("boot", "v100", "rescue");
    expect([run.status, run.error?.cure]).toEqual([2, expect.stringContaining("--once")]);
  });

  it("say that the key is not trusted", async () => {
    const a = await known(rack("rack-a", [V100]));
    a.options.trusted?.clear();
    expect((await desk.run("hold", "v100", "--agent", "rack-a")).error?.code).toBe("E_FORBIDDEN");
  });
});

describe("events", () => {
  it("puts the journals of several agents together by time", async () => {
    await known({
      name: "a",
      handlers: { "journal.get": () => ({ entries: [entry(1, "m1"), entry(3, "m3")] }) },
    });
    await known({
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
    const agent = await known({
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
    await known({});
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
    const agent = await known(recording());
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
    await known(recording());
    const run = await desk.run("capture", "get", "rack7", "3", "--out", "-");
    expect(run.stdout).toBe(octets.toString());
  });

  it("leaves no half file behind", async () => {
    await known({
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
    await known(recording([three, four]));
    expect((await desk.run("capture", "stop", "rack7")).error?.message).toContain("3, 4");
    expect((await desk.run("capture", "get", "rack7", "9")).error?.code).toBe("E_NOT_FOUND");
    expect((await desk.run("capture", "start", "rack7", "--size", "much")).status).toBe(2);
  });
});

describe("loglevel and restart", () => {
  it("reach the agent", async () => {
    const agent = await known({
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
