import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { nowText } from "../../../../../agent/cli/steer/machines.ts";
import type { MachineStatus } from "../../../../../agent/control/messages.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { FakeAgent, type FakeOptions, statusOf } from "../../../../support/fake-agent.ts";
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

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => [...line].length));
}

describe("status", () => {
  it("tells all of one agent, in 80 columns", async () => {
    const agent: FakeAgent = await desk.known({
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
            dhcp: { mode: "auto", conduct: "proxy", otherServers: 1 },
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
      "auto (proxy), 1 other server gives addresses",
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
    const a: FakeAgent = await desk.known({
      name: "rack-a",
      handlers: { "status.get": () => statusOf(a) },
    });
    const b = await desk.known({ name: "rack-b" });
    const c: FakeAgent = await desk.known({
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
    const a: FakeAgent = await desk.known({
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
    const agent: FakeAgent = await desk.known({
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
    await desk.known({
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
    const a = await desk.known(rack("rack-a", [V100]));
    const b = await desk.known(rack("rack-b", [PC1]));
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
    await desk.known(rack("rack-a", [V100]));
    const b = await desk.known(rack("rack-b", [V100]));
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
    const a = await desk.known(rack("rack-a", [V100]));
    await a.close();
    const thief = await FakeAgent.open({ ...rack("rack-a", [V100]), port: a.port });
    const run = await desk.run("wake", "v100");
    expect([run.status, run.error?.code]).toEqual([1, "E_IDENTITY"]);
    expect(thief.done).toEqual([]);
  });

  it("take --once at its word", async () => {
    await desk.known(rack("rack-a", [V100]));
    const run = await desk.run("boot", "v100", "rescue");
    expect([run.status, run.error?.cure]).toEqual([2, expect.stringContaining("--once")]);
  });

  it("say that the key is not trusted", async () => {
    const a = await desk.known(rack("rack-a", [V100]));
    a.options.trusted?.clear();
    expect((await desk.run("hold", "v100", "--agent", "rack-a")).error?.code).toBe("E_FORBIDDEN");
  });
});
