import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess, MAIN } from "../../support/agent-process.ts";
import { LiveTap } from "../../support/live-tap.ts";
import { Namespace } from "../../support/netns.ts";
import { until } from "../../support/until.ts";
import type { TimedFrame } from "./cut.ts";

/** The same in every rack: they are separate wires. */
export const RACK = { interface: "rack0", cidr: "172.24.42.150/24" } as const;
export const LAN = {
  interface: "lan0",
  laptop: "10.77.0.2",
  stranger: "10.77.0.66",
  agent: (n: number): string => `10.77.0.${11 + n}`,
} as const;

/** The machine of each rack. */
export const SUN = { mac: "00:03:ba:5b:ae:b3", kernel: "netbsd" } as const;

/** A site for any of the racks, with assets from a store at `url`. */
export function siteText(url: string): string {
  return `site: three-racks
network: { interface: ${RACK.interface}, address: ${RACK.cidr} }
management: { interfaces: [${LAN.interface}] }
assets:
  ofwboot: { url: "${url}/ofwboot.net" }
  netbsd: { url: "${url}/netbsd" }
profiles:
  netbsd-sparc64:
    bsd: { loader: ofwboot, root: { ${SUN.kernel}: netbsd } }
machines:
  v100: { mac: "${SUN.mac}", ip: 172.24.42.51, profile: netbsd-sparc64 }
`;
}

/** What a command that ran to its end said. */
export interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host of the LAN with a home folder of its own for the keys of whoever sits there. */
export class Host {
  readonly ns: Namespace;
  readonly home: string;

  constructor(ns: Namespace, dir: string) {
    this.ns = ns;
    this.home = mkdtempSync(join(dir, "home-"));
  }

  /** Runs `pilotlight ARGS` to its end. */
  async pilotlight(...args: readonly string[]): Promise<Said> {
    const child = this.ns.spawn(...this.words(args));
    child.stdin.end();
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (piece: Buffer) => {
      stdout += piece.toString();
    });
    child.stderr.on("data", (piece: Buffer) => {
      stderr += piece.toString();
    });
    const [status] = (await once(child, "close")) as [number | null];
    return { status: status ?? -1, stdout, stderr };
  }

  /** Runs it and throws, with all that it said, when it failed. */
  async done(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.pilotlight(...args);
    if (status !== 0) throw new Error(`${args.join(" ")}: status ${status}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Starts it, to be ended by the caller. */
  start(...args: readonly string[]): AgentProcess {
    return AgentProcess.start(this.ns, args, ["env", `PILOTLIGHT_HOME=${this.home}`]);
  }

  private words(args: readonly string[]): readonly string[] {
    return ["env", `PILOTLIGHT_HOME=${this.home}`, process.execPath, MAIN, ...args];
  }
}

/**
 * Five hosts, each in its namespace: three agents, a laptop and a stranger share a LAN; each agent has a rack behind it.
 *
 *     agent n:  lan0 10.77.0.(11+n) ─┐              rack0 172.24.42.150 ── (laptop's namespace) machine<n>
 *     stranger: lan0 10.77.0.66     ─┤ br0 10.77.0.2 of the laptop
 *
 * The far ends of the racks' wires are in the laptop's namespace, without an address: simulated machines boot over them.
 */
export class RackLan {
  readonly dir: string = mkdtempSync(join(tmpdir(), "pilotlight-steering-"));
  readonly agents: readonly Namespace[];
  readonly laptop: Host;
  readonly stranger: Host;
  private readonly all: readonly Namespace[];
  private tap: LiveTap | undefined;

  private constructor(agents: readonly Namespace[], laptop: Namespace, stranger: Namespace) {
    this.agents = agents;
    this.laptop = new Host(laptop, this.dir);
    this.stranger = new Host(stranger, this.dir);
    this.all = [...agents, stranger, laptop];
  }

  static async create(): Promise<RackLan> {
    const laptop = await Namespace.create();
    const agents: Namespace[] = [];
    for (let n = 0; n < 3; n++) agents.push(await Namespace.create(laptop));
    const stranger = await Namespace.create(laptop);
    laptop.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    laptop.run("ip", "link", "set", "br0", "up");
    laptop.run("ip", "addr", "add", `${LAN.laptop}/24`, "brd", "+", "dev", "br0");
    const join = (ns: Namespace, port: string, address: string): void => {
      laptop.connect(port, ns, LAN.interface);
      laptop.run("ip", "link", "set", port, "master", "br0");
      ns.run("ip", "addr", "add", `${address}/24`, "brd", "+", "dev", LAN.interface);
    };
    for (const [n, agent] of agents.entries()) {
      join(agent, `port${n}`, LAN.agent(n));
      agent.connect(RACK.interface, laptop, machineWire(n));
      agent.run("ip", "addr", "add", RACK.cidr, "brd", "+", "dev", RACK.interface);
      agent.reversePathFilter(1, LAN.interface, RACK.interface);
    }
    join(stranger, "port9", LAN.stranger);
    return new RackLan(agents, laptop, stranger);
  }

  /** From now on all that the LAN carries is kept. */
  async record(): Promise<void> {
    this.tap = await LiveTap.open(this.laptop.ns, "lane", "br0");
  }

  /** What it carried since then, and when. */
  get recorded(): readonly TimedFrame[] {
    const { frames = [], timesMs = [] } = this.tap ?? {};
    return frames.map((octets, i) => ({ octets, timeMs: timesMs[i] ?? 0 }));
  }

  /** A file in the laptop's folder. */
  file(name: string, text: string | Uint8Array): string {
    const file = join(this.dir, name);
    writeFileSync(file, text);
    return file;
  }

  async close(): Promise<void> {
    await this.tap?.close();
    for (const ns of this.all) await ns.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Powers the Sun of an agent's rack on; what it told, a line each. */
export async function bootSun(lan: RackLan, n: number): Promise<string> {
  const wire = machineWire(n);
  const how = ["--interface", wire, "--mac", SUN.mac, "--kernel", SUN.kernel, "--timeout", "60"];
  return lan.laptop.done("sim", "openfirmware", ...how);
}

/** The far end of an agent's rack. */
export function machineWire(agent: number): string {
  return `machine${agent}`;
}

/** A flashed-blank agent: it was given nothing but its name. */
export function blankAgent(
  lan: RackLan,
  n: number,
  name: string,
  state: string,
  ...more: readonly string[]
): AgentProcess {
  const options = ["--json", "--name", name, "--state", state, ...more];
  return AgentProcess.start(agentOf(lan, n), ["serve", ...options]);
}

/** The claim code that an agent shows on its console. */
export async function claimCode(agent: AgentProcess): Promise<string> {
  return until(
    () => `a claim code: ${agent.stderr}`,
    () => /claim code (\S+):/.exec(agent.stderr)?.[1],
  );
}

/** A web server on the laptop: what the site's assets are fetched from. */
export class Store {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  static async open(ns: Namespace, folder: string, port: number): Promise<Store> {
    const program = `
      const { createServer } = require("node:http");
      const { readFileSync } = require("node:fs");
      createServer((request, response) => {
        try { response.end(readFileSync(${JSON.stringify(folder)} + "/" + request.url.slice(1))); }
        catch { response.statusCode = 404; response.end(); }
      }).listen(${port}, ${JSON.stringify(LAN.laptop)}, () => console.log("up"));`;
    const child = ns.spawn(process.execPath, "-e", program);
    await once(child.stdout, "data");
    return new Store(child);
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}

function agentOf(lan: RackLan, n: number): Namespace {
  const ns = lan.agents[n];
  if (!ns) throw new Error(`there is no agent ${n}`);
  return ns;
}
