import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { AgentProcess } from "../support/agent-process.ts";
import { askAnswered, RawTcp } from "../support/asking.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import type { Namespace } from "../support/netns.ts";
import { QUESTIONS, type Question, REQUESTS, read } from "../support/questions.ts";
import { RawRack } from "../support/raw-rack.ts";
import { ip, type RawHost } from "../support/raw-wire.ts";
import { until } from "../support/until.ts";

const SERVE = ["serve", "--json", "--interface", NET.rack, "--site"];

let inside: Namespace;
let rackMac: Uint8Array;
let u5: RawHost;
let site: BootSite;
const sites: BootSite[] = [];
const agents: AgentProcess[] = [];

beforeAll(async () => {
  const rack = await RawRack.open();
  ({ inside, rackMac, u5 } = rack);
  site = siteWith((text) => text);
  return async () => {
    await rack.close();
    for (const s of sites) s.remove();
  };
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.close();
});

function siteWith(change: (text: string) => string): BootSite {
  const made = new BootSite(change);
  sites.push(made);
  return made;
}

function start(args: readonly string[], launcher: readonly string[] = []): AgentProcess {
  const agent = AgentProcess.start(inside, args, launcher);
  agents.push(agent);
  return agent;
}

async function serving(path: string): Promise<AgentProcess> {
  const agent = start([...SERVE, path]);
  await agent.ready();
  return agent;
}

/** Runs a command that is expected to fail; what it said. */
async function failing(
  status: number,
  args: readonly string[],
  launcher: readonly string[] = [],
): Promise<string> {
  const agent = start(args, launcher);
  expect([await agent.exit(), agent.stderr]).toEqual([status, expect.any(String)]);
  return agent.stderr;
}

function question(name: string): Question {
  const found = QUESTIONS.find((q) => q.name === name);
  if (!found) throw new Error(`${name} is not asked`);
  return found;
}

/** Sockets that take datagrams or connections in the agent's namespace, as the kernel lists them. */
function openPorts(): readonly string[] {
  const rows = (file: string): readonly (readonly string[])[] =>
    inside
      .run("cat", file)
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
  const listening = rows("/proc/net/tcp").filter((row) => row[3] === "0A");
  return [...rows("/proc/net/udp"), ...listening].map((row) => row[1] ?? "");
}

/** RARP again and again, as a PROM does, until the agent answers. */
async function askByRarp(): Promise<void> {
  const from = u5.wire.seen.length;
  await until("an answer to RARP", () => {
    u5.rarpRequest();
    return u5.wire.seen.slice(from).some((s) => s.kind === "rarp" && s.dstMac === u5.macText);
  });
}

