import { createHash } from "node:crypto";
import { once } from "node:events";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import type { JournalEntry } from "../../../agent/log/journal.ts";
import { AgentProcess } from "../../support/agent-process.ts";
import { Namespace } from "../../support/netns.ts";
import { Nginx, type NginxOptions } from "../../support/nginx.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { until } from "../../support/until.ts";

/** What a bad link does to packets on their way from the store. */
export interface BadLink {
  /** 0 to 1. */
  readonly loss: number;
  readonly delayMs: number;
  /** Each packet is later or earlier by up to this: so they overtake each other. */
  readonly jitterMs: number;
}

/** How a {@link Rack} is wired. */
export interface RackOptions {
  /** Absent: a cable. `none`: the agent has no uplink at all. */
  readonly uplink?: BadLink | "none";
}

/** How an agent is started. */
export interface RackServe {
  /** Lines below `assets:`. */
  readonly assets: string;
  /** Names of assets; the machine is served each under its own name. */
  readonly names: readonly string[];
  /** Further sections of the site. */
  readonly sections?: string;
  /** Kept from one agent to the next; absent: a folder of its own. */
  readonly state?: string;
  readonly launcher?: readonly string[];
  readonly options?: readonly string[];
}

/** What a machine got for a GET. */
export interface Download {
  /** 0: no answer. */
  readonly status: number;
  readonly octets: number;
  readonly sha256: string;
}

export const STORE = "10.9.8.1";
export const AGENT = "172.24.42.150";
const MACHINE = "172.24.42.51";

/**
 * A real `pilotlight serve` between a store and a machine, each in a network namespace of its own:
 *
 *     store0 10.9.8.1 ──── up0 [agent] rack0 172.24.42.150 ──── nic0 172.24.42.51 [machine]
 *
 * Taken down when the test ends.
 */
export class Rack {
  readonly store: Namespace;
  readonly inside: Namespace;
  readonly machine: Namespace;

  private constructor(store: Namespace, inside: Namespace, machine: Namespace) {
    this.store = store;
    this.inside = inside;
    this.machine = machine;
  }

  static async create({ uplink }: RackOptions = {}): Promise<Rack> {
    const inside = await namespace();
    const [store, machine] = [await namespace(inside), await namespace(inside)];
    const rack = new Rack(store, inside, machine);
    inside.connect("rack0", machine, "nic0");
    inside.run("ip", "address", "add", `${AGENT}/24`, "brd", "+", "dev", "rack0");
    machine.run("ip", "address", "add", `${MACHINE}/24`, "brd", "+", "dev", "nic0");
    if (uplink === "none") {
      inside.reversePathFilter(1, "rack0");
      return rack;
    }
    if (uplink === undefined) store.connect("store0", inside, "up0");
    else await rack.connectBadly(uplink);
    store.run("ip", "address", "add", `${STORE}/24`, "dev", "store0");
    inside.run("ip", "address", "add", "10.9.8.2/24", "dev", "up0");
    inside.reversePathFilter(1, "rack0", "up0");
    return rack;
  }

  /** nginx as the store. */
  nginx(options: NginxOptions = {}): Promise<Nginx> {
    return Nginx.start({
      address: STORE,
      spawn: (program, ...args) => this.store.spawn(program, ...args),
      ...options,
    });
  }

  /** Starts the agent; it is ended with the test at the latest. */
  async serve(o: RackServe): Promise<AgentProcess> {
    const files = o.names.map((name) => `${name}: ${name}`).join(", ");
    const site = `site: faults
network: { interface: rack0, address: ${AGENT}/24 }
${o.sections ?? ""}
assets:
${o.assets}
profiles:
  all: { files: { ${files} }, boot: ${o.names[0]} }
machines:
  one: { mac: "52:54:00:00:00:51", ip: ${MACHINE}, profile: all }
`;
    const dir = tempDir({ "site.yaml": site });
    const options = ["--state", o.state ?? tempDir(), ...(o.options ?? [])];
    const file = `${dir}/site.yaml`;
    const agent = await AgentProcess.serve(this.inside, file, "rack0", o.launcher ?? [], options);
    onTestFinished(() => agent.close());
    return agent;
  }

