import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Namespace, type PipedChild } from "../../support/netns.ts";
import { Children, forgetPeak, output, residentMiB } from "../children.ts";
import { programPath } from "../programs.ts";
import { type Load, type LoadResult, parsePerfdhcp, perfdhcpArgs, RELAY } from "./perfdhcp.ts";
import { type DhcpServer, NET } from "./servers.ts";

/** Until a server has answered once, ms. */
const START_MS = 30_000;
/** Of what a server says, the end is enough. */
const SAID_LEN = 2_000;
/** perfdhcp's status when questions were not answered. */
const UNANSWERED = 3;

/** The clients of a run. No two kinds share one, so that each is new to a server that has just been started. */
export const MACS = {
  probe: "02:00:00:00:00:00",
  warmUp: "02:01:00:00:00:00",
  measured: "02:02:00:00:00:00",
} as const;

/** A server and a relay, each in a network namespace of its own with a cable between them. The server starts anew at will. */
export class DhcpRig {
  readonly server: DhcpServer;
  private readonly dir: string;
  private readonly gateway: Namespace;
  private readonly relay: Namespace;
  private readonly children = new Children();
  private child: PipedChild | undefined;
  private said = "";

  private constructor(server: DhcpServer, dir: string, gateway: Namespace, relay: Namespace) {
    this.server = server;
    this.dir = dir;
    this.gateway = gateway;
    this.relay = relay;
  }

  /** `parent`: where its folder is made, on the disk that leases are to be kept on. */
  static async create(server: DhcpServer, parent: string): Promise<DhcpRig> {
    const gateway = await Namespace.create();
    const relay = await Namespace.create(gateway);
    gateway.connect(NET.rack, relay, "eth0");
    gateway.run("ip", "addr", "add", `${NET.server}/${NET.bits}`, "brd", "+", "dev", NET.rack);
    relay.run("ip", "addr", "add", `${NET.relay}/${NET.bits}`, "brd", "+", "dev", "eth0");
    gateway.reversePathFilter(1, NET.rack);
    const dir = join(parent, server.name.replaceAll(/[^a-z0-9]+/g, "-"));
    return new DhcpRig(server, dir, gateway, relay);
  }

  /** Starts the server without any lease, and waits until it offers one. */
  async start(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
    mkdirSync(this.dir, { recursive: true });
    const child = this.children.own(this.gateway.spawn(...this.server.prepare(this.dir)));
    this.child = child;
    this.said = "";
    const hear = (piece: Buffer): void => {
      this.said = (this.said + piece.toString()).slice(-SAID_LEN);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const deadline = performance.now() + START_MS;
    while (!(await this.answers())) {
      const ended = child.exitCode !== null || child.signalCode !== null;
      if (ended || performance.now() > deadline) {
        throw new Error(`${this.server.name} ${ended ? "ended" : "offers no lease"}: ${this.said}`);
      }
    }
  }

  async stop(): Promise<void> {
    if (this.child) await this.children.end(this.child);
    this.child = undefined;
  }

  /** Runs perfdhcp against it. */
  async load(load: Load): Promise<LoadResult> {
    return parsePerfdhcp(await this.perfdhcp(perfdhcpArgs(load, NET.server)));
  }

  /** What the server has resident now. */
  residentMiB(): number {
    return residentMiB(this.child?.pid ?? 0, "VmRSS");
  }

  /** The most that the server has resident while `work` goes on. */
  async peakMiB(work: () => Promise<void>): Promise<number> {
    const pid = this.child?.pid ?? 0;
    forgetPeak(pid);
    await work();
    return residentMiB(pid, "VmHWM");
  }

  async close(): Promise<void> {
    await this.children.endAll();
    await this.relay.close();
    await this.gateway.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** One client, which is given up after a fifth of a second. That it is offered something is enough: perfdhcp may end without its ACK. */
  private async answers(): Promise<boolean> {
    const once = [...RELAY, "-n", "1", "-r", "1", "-d", "0.2", "-W", "200000"];
    const report = await this.perfdhcp([...once, "-b", `mac=${MACS.probe}`, NET.server]);
    return parsePerfdhcp(report).offer.received > 0;
  }

  private async perfdhcp(args: readonly string[]): Promise<string> {
    const child = this.relay.spawn(programPath("perfdhcp"), ...args);
    return await output(this.children.own(child), [0, UNANSWERED]);
  }
}