describe("pilotlight serve", () => {
  it("says when it is ready, and for which site, interface, address and machines", async () => {
    const agent = await serving(site.path);
    expect(agent.stderr).toContain(
      `ready: site boot-test on ${NET.rack} as ${NET.agent}, 2 machines, board `,
    );
    await askAnswered(u5, rackMac, question("TFTP read"), "unicast");
  });

  it("leaves nothing behind when it is stopped in the middle of a transfer", async () => {
    const agent = await serving(site.path);
    await askByRarp();
    const neighbours = (): string => inside.run("ip", "neigh", "show", "nud", "permanent");
    expect(neighbours()).toContain(NET.u5.ip);
    const from = u5.wire.seen.length;
    u5.udp({ mac: rackMac, ip: ip(NET.agent), port: 69 }, 2_000, read(NET.longFile));
    await until("the first block", () => u5.wire.seen.slice(from).find((s) => s.dstPort === 2_000));
    const connections = REQUESTS.map((r) => new RawTcp(u5, rackMac, r));
    await until("answers by TCP", () => connections.every((c) => c.received > 0));
    expect(openPorts()).not.toEqual([]);

    agent.signal("SIGTERM");
    expect([await agent.exit(), agent.stderr]).toEqual([0, expect.stringContaining("stopping")]);
    expect(openPorts()).toEqual([]);
    expect(neighbours()).toBe("");
    // An answer that still waited for its neighbour entry may come after it.
    expect(agent.journal.findLast(({ protocol }) => protocol === "tftp")).toMatchObject({
      machine: "u5",
      outcome: "failed",
      decision: "the agent stops",
      total: NET.longLen,
    });
  });

  it("stops cleanly while answers are being prepared", async () => {
    const agent = await serving(site.path);
    await askByRarp();
    agent.signal("SIGTERM");
    await until("the end", () => {
      u5.rarpRequest(); // there is always one that waits for its neighbour entry
      return agent.status !== undefined;
    });
    expect([agent.status, agent.stderr]).toEqual([0, expect.stringContaining("stopping")]);
    expect(inside.run("ip", "neigh", "show", "nud", "permanent")).toBe("");
  });

  it("serves what it can when an asset is missing, and tells which", async () => {
    const lame = siteWith((text) =>
      text
        .replace("assets:", "assets:\n  gone: { file: gone.bin }")
        .replace("files: {", "files: { gone: gone,"),
    );
    const agent = await serving(lame.path);
    const warning = /warn: .*gone: .*E_ASSET_MISSING: .*gone\.bin.*\. .*relative to the site file/;
    await until("a warning", () => warning.test(agent.stderr));
    await askAnswered(u5, rackMac, question("TFTP read"), "unicast");
    const gone = { ...question("TFTP read"), payload: () => read("gone") };
    const answer = await askAnswered(u5, rackMac, gone, "unicast");
    expect(Buffer.from(answer.payload.u8).toString("latin1")).toBe("\0\x05\0\0not available now\0");
    expect(await failing(1, ["check", lame.path])).toContain("E_ASSET_MISSING: ");
  });

  it("names the port that another program holds, and leaves that program alone", async () => {
    await serving(site.path);
    const said = await failing(1, [...SERVE, site.path]);
    expect(said).toMatch(/E_PORT_IN_USE: UDP 172\.24\.42\.150:69 is in use\n.*`ss -lunpt`/);
    await askAnswered(u5, rackMac, question("TFTP read"), "unicast");
  });

  it("tells which interfaces there are when the one given is none of them", async () => {
    const args = ["serve", "--site", site.path, "--interface", "rack9"];
    const said = await failing(1, args);
    expect(said).toContain('E_INTERFACE: there is no interface "rack9"\n');
    expect(said).toContain(`those that there are: ${NET.rack}.`);
  });

  it("tells what to type when the address is missing, and starts when that was typed", async () => {
    inside.run("ip", "addr", "flush", "dev", NET.rack);
    const said = await failing(1, [...SERVE, site.path]);
    expect(said).toContain("E_INTERFACE: ");
    const typed = /Type: (ip link .*)/.exec(said)?.[1];
    inside.run("sh", "-c", typed ?? "false");
    await serving(site.path);
  });

  it("tells what to type when only the site's address is missing", async () => {
    inside.run("ip", "addr", "add", "192.0.2.1/24", "dev", NET.rack);
    inside.run("ip", "addr", "del", NET.cidr, "dev", NET.rack);
    const said = await failing(1, [...SERVE, site.path]);
    expect(said).toContain(
      `E_INTERFACE: interface "${NET.rack}" does not have the site's address ${NET.agent}\n`,
    );
    const typed = /Type: (ip addr .*)/.exec(said)?.[1];
    inside.run("sh", "-c", typed ?? "false");
    inside.run("ip", "addr", "del", "192.0.2.1/24", "dev", NET.rack);
    await serving(site.path);
  });

  it.each([
    { lacks: "low ports", keep: "", what: `UDP ${NET.agent}:69: not permitted` },
    { lacks: "raw frames", keep: ",+net_bind_service", what: `raw frames on ${NET.rack}: ` },
  ])("tells what to type when it lacks the privilege for $lacks", async ({ keep, what }) => {
    const launcher = ["setpriv", `--bounding-set=-all${keep}`];
    const said = await failing(1, [...SERVE, site.path], launcher);
    expect(said).toContain(`E_CAPABILITY: ${what}`);
    expect(said).toContain("Type the command again with `sudo` in front of it");
    expect(openPorts()).toEqual([]);
  });

  it("points at the place of a mistake in the site, as check does", async () => {
    const wrong = siteWith((text) => text.replace("profile: sun", "profle: sun"));
    for (const args of [
      [...SERVE, wrong.path],
      ["check", wrong.path],
    ]) {
      const said = await failing(1, args);
      expect(said).toContain("E_SITE_INVALID: ");
      expect(said).toContain(`${wrong.path}:12:55: unknown key "profle" in machine "v100"`);
      expect(said).toContain('did you mean "profile"?');
    }
  });

  it.each([
    { args: ["--board", "pdp11"], status: 1, says: /E_BOARD_UNKNOWN: .*"pdp11".*generic-x64/ },
    { args: ["--frob"], status: 2, says: /unknown option '--frob'\n.*--help/ },
    { args: ["--log-level", "loud"], status: 2, says: /'loud' is invalid.*debug.*\n.*--help/ },
    { args: ["--control-port", "0"], status: 2, says: /A port is a number from 1 to 65535/ },
    { args: ["--management", "none", "eth0"], status: 2, says: /E_USAGE: .*"none" stands beside/ },
    { args: ["--medium", "/nowhere"], status: 1, says: /E_CONFIG: cannot read \/nowhere/ },
    { args: ["--site"], status: 2, says: /argument missing\n.*--help/ },
  ])("ends with status $status for $args", async ({ args, status, says }) => {
    expect(await failing(status, [...SERVE, site.path, ...args])).toMatch(says);
  });

  it("wants to be told the interface when the site does not", async () => {
    const said = await failing(2, ["serve", "--site", site.path]);
    expect(said).toMatch(/E_USAGE: no interface: .*--interface/);
  });

  it("keeps to itself at --log-level error, and still prints the journal", async () => {
    const agent = start([...SERVE, site.path, "--log-level", "error"]);
    await askByRarp();
    await until("the journal", () => agent.journal.length > 0);
    agent.signal("SIGTERM");
    expect([await agent.exit(), agent.stderr]).toEqual([0, ""]);
  });

  it("logs objects with --log-format json", async () => {
    const agent = start([...SERVE, site.path, "--log-format", "json"]);
    await until("the ready line", () => agent.stderr.includes("ready: "));
    agent.signal("SIGTERM");
    expect(await agent.exit()).toBe(0);
    const lines = agent.stderr.trim().split("\n");
    const words = lines.map((line) => JSON.parse(line)).map(({ level, msg }) => [level, msg]);
    expect(words).toContainEqual([30, expect.stringMatching(/^ready: /)]);
  });

  it("prints a timeline where --json is not given", async () => {
    const agent = start(["serve", "--site", site.path, "--interface", NET.rack]);
    await agent.ready();
    await askByRarp();
    const line =
      /^\d\d:\d\d:\d\d\.\d{3} u5 +rarp +→ who is 08:00:20:a1:b2:c3\?: you are 172\.24\.42\.52, /m;
    await until("the timeline", () => line.test(agent.stderr));
  });
});
