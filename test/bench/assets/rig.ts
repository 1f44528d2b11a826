import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LAUNCHER_FLAGS, SMALL_LAUNCHER_FLAGS } from "../../../agent/cli/launcher.ts";
import { Namespace, type PipedChild } from "../../support/netns.ts";
import { agentCommand } from "../agent-command.ts";
import { Children, output, readText, residentMiB, waitFor } from "../children.ts";

/** The rack of the benches. */
export const NET = {
  rack: "rack0",
  agent: "172.24.42.150",
  cidr: "172.24.42.150/24",
  machine: "172.24.42.51",
  mac: "00:03:ba:5b:ae:b3",
  store: "http://127.0.0.1:9180",
} as const;

const SMALL_BOARD = "raspberry-pi-zero-2-w";
/** For profiles: what the agent's Node is started with. */
export const NODE_FLAGS: string[] = [];

/** Large frames, so that readers are not what is measured. */
const MTU = "9000";

/** A line of the agent's boot journal, as far as the benches look at it. */
export interface Entry {
  readonly protocol?: string;
  readonly outcome?: string;
  readonly event: string;
  readonly decision: string;
  readonly file?: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Two namespaces and a folder: the gateway with its store on its own loopback, and a machine at the other end of a cable. */
export class Rig {
  readonly dir: string;
  /** What the store has. */
  readonly root: string;
  readonly gateway: Namespace;
  readonly machine: Namespace;
  private readonly children = new Children();
  private count = 0;

  private constructor(dir: string, gateway: Namespace, machine: Namespace) {
    this.dir = dir;
    this.root = join(dir, "store");
    mkdirSync(this.root);
    this.gateway = gateway;
    this.machine = machine;
  }

  static async create(): Promise<Rig> {
    const gateway = await Namespace.create();
    const machine = await Namespace.create(gateway);
    gateway.connect(NET.rack, machine, "eth0");
    gateway.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
    gateway.run("ip", "link", "set", NET.rack, "mtu", MTU);
    machine.run("ip", "link", "set", "eth0", "mtu", MTU, "address", NET.mac);
    machine.run("ip", "addr", "add", `${NET.machine}/24`, "brd", "+", "dev", "eth0");
    gateway.reversePathFilter(1, NET.rack);
    return new Rig(mkdtempSync(join(tmpdir(), "pilotlight-bench-")), gateway, machine);
  }

  /** A path that nothing has yet. */
  fresh(name: string): string {
    this.count += 1;
    return join(this.dir, `${this.count}-${name}`);
  }

  /** A site whose assets the one machine may have as files of the same names. `assets`: name to YAML. */
  site(assets: Readonly<Record<string, string>>, more = ""): string {
    const path = this.fresh("site.yaml");
    const names = Object.keys(assets);
    const lines = names.map((n) => `  ${n}: ${assets[n]}`);
    const files = names.map((n) => `${n}: ${n}`).join(", ");
    writeFileSync(
      path,
      `site: bench
network: { address: ${NET.cidr} }
assets:
${lines.join("\n")}
profiles:
  p: { files: { ${files} } }
machines:
  m: { mac: "${NET.mac}", ip: ${NET.machine}, profile: p }
${more}`,
    );
    return path;
  }

  /** Debian's nginx with Debian's settings; `location`: more of the server block. */
  async nginx(location = ""): Promise<Server> {
    const dir = this.fresh("nginx");
    mkdirSync(dir);
    writeFileSync(join(dir, "nginx.conf"), nginxConfig(dir, this.root, location));
    const child = this.children.own(
      this.gateway.spawn("nginx", "-p", dir, "-c", "nginx.conf", "-e", "stderr"),
    );
    let said = "";
    child.stderr.on("data", (piece) => {
      said += piece;
    });
    await waitFor(
      () => `nginx: ${said}`,
      () => readText(join(dir, "nginx.pid")) !== "",
    );
    return { log: () => readText(join(dir, "access.log")), stop: () => this.children.end(child) };
  }

