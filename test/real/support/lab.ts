import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Child } from "./child.ts";

/** The rack side of every lab: where the agent's interface `srv0` is. */
export const SERVER_ADDRESS = "192.168.77.1";

const TAPS = 2;
const SERVER_MAC = "52:54:00:77:00:01";
/** Of the bridge itself, which is the NIC of the user space clients. */
export const CLIENT_MAC = "52:54:00:77:00:99";

let opened = 0;

/** Which program stands in for `tc netem`. */
const RELAY: string = resolve("test/real/support/bad-wire.mjs");

/** What a wire does to packets, in each direction. Jitter above the time between two packets reorders them. */
export interface WireFaults {
  readonly lossPercent: number;
  readonly delayMs: number;
  readonly jitterMs: number;
}

/**
 * Two network namespaces joined by a veth pair, made for one test and taken down after it:
 *
 *     server: srv0 192.168.77.1/24 ──── up0 ┐
 *     client:                               br0 (CLIENT_MAC) ── tap0, tap1
 *
 * Guests have the taps; programs of this machine run in the client namespace with br0 as their NIC.
 * Each namespace's name holds our pid, so that one left behind by a killed run can be recognised.
 */
export class Lab {
  readonly server: string;
  readonly client: string;
  /** For files of the test that nobody needs afterwards. */
  readonly scratch: string;
  /** For consoles, logs, the capture: kept when the test fails. */
  readonly evidence: string;
  private readonly name: string;
  private readonly further: string[] = [];
  private readonly children: Child[] = [];
  private readonly checks: (() => Promise<void>)[] = [];
  private readonly onExit = (): void => this.remove();

  constructor(evidence: string) {
    sweep();
    opened += 1;
    const name = `pilotlab-${process.pid}-${opened}`;
    this.name = name;
    this.server = `${name}-s`;
    this.client = `${name}-c`;
    this.evidence = evidence;
    this.scratch = mkdtempSync(join(tmpdir(), `${name}-`));
    rmSync(evidence, { recursive: true, force: true });
    mkdirSync(evidence, { recursive: true });
    process.once("exit", this.onExit);
    this.build();
  }

  /** Captures the bridge; call it before anything speaks. */
  async capture(): Promise<void> {
    const file = join(this.evidence, "bridge.pcap");
    const command = ["tcpdump", "-Z", "root", "-U", "-n", "-s", "0", "-i", "br0", "-w", file];
    const tcpdump = this.startIn(this.client, command, "tcpdump.log");
    const listening = await tcpdump.until(/listening on/, 10_000);
    if (listening !== "match") throw new Error(`tcpdump did not start:\n${tcpdump.tail()}`);
  }

  /** Gives br0 an address; without one the client namespace only carries frames. */
  address(cidr: string): void {
    run(`ip -n ${this.client} address add ${cidr} broadcast + dev br0`);
  }

  /**
   * Makes the wire between the agent and everybody else lose, delay and reorder packets: by `tc netem` where the kernel has it,
   * else by a relay of ours between two interfaces. Says which. Call it before anything speaks.
   */
  async badWire(faults: WireFaults): Promise<void> {
    const { client, server } = this;
    if (haveNetem(client, server, faults)) {
      say(`bad wire: tc netem, ${JSON.stringify(faults)}`);
      return;
    }
    say(`bad wire: NO sch_netem in this kernel, so a relay of ours, ${JSON.stringify(faults)}`);
    run(`ip -n ${client} link set up0 nomaster`);
    run(`ip -n ${client} link add relay0 type veth peer name relay1`);
    run(`ip -n ${client} link set relay1 master br0 up`);
    run(`ip -n ${client} link set relay0 up`);
    const { lossPercent, delayMs, jitterMs } = faults;
    const words = [lossPercent, delayMs, jitterMs].map(String);
    const command = [process.execPath, RELAY, "up0", "relay0", ...words];
    const relay = this.startIn(client, command, "relay.log");
    if ((await relay.until(/^up$/m, 10_000)) !== "match") {
      throw new Error(`the relay did not start:\n${relay.tail()}`);
    }
    this.atEnd(async () => {
      const { status } = await relay.stop("SIGTERM");
      const [, lost = "0"] = /lost (\d+)/.exec(relay.text) ?? [];
      say(`bad wire: ${relay.tail().trim().split("\n").at(-1)}`);
      if (status !== 0 || lost === "0") throw new Error(`the relay lost nothing:\n${relay.tail()}`);
    });
  }

  /** One more namespace, with only its loopback; it is taken down with the two. `suffix` tells it from them. */
  namespace(suffix: string): string {
    const netns = `${this.name}-${suffix}`;
    this.further.push(netns);
    run(`ip netns add ${netns}`);
    run(`ip -n ${netns} link set lo up`);
    return netns;
  }

