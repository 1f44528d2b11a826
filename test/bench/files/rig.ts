import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { Namespace, type PipedChild } from "../../support/netns.ts";
import { Children, output } from "../children.ts";
import { CASES, type FileCase } from "./cases.ts";
import type { Compiled } from "./compile.ts";
import { ControlGroup, type Memory } from "./control-group.ts";
import { type LoadResult, loadArgs, parseLoad } from "./load.ts";
import { type FileServer, NET, type Place } from "./servers.ts";

/** Until a server has given a file, ms. */
const START_MS = 60_000;
const RETRY_MS = 200;
/** How often memory is looked at. */
const LOOK_MS = 50;
/** Of what a server says, the end is enough. */
const SAID_LEN = 2_000;
/** `load`'s status when a client did not get what it wanted. */
const WITH_ERRORS = 1;

/** One run: what the clients saw, and what the server used up. */
export interface Run extends LoadResult {
  readonly serverCpuSeconds: number;
}

/** Memory before a run, and the most during it. */
export interface MemoryUse {
  readonly before: Memory;
  readonly most: Memory;
}

/** A server and its clients, each side in a network namespace of its own with a cable between them. */
export class FileRig {
  readonly server: FileServer;
  private readonly place: Place;
  private readonly load: string;
  private readonly gateway: Namespace;
  private readonly rack: Namespace;
  private readonly group: ControlGroup;
  private readonly children = new Children();

  private constructor(
    server: FileServer,
    place: Place,
    load: string,
    gateway: Namespace,
    rack: Namespace,
  ) {
    this.server = server;
    this.place = place;
    this.load = load;
    this.gateway = gateway;
    this.rack = rack;
    this.group = ControlGroup.create(folderName(server));
  }

  /** Starts the server, and waits until it gives files. `parent`: where its folder is made. */
  static async create(
    server: FileServer,
    parent: string,
    files: string,
    compiled: Compiled,
  ): Promise<FileRig> {
    const gateway = await Namespace.create();
    const rack = await Namespace.create(gateway);
    gateway.connect(NET.rack, rack, "eth0");
    // MOUNT is asked by the first client, and the agent looks whose card that is.
    rack.run("ip", "link", "set", "eth0", "address", NET.firstMac);
    gateway.run("ip", "addr", "add", `${NET.server}/${NET.bits}`, "brd", "+", "dev", NET.rack);
    for (let n = 1; n <= NET.clients; n++) {
      const address = NET.server.replace(/\d+$/, String(n));
      rack.run("ip", "addr", "add", `${address}/${NET.bits}`, "brd", "+", "dev", "eth0");
    }
    gateway.reversePathFilter(1, NET.rack);
    const dir = join(parent, folderName(server));
    mkdirSync(dir);
    const place = { dir, files, limit: compiled.limit };
    const rig = new FileRig(server, place, compiled.load, gateway, rack);
    try {
      await rig.start();
    } catch (error) {
      await rig.close();
      throw error;
    }
    return rig;
  }

  /** Lets the clients read. */
  async run(c: FileCase): Promise<Run> {
    const before = this.group.cpuSeconds();
    const text = await output(this.client(c), [0, WITH_ERRORS]);
    return { ...parseLoad(text), serverCpuSeconds: this.group.cpuSeconds() - before };
  }

  /** A run that is not timed: to look at memory costs time. */
  async memory(c: FileCase): Promise<MemoryUse> {
    const before = this.group.memory();
    let most = before;
    let over = false;
    const run = this.run(c).finally(() => {
      over = true;
    });
    while (!over) {
      await later(LOOK_MS);
      const now = this.group.memory();
      most = { pss: Math.max(most.pss, now.pss), rss: Math.max(most.rss, now.rss) };
    }
    await run;
    return { before, most };
  }

  async close(): Promise<void> {
    for (const pid of this.group.pids()) {
      try {
        process.kill(pid, "SIGTERM");
      } catch {} // it has just ended
    }
    await this.children.endAll();
    await this.rack.close();
    await this.gateway.close();
    while (this.group.pids().length > 0) await later(RETRY_MS);
    this.group.remove();
    rmSync(this.place.dir, { recursive: true, force: true });
  }

  private async start(): Promise<void> {
    const { server, place } = this;
    const command = this.group.entered(server.prepare(place));
    const child = this.children.own(this.gateway.spawn(...command));
    let said = "";
    const hear = (piece: Buffer): void => {
      said = (said + piece.toString()).slice(-SAID_LEN);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const deadline = performance.now() + START_MS;
    for (const kind of server.kinds) {
      const probe = CASES.find((c) => c.kind === kind && c.clients === 1);
      while (probe && !(await this.answers(probe))) {
        const ended = child.exitCode !== null || child.signalCode !== null;
        if (ended || performance.now() > deadline) {
          throw new Error(
            `${server.name} ${ended ? "ended" : `gives no file by ${kind}`}: ${said}`,
          );
        }
        await later(RETRY_MS);
      }
    }
  }

  private async answers(c: FileCase): Promise<boolean> {
    const text = await output(this.client(c), [0, WITH_ERRORS]);
    return text !== "" && parseLoad(text).errors === 0;
  }

  private client(c: FileCase): PipedChild {
    const { server, place } = this;
    return this.children.own(this.rack.spawn(this.load, ...loadArgs(c, server.nfs(place))));
  }
}

function folderName({ name }: FileServer): string {
  return name.replaceAll(/[^a-z0-9]+/g, "-");
}
