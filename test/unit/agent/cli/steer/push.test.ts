import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Bundle } from "../../../../../agent/bundle/bundle.ts";
import { openBundle } from "../../../../../agent/bundle/open-bundle.ts";
import { writeBundleFile } from "../../../../../agent/cli/steer/bundle-file.ts";
import { type PushOptions, push } from "../../../../../agent/cli/steer/push.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { replaceFile } from "../../../../../agent/state/replace-file.ts";
import { FakeRack, NOW_MS, type SteerRun } from "../../../../support/fake-rack.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const OLD = "site: old\nnetwork: { address: 172.24.42.150/24 }\n";
const NEW = `site: new
network: { address: 172.24.42.150/24 }
profiles: { p: { files: { config: { template: config.liquid } } } }
machines: { v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51, profile: p } }
`;
const NOW_S = NOW_MS / 1000;

let dir: string;
let file: string;
let rack: FakeRack;

beforeEach(() => {
  dir = tempDir({ "site.yaml": NEW, "config.liquid": "name={{ machine.name }}\n" });
  file = path.join(dir, "site.yaml");
  rack = new FakeRack("rack7", "rack8", "rack9");
});

function pushed(
  agents: readonly string[],
  options: PushOptions = {},
  each?: (second: number) => void,
): Promise<SteerRun> {
  return rack.run((steering) => push(steering, file, agents, options), each);
}