  /** One more host on the bridge, whose only NIC `host0` has this address; its namespace. There is one at most. */
  host(cidr: string): string {
    const netns = this.namespace("host");
    const { client } = this;
    run(`ip -n ${client} link add host1 type veth peer name host0 netns ${netns}`);
    run(`ip -n ${client} link set host1 master br0 up`);
    run(`ip netns exec ${netns} ethtool -K host0 tx off`);
    run(`ip -n ${netns} address add ${cidr} dev host0`);
    run(`ip -n ${netns} link set host0 up`);
    return netns;
  }

  /** Starts a program in one of the namespaces; it is ended with the lab at the latest. */
  startIn(
    netns: string,
    command: readonly string[],
    logName: string,
    env?: NodeJS.ProcessEnv,
  ): Child {
    const inside = ["ip", "netns", "exec", netns, ...command];
    const log = join(this.evidence, logName.replace(/[^\w.-]+/g, "-"));
    const child = new Child(inside, log, env);
    this.children.push(child);
    return child;
  }

  /** Writes a file into `scratch` and gives its path. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.scratch, name);
    writeFileSync(path, content);
    return path;
  }

  /** Something that must hold when the test's body has passed. */
  atEnd(check: () => Promise<void>): void {
    this.checks.push(check);
  }

  async runChecks(): Promise<void> {
    for (const check of this.checks.splice(0)) await check();
  }

  /** Ends every child and takes the namespaces down. Never throws. */
  async close(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop("SIGTERM")));
    this.remove();
    process.removeListener("exit", this.onExit);
  }

  private build(): void {
    for (const netns of [this.server, this.client]) {
      run(`ip netns add ${netns}`);
      run(`ip -n ${netns} link set lo up`);
    }
    const { server, client } = this;
    const plain = "forward_delay 0 stp_state 0 mcast_snooping 0";
    run(`ip -n ${client} link add br0 address ${CLIENT_MAC} type bridge ${plain}`);
    run(`ip -n ${client} link set br0 up`);
    const peer = `peer name up0 netns ${client}`;
    run(`ip -n ${server} link add srv0 address ${SERVER_MAC} type veth ${peer}`);
    run(`ip -n ${client} link set up0 master br0 up`);
    for (let n = 0; n < TAPS; n += 1) {
      run(`ip -n ${client} tuntap add dev tap${n} mode tap`);
      run(`ip -n ${client} link set tap${n} master br0 up`);
    }
    // Partial checksums would reach a guest's firmware as wrong ones.
    run(`ip netns exec ${server} ethtool -K srv0 tx off`);
    run(`ip netns exec ${client} ethtool -K br0 tx off`);
    run(`ip netns exec ${server} sysctl -qw net.ipv4.conf.all.rp_filter=1`);
    run(`ip -n ${server} address add ${SERVER_ADDRESS}/24 broadcast + dev srv0`);
    run(`ip -n ${server} link set srv0 up`);
  }

  private remove(): void {
    for (const netns of [this.server, this.client, ...this.further]) removeNetns(netns);
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** Puts the faults on both ends of the veth pair; false when the kernel does not know how. */
function haveNetem(client: string, server: string, faults: WireFaults): boolean {
  const { lossPercent, delayMs, jitterMs } = faults;
  const netem = `netem delay ${delayMs}ms ${jitterMs}ms loss ${lossPercent}%`;
  try {
    run(`tc -n ${client} qdisc add dev up0 root ${netem}`);
    run(`tc -n ${server} qdisc add dev srv0 root ${netem}`);
    return true;
  } catch {
    return false;
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Where `ip netns exec` finds what to put over /etc in a namespace. */
export function etcOf(netns: string): string {
  return `/etc/netns/${netns}`;
}

/** Runs a command whose words hold no blanks; throws with its error text. */
export function run(command: string): string {
  const [program = "", ...args] = command.split(" ");
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Whatever still runs in a namespace of ours was started by its test. */
function removeNetns(netns: string): void {
  if (!existsSync(`/run/netns/${netns}`)) return;
  for (const pid of run(`ip netns pids ${netns}`).split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  }
  run(`ip netns delete ${netns}`);
  rmSync(etcOf(netns), { recursive: true, force: true });
}

/** Takes down what a killed run of these tests left behind: its names hold a pid that is gone. */
function sweep(): void {
  const gone = (name: string): boolean => {
    const [, pid] = /^pilotlab-(\d+)-/.exec(name) ?? [];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  for (const line of run("ip netns list").split("\n")) {
    const [netns = ""] = line.split(" ");
    if (gone(netns)) removeNetns(netns);
  }
  for (const name of readdirSync(tmpdir())) {
    if (gone(name)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