  /** Starts `pilotlight serve`; it need not be ready yet. */
  agent(site: string, state: string, board = SMALL_BOARD): AgentRun {
    const words = ["--site", site, "--state", state, "--interface", NET.rack, "--board", board];
    const flags = [
      ...NODE_FLAGS,
      ...(board === SMALL_BOARD ? SMALL_LAUNCHER_FLAGS : LAUNCHER_FLAGS),
    ];
    const command = agentCommand(["--json", ...words], flags);
    const child = this.children.own(this.gateway.spawn(...command));
    return new AgentRun(child, () => this.children.end(child));
  }

  /** Runs one of the machine's programs (`client.ts`) and gives what it found. */
  async client<T>(command: string, ...args: readonly string[]): Promise<T> {
    const program = fileURLToPath(new URL("client.js", import.meta.url));
    const child = this.machine.spawn(process.execPath, program, command, ...args);
    return JSON.parse(await output(this.children.own(child))) as T;
  }

  /** Runs a `pilotlight` of an operator's on the machine's end of the cable. */
  async pilotlight(...args: readonly string[]): Promise<string> {
    const main = join(process.cwd(), "dist/agent/main.js");
    const home = `PILOTLIGHT_HOME=${join(this.dir, "home")}`;
    return await output(
      this.children.own(this.machine.spawn("env", home, process.execPath, main, ...args)),
    );
  }

  /** Runs a command where the agent is. */
  async asGateway(...argv: readonly string[]): Promise<string> {
    return await output(this.children.own(this.gateway.spawn(...argv)));
  }

  async close(): Promise<void> {
    await this.children.endAll();
    await this.machine.close();
    await this.gateway.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A store that runs. */
export interface Server {
  /** Its access log: "GET /a 200 1711111111.123" for each answer, with the time at which its last octet was sent. */
  log(): string;
  stop(): Promise<void>;
}

/** An agent that runs: what it said, and when. */
export class AgentRun {
  readonly pid: number;
  /** When it was started, and when it said that it was ready, by `performance.now()`. */
  readonly startedMs: number = performance.now();
  readyMs = 0;
  readonly journal: Entry[] = [];
  readonly stop: () => Promise<void>;
  private said = "";
  private line = "";
  private readonly child: PipedChild;

  constructor(child: PipedChild, stop: () => Promise<void>) {
    this.child = child;
    this.pid = child.pid ?? 0;
    this.stop = stop;
    child.stderr.on("data", (piece: Buffer) => {
      this.said += piece.toString();
      if (this.readyMs === 0 && this.said.includes(" ready: ")) this.readyMs = performance.now();
    });
    child.stdout.on("data", (piece: Buffer) => this.take(piece.toString()));
  }

  async ready(): Promise<void> {
    await this.until("to be ready", () => this.readyMs > 0);
  }

  /** Waits for the entry of an asset that was fetched. */
  async fetched(name: string): Promise<void> {
    await this.until(`to fetch ${name}`, () =>
      this.journal.some((e) => e.outcome === "done" && e.event.startsWith(`${name}: fetched`)),
    );
  }

  async until(what: string, found: () => boolean): Promise<void> {
    await waitFor(
      () => `the agent ${what}: ${this.said.slice(-2_000)}`,
      () => {
        if (this.child.exitCode !== null) throw new Error(`the agent ended: ${this.said}`);
        return found();
      },
    );
  }

  /** When it made its first entry whose event begins so: milliseconds since 1970. */
  at(event: string): number {
    return Date.parse(this.journal.find((e) => e.event.startsWith(event))?.time ?? "");
  }

  /** Most resident memory it has had, MiB: VmHWM. */
  peakMiB(): number {
    return residentMiB(this.pid, "VmHWM");
  }

  private take(text: string): void {
    const lines = (this.line + text).split("\n");
    this.line = lines.pop() ?? "";
    for (const line of lines) {
      const entry = JSON.parse(line) as Entry;
      if (entry.outcome !== "progress") this.journal.push(entry);
    }
  }
}

function nginxConfig(dir: string, root: string, location: string): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${dir}/${name};`)
    .join("\n  ");
  return `daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log stderr;
events {}
http {
  ${temp}
  sendfile on;
  tcp_nopush on;
  log_format short "$request_method $request_uri $status $msec";
  access_log ${dir}/access.log short;
  server {
    listen ${new URL(NET.store).host};
    root ${root};
    ${location}
  }
}
`;
}