function json(run: SteerRun): readonly Record<string, unknown>[] {
  return run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("push", () => {
  it("asks once, puts one bundle to exactly these agents, and confirms it while it is well", async () => {
    await rack.agent("rack7").start(rack.seal(OLD, 10));
    const run = await pushed(["rack7", "rack8"]);
    expect(run.status).toBe(0);
    expect(rack.questions).toEqual([`Push serial ${NOW_S} to 2 agents?`]);
    expect(rack.agent("rack7").history[0]).toMatchObject({ serial: NOW_S, state: "running" });
    expect(rack.agent("rack8").history[0]).toMatchObject({ serial: NOW_S, state: "running" });
    expect(rack.agent("rack9").asked).toEqual([]);
    expect(rack.agent("rack7").probationS).toBe(30);
    expect(run.stdout).toBe(
      `rack7:
  ~ site: name: old → new
  + machine v100 added: mac 00:03:ba:5b:ae:b3, ip 172.24.42.51, profile p
  + profile p added: files.config template config.liquid
rack8:
  + site added: name new
  + network added: address 172.24.42.150/24, dhcp authoritative, lease 43200 s,
      identity hardware
  + management added: read open
  + cache added: versions 3
  + machine v100 added: mac 00:03:ba:5b:ae:b3, ip 172.24.42.51, profile p
  + profile p added: files.config template config.liquid

AGENT      SERIAL  RESULT
rack7  ${NOW_S}  runs it
rack8  ${NOW_S}  runs it
`,
    );
  });

  it("keeps 80 columns", async () => {
    const run = await pushed(["rack7", "nobody"]);
    for (const line of run.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("changes nothing for --dry-run, nor when the answer is no", async () => {
    const dry = await pushed(["rack7"], { dryRun: true });
    expect([dry.status, rack.questions]).toEqual([0, []]);
    expect(dry.stdout).toContain("would take it");
    rack.says = false;
    const no = await pushed(["rack7"]);
    expect([no.status, rack.questions.length]).toEqual([0, 1]);
    expect(no.stdout).toContain("left as it is");
    expect(rack.agent("rack7").asked).not.toContain("site.put");
  });

  it("does not ask where there is no terminal, with --yes and with --json", async () => {
    rack.says = undefined;
    expect((await pushed(["rack7"])).stdout).toContain("runs it");
    rack.says = false;
    rack.wallMs += 1000;
    expect((await pushed(["rack7"], { yes: true })).stdout).toContain("runs it");
    rack.wallMs += 1000;
    const [line] = json(await pushed(["rack7"], { json: true }));
    expect(line).toMatchObject({ agent: "rack7", serial: NOW_S + 2, result: "running" });
    expect(rack.questions).toHaveLength(1);
  });

  it("numbers above what any of the agents has accepted, unless a number is given", async () => {
    await rack.agent("rack7").start(rack.seal(OLD, NOW_S + 500));
    await pushed(["rack7", "rack8"]);
    expect(rack.agent("rack8").history[0]?.serial).toBe(NOW_S + 501);
    await pushed(["rack8"], { serial: NOW_S + 9000 });
    expect(rack.agent("rack8").history[0]?.serial).toBe(NOW_S + 9000);
    const low = await pushed(["rack8"], { serial: 3 });
    expect(low.status).toBe(1);
    expect(low.stdout).toContain("E_BUNDLE_REFUSED: its serial number 3 is not above");
  });

  it("does not confirm what makes an agent unwell, and says why it went back", async () => {
    await rack.agent("rack7").start(rack.seal(OLD, 10));
    rack.agent("rack7").degraded = { new: ["3 assets are refused"] };
    const run = await pushed(["rack7", "rack8"]);
    expect(run.status).toBe(1);
    expect(rack.agent("rack7").asked).not.toContain("site.confirm");
    expect(rack.agent("rack7").runs).toBe("old");
    expect(rack.agent("rack8").runs).toBe("new");
    expect(run.stdout).toContain("went back");
    expect(run.stdout.replace(/\s+/g, " ")).toContain(
      "rack7: nobody confirmed it in time; it was not confirmed, since 3 assets are refused",
    );
  });

  it("confirms an agent that was as unwell before, and with --keep-degraded any", async () => {
    const agent = rack.agent("rack7");
    await agent.start(rack.seal(OLD, 10));
    agent.degraded = { old: ["3 assets are refused"], new: ["4 assets are refused"] };
    const run = await pushed(["rack7"]);
    expect([run.status, agent.runs]).toEqual([0, "new"]);
    expect(run.stdout).toContain("runs it, but is degraded");
    expect(run.stdout).toContain("  4 assets are refused");
    agent.degraded = { new: ["eth0 is gone"] };
    rack.agent("rack8").degraded = agent.degraded;
    expect((await pushed(["rack8"], { keepDegraded: true })).status).toBe(0);
    expect(rack.agent("rack8").runs).toBe("new");
  });

  it("goes on with the others when one cannot be reached, runs a file, or refuses", async () => {
    rack.agent("rack7").localFile = "/etc/pilotlight/site.yaml";
    rack
      .agent("rack8")
      .failures.set("site.validate", new AgentError("E_FORBIDDEN", "your key is not trusted"));
    const run = await pushed(["rack7", "rack8", "rack9", "nobody"], { json: true });
    expect(run.status).toBe(1);
    expect(json(run)).toMatchObject([
      { agent: "nobody", result: "failed", error: { code: "E_UNREACHABLE" } },
      { agent: "rack7", result: "failed", error: { code: "E_CONFIG" } },
      { agent: "rack8", result: "failed", error: { code: "E_FORBIDDEN" } },
      { agent: "rack9", result: "running" },
    ]);
  });

  it("with --stop-on-failure goes one by one, and begins none after one that failed", async () => {
    await rack.agent("rack7").start(rack.seal(OLD, 10));
    rack.agent("rack8").failures.set("site.put", new AgentError("E_CONFIG", "no such interface"));
    const run = await pushed([], { all: true, stopOnFailure: true, json: true });
    expect(run.status).toBe(1);
    expect(json(run)).toMatchObject([
      { agent: "rack7", result: "running" },
      { agent: "rack8", result: "failed", error: { code: "E_CONFIG" } },
      { agent: "rack9", result: "left" },
    ]);
    expect(rack.agent("rack9").asked).not.toContain("site.put");
  });

  it("calls agents that are not there by the name that they had", async () => {
    rack.agent("rack8").unplugged = true;
    const run = await pushed([], { all: true });
    expect(run.stdout).toMatch(/^rack8 .*E_UNREACHABLE$/m);
  });

  it("with --stop-on-failure begins none at all where one would refuse", async () => {
    const run = await pushed(["rack7", "nobody"], { stopOnFailure: true });
    expect(run.status).toBe(1);
    expect(rack.agent("rack7").asked).not.toContain("site.put");
  });

  it("finds an agent again that lost its network with the new site, and tells that it went back", async () => {
    const agent = rack.agent("rack7");
    await agent.start(rack.seal(OLD, 10));
    agent.breaksOnApply = true;
    const run = await pushed(["rack7"], { probation: 5 });
    expect([run.status, agent.runs]).toEqual([1, "old"]);
    expect(run.stdout).toContain("nobody confirmed it in time");
  });

  it("ends when an agent is never reached again", async () => {
    const run = await pushed(["rack7"], { probation: 5 }, () => {
      if (rack.agent("rack7").onProbation) rack.agent("rack7").unplugged = true;
    });
    expect(run.status).toBe(1);
    expect(run.stdout).toContain("unknown");
    expect(run.stdout.replace(/\s+/g, " ")).toContain("unconfirmed, it goes back by itself");
  });

  it("leaves what is on probation unconfirmed when it is interrupted", async () => {
    const run = await pushed(["rack7"], {}, () => {
      if (rack.agent("rack7").onProbation) rack.interrupt();
    });
    expect(run.status).toBe(1);
    expect(run.stdout).toContain("interrupted");
    expect(rack.agent("rack7").asked).not.toContain("site.confirm");
  });

  it("looks again when a confirmation comes too late", async () => {
    rack.agent("rack7").failures.set("site.confirm", new AgentError("E_CONFIG", "too late"));
    expect((await pushed(["rack7"])).status).toBe(0);
    expect(rack.agent("rack7").runs).toBe("new");
  });

  it("reads by signed requests where the site lets only operators read", async () => {
    rack.agent("rack7").readSigned = true;
    expect((await pushed(["rack7"])).status).toBe(0);
  });

  it("puts to an agent once that was named twice", async () => {
    const run = await pushed(["rack7", rack.agent("rack7").fingerprint], { json: true });
    expect(json(run)).toHaveLength(1);
  });

  it.each([
    ["site: new\nnetwrok: {}\n", "E_SITE_INVALID"],
    [NEW.replace("config.liquid", "gone.liquid"), "E_SITE_INVALID"],
    [NEW.replace("config.liquid", "bad.liquid"), "E_TEMPLATE"],
  ])("says the mistakes of a site before anybody is asked", async (text, code) => {
    file = path.join(
      tempDir({ "site.yaml": text, "bad.liquid": "{{ machine.nme }}" }),
      "site.yaml",
    );
    const run = await pushed(["rack7"]);
    expect(run.error?.code).toBe(code);
    expect(rack.agent("rack7").asked).toEqual([]);
  });

  it.each([
    [[], {}],
    [["rack7"], { all: true }],
    [["rack7"], { expires: "soon" }],
    [["rack7"], { expires: "1h", notBefore: "2h" }],
    [["rack7"], { notBefore: "2026-13-40" }],
  ] as const)("refuses %j %j", async (agents, options) => {
    const run = await pushed(agents, options);
    expect(run.status).toBe(2);
    expect(rack.agent("rack7").asked).toEqual([]);
  });
});

describe("push --out", () => {
  const written = (out: string): { bundle: Bundle } => openBundle(readFileSync(out));

  it("writes a bundle for agents that are named, asking only those that are not named whole", async () => {
    await rack.agent("rack7").start(rack.seal(OLD, NOW_S + 500));
    const out = path.join(dir, "a.bundle");
    const absent = "a".repeat(52);
    const run = await rack.run((s) =>
      writeBundleFile(s, file, ["rack7", absent], { out, expires: "30d" }, replaceFile),
    );
    expect([run.status, run.stderr]).toEqual([0, ""]);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(written(out).bundle).toMatchObject({
      serial: NOW_S + 501,
      targets: { agents: [absent, rack.agent("rack7").fingerprint] },
      expires: NOW_S + 30 * 86_400,
      main: "site.yaml",
    });
    expect(rack.agent("rack7").asked).not.toContain("site.put");
  });

  it("writes one for every agent", async () => {
    const out = path.join(dir, "any.bundle");
    const run = await rack.run((s) =>
      writeBundleFile(s, file, [], { out, any: true, json: true, notBefore: "2h" }, replaceFile),
    );
    expect(json(run)[0]).toMatchObject({ out, serial: NOW_S, site: "new", agents: [] });
    expect(written(out).bundle).toMatchObject({ targets: { any: true }, notBefore: NOW_S + 7200 });
  });

  it("writes nothing for nobody, for an agent that is not reached, or where it may not", async () => {
    const out = path.join(dir, "no.bundle");
    const tries = [
      [[], {}],
      [["rack7"], { any: true }],
      [["nobody"], {}],
    ] as const;
    for (const [agents, options] of tries) {
      const run = await rack.run((s) =>
        writeBundleFile(s, file, agents, { ...options, out }, replaceFile),
      );
      expect(run.status).toBeGreaterThan(0);
      expect(() => statSync(out)).toThrow();
    }
    const run = await rack.run((s) =>
      writeBundleFile(s, file, [], { any: true, out: "/nowhere/x" }, replaceFile),
    );
    expect(run.error?.message).toContain("/nowhere/x cannot be written");
  });
});