  /** The machine asks for a file by HTTP. */
  async get(name: string): Promise<Download> {
    const url = `http://${AGENT}/${name}`;
    const hash = createHash("sha256");
    let octets = 0;
    const curl = this.machine.spawn("curl", "-s", "-w", "%{stderr}%{http_code}", url);
    const closed = once(curl, "close");
    let status = "";
    curl.stderr.on("data", (piece: Buffer) => {
      status += piece.toString();
    });
    for await (const piece of curl.stdout as AsyncIterable<Buffer>) {
      hash.update(piece);
      octets += piece.length;
    }
    const [exit] = (await closed) as [number | null];
    // A body that ends too soon is no answer at all.
    return { status: exit === 0 ? Number(status) : 0, octets, sha256: hash.digest("hex") };
  }

  /** Limits what leaves the store, in Mbit/s. */
  limitRate(mbit: number): void {
    const rate = ["tbf", "rate", `${mbit}mbit`, "burst", "64k", "latency", "200ms"];
    this.store.run("tc", "qdisc", "replace", "dev", "store0", "root", ...rate);
  }

  /** Pulls out the cable to the store, or plugs it in again. */
  uplink(state: "up" | "down"): void {
    this.store.run("ip", "link", "set", "store0", state);
  }

  /** Octets that came in by the uplink, headers and repetitions included. */
  received(): number {
    const [link] = JSON.parse(
      this.inside.run("ip", "-s", "-j", "link", "show", "dev", "up0"),
    ) as readonly { readonly stats64: { readonly rx: { readonly bytes: number } } }[];
    return link?.stats64.rx.bytes ?? 0;
  }

  /** tc netem where the kernel has it; else a relay between two TUN devices that does the same. */
  private async connectBadly({ loss, delayMs, jitterMs }: BadLink): Promise<void> {
    const { store, inside } = this;
    store.connect("store0", inside, "up0");
    const faults = ["loss", `${loss * 100}%`, "delay", `${delayMs}ms`, `${jitterMs}ms`];
    const netem = store.try("tc", "qdisc", "add", "dev", "store0", "root", "netem", ...faults);
    if (netem.status === 0) {
      // Else what is lost or late is not a packet, but 64 KB that are cut up later.
      store.run("ethtool", "-K", "store0", "tso", "off", "gso", "off");
      return;
    }
    if (!netem.stderr.includes("kind is unknown")) throw new Error(`tc netem: ${netem.stderr}`);
    store.run("ip", "link", "delete", "store0");
    const relay = inside.spawn(
      "python3",
      resolve("test/real/support/bad-link.py"),
      ...[String(store.pid), "store0", String(inside.pid), "up0"],
      ...[String(loss), String(delayMs), String(jitterMs)],
    );
    const closed = once(relay, "close");
    onTestFinished(async () => {
      relay.stdin.end();
      await closed;
    });
    let said = "";
    for (const stream of [relay.stdout, relay.stderr]) {
      stream.on("data", (piece: Buffer) => {
        said += piece.toString();
      });
    }
    await until(
      () => `the relay: ${said}`,
      () => said.startsWith("up"),
    );
    store.run("ip", "link", "set", "store0", "up");
    inside.run("ip", "link", "set", "up0", "up");
  }
}

/** Waits for an entry of the agent's journal about an asset. */
export async function journalled(
  agent: AgentProcess,
  file: string,
  outcome: JournalEntry["outcome"],
  where: (entry: JournalEntry) => boolean = () => true,
  patienceMs = 15_000,
): Promise<JournalEntry> {
  const about = (): JournalEntry[] => agent.journal.filter((e) => e.file === file);
  return await until(
    () =>
      `"${outcome}" of ${file}; the journal has ${JSON.stringify(about().slice(-5), null, 1)}; ${agent.stderr}`,
    () => {
      if (agent.status !== undefined) throw new Error(`the agent ended: ${agent.stderr}`);
      return about().find((e) => e.protocol === "assets" && e.outcome === outcome && where(e));
    },
    patienceMs,
  );
}

async function namespace(beside?: Namespace): Promise<Namespace> {
  const made = await Namespace.create(beside);
  onTestFinished(() => made.close());
  return made;
}
