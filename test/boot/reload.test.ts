import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { emitMountPath, MOUNT_PROG, MountProc } from "../../protocols/mount/messages.ts";
import { emitDiropArgs, emitFhandleArgs, emitReadArgs } from "../../protocols/nfs/args.ts";
import { NFS_PORT, NFS_PROG, NFS_VERS, NfsProc } from "../../protocols/nfs/constants.ts";
import { emitAck, TFTP_PORT, TftpOpcode } from "../../protocols/tftp/packet.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { AgentProcess } from "../support/agent-process.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import type { Namespace } from "../support/netns.ts";
import { read } from "../support/questions.ts";
import { RawRack } from "../support/raw-rack.ts";
import { ip, RawHost, type RawWires, type Seen } from "../support/raw-wire.ts";
import { callOctets, type EmitArgs } from "../support/rpc-client.ts";
import { until } from "../support/until.ts";

const MOUNT_PORT = 635;
const BLOCK_LEN = 512;
/** An accepted reply's results (RFC 1057): after xid, type, state, verifier and status. */
const RESULTS_AT = 24;
const FHANDLE_LEN = 32;
const FATTR_LEN = 68;
const FLAPS = 6;
const OTHER = "172.24.42.160";

/** A program that has the TFTP port of that address. */
const HOLD_TFTP = `require("node:dgram").createSocket("udp4").bind(69, "${OTHER}", () => console.log("held"))`;

let inside: Namespace;
let wires: RawWires;
let rackMac: Uint8Array;
let u5: RawHost;
let site: BootSite;
let agent: AgentProcess;
let nextPort = 3_000;
const sites: BootSite[] = [];
const agents: AgentProcess[] = [];

beforeAll(async () => {
  const rack = await RawRack.open();
  ({ inside, wires, rackMac, u5 } = rack);
  return async () => {
    await rack.close();
    for (const s of sites) s.remove();
  };
});

afterEach(async () => {
  for (const a of agents.splice(0)) await a.close();
});

/** Starts an agent with a site whose root is a directory, and in which the two files are what they are called. */
async function serving(change: (text: string) => string = (text) => text): Promise<void> {
  site = new BootSite((text) => change(text.replace("root: { hello: hello }", "root: tree")));
  sites.push(site);
  mkdirSync(join(site.dir, "tree"));
  writeFileSync(join(site.dir, "tree/fstab"), "none\n");
  writeFileSync(join(site.dir, "other.txt"), "another rack\n");
  agent = await AgentProcess.serve(inside, site.path, NET.rack);
  agents.push(agent);
}

/** Changes the site file as an editor does: another file takes its name. */
function edit(change: (text: string) => string): void {
  const text = change(inside.run("cat", site.path));
  writeFileSync(`${site.path}~`, text);
  renameSync(`${site.path}~`, site.path);
}

async function reload(change: (text: string) => string): Promise<void> {
  const from = agent.stderr.length;
  edit(change);
  agent.signal("SIGHUP");
  await until(
    () => `a reload: ${agent.stderr.slice(from)}`,
    () => agent.stderr.slice(from).includes("reloaded "),
  );
}

/** Sends a datagram, and waits for the answer to it. */
async function ask(port: number, payload: Uint8Array, to: string = NET.agent): Promise<Seen> {
  const from = u5.wire.seen.length;
  nextPort += 1;
  u5.udp({ mac: rackMac, ip: ip(to), port }, nextPort, payload);
  return await until(`an answer of port ${port}`, () =>
    u5.wire.seen.slice(from).find((s) => s.kind === "udp" && s.dstPort === nextPort),
  );
}

/** The first block of a file by TFTP, as text. */
async function readFile(name: string, to: string = NET.agent): Promise<string> {
  const { payload } = await ask(TFTP_PORT, read(name), to);
  expect(payload.u8[1]).toBe(TftpOpcode.Data);
  return Buffer.from(payload.u8.subarray(4)).toString();
}

/** The results of an NFS or MOUNT call, its status first. */
async function call(
  prog: number,
  vers: number,
  proc: number,
  args: EmitArgs,
): Promise<{ readonly status: number; readonly rest: Uint8Array }> {
  const port = prog === NFS_PROG ? NFS_PORT : MOUNT_PORT;
  const { payload } = await ask(port, callOctets(prog, vers, proc, args));
  const status = payload.dv.getUint32(RESULTS_AT);
  return { status, rest: payload.u8.slice(RESULTS_AT + 4) };
}

/** What is in a file of an NFS root whose handle is known. */
async function readByNfs(fhandle: Uint8Array): Promise<string> {
  const { status, rest } = await call(NFS_PROG, NFS_VERS, NfsProc.Read, (o, at) =>
    emitReadArgs({ fhandle, offset: 0, count: 100 }, o, at),
  );
  expect(status).toBe(0);
  const len = new DataView(rest.buffer).getUint32(FATTR_LEN);
  return Buffer.from(rest.subarray(FATTR_LEN + 4, FATTR_LEN + 4 + len)).toString();
}

async function rarpAnswered(): Promise<void> {
  const from = u5.wire.seen.length;
  await until("an answer to RARP", () => {
    u5.rarpRequest();
    return u5.wire.seen.slice(from).some((s) => s.kind === "rarp" && s.dstMac === u5.macText);
  });
}

/** A read of the long file that goes on as fast as the test acknowledges. */
class SlowRead {
  block = 0;
  octets = 0;
  private readonly clientPort: number;
  private port = 0;

  constructor() {
    nextPort += 1;
    this.clientPort = nextPort;
    u5.wire.onSeen((s) => this.take(s));
    u5.udp(
      { mac: rackMac, ip: ip(NET.agent), port: TFTP_PORT },
      this.clientPort,
      read(NET.longFile),
    );
  }

  /** Acknowledges until so many blocks came. */
  async goOn(blocks: number): Promise<void> {
    const end = this.block + blocks;
    while (this.block < end && this.octets < NET.longLen) {
      const next = this.block + 1;
      if (this.block > 0) this.acknowledge();
      await until(`block ${next}`, () => this.block >= next);
    }
  }

  acknowledge(): void {
    const o = Octets.alloc(4);
    emitAck(this.block, o, 0);
    u5.udp({ mac: rackMac, ip: ip(NET.agent), port: this.port }, this.clientPort, o.u8);
  }

  private take({ kind, dstPort, srcPort, payload }: Seen): void {
    if (kind !== "udp" || dstPort !== this.clientPort) return;
    expect(payload.u8[1]).toBe(TftpOpcode.Data);
    if (payload.dv.getUint16(2) !== this.block + 1) return;
    this.port = srcPort;
    this.block += 1;
    this.octets += payload.u8.length - 4;
    expect(payload.u8.subarray(4).every((octet) => octet === 0x5a)).toBe(true);
  }
}

describe("a site file that changes", () => {
  it("is served anew while a transfer ends as it began and an NFS root stays mounted", async () => {
    await serving();
    expect(await readFile(NET.file)).toBe("hello, rack\n");
    const mounted = await call(MOUNT_PROG, 1, MountProc.Mnt, (o, at) =>
      emitMountPath(NET.rootPath, o, at),
    );
    expect(mounted.status).toBe(0);
    const root = mounted.rest.slice(0, FHANDLE_LEN);
    const found = await call(NFS_PROG, NFS_VERS, NfsProc.Lookup, (o, at) =>
      emitDiropArgs(root, "fstab", o, at),
    );
    expect(found.status).toBe(0);
    const fstab = found.rest.slice(0, FHANDLE_LEN);
    const slow = new SlowRead();
    await slow.goOn(3);

    await reload((text) =>
      text
        .replace("assets:", "assets:\n  other: { file: other.txt }")
        .replace(`${NET.file}: hello, ${NET.longFile}: long`, `${NET.file}: other`),
    );
    expect(await readFile(NET.file)).toBe("another rack\n");
    const gone = await ask(TFTP_PORT, read(NET.longFile));
    expect(gone.payload.u8[1]).toBe(TftpOpcode.Error);
    await slow.goOn(Math.ceil((NET.longLen + 1) / BLOCK_LEN));
    expect(slow.octets).toBe(NET.longLen);
    slow.acknowledge();
    const attributes = await call(NFS_PROG, NFS_VERS, NfsProc.Getattr, (o, at) =>
      emitFhandleArgs(root, o, at),
    );
    expect(attributes.status).toBe(0);
    expect(await readByNfs(fstab)).toBe("none\n");
    await until("the transfer's end", () =>
      agent.journal.some((e) => e.outcome === "done" && e.total === NET.longLen),
    );
    expect(agent.journal.filter((e) => e.outcome === "failed")).toEqual([]);
  });

  it("is noticed without a signal, and so is a template that it names", async () => {
    await serving((text) =>
      text.replace(`${NET.file}: hello`, `${NET.file}: { template: hello.liquid }`),
    ).catch((error: Error) => expect(error.message).toContain("hello.liquid"));
    writeFileSync(join(site.dir, "hello.liquid"), "I am {{ machine.name }}\n");
    agent = await AgentProcess.serve(inside, site.path, NET.rack);
    agents.push(agent);
    expect(await readFile(NET.file)).toBe("I am u5\n");
    writeFileSync(join(site.dir, "hello.liquid"), "{{ machine.name }} am I\n");
    await until("the other template", () => agent.stderr.includes("reloaded "));
    expect(await readFile(NET.file)).toBe("u5 am I\n");
    edit((text) => text.replace("u5:", "ultra5:"));
    await until("the other name", () => agent.stderr.split("reloaded ").length === 3);
    expect(await readFile(NET.file)).toBe("ultra5 am I\n");
  });

  it("with mistakes changes nothing: they are told with their places", async () => {
    await serving();
    edit((text) => text.replace("profile: sun }", "profile: moon }"));
    agent.signal("SIGHUP");
    await until("the mistake", () => agent.stderr.includes("not reloaded"));
    expect(agent.stderr).toMatch(/site\.yaml:\d+:\d+/);
    await until("the state", () => agent.stderr.includes("degraded: not reloaded:"));
    expect(await readFile(NET.file)).toBe("hello, rack\n");
    await reload((text) => text.replace("profile: moon }", "profile: sun }"));
    expect(await readFile(NET.file)).toBe("hello, rack\n");
  });

  it("takes machines away and brings others", async () => {
    await serving();
    await rarpAnswered();
    await reload((text) =>
      text.replace(NET.u5.mac, NET.stranger.mac).replace(NET.u5.ip, NET.stranger.ip),
    );
    const from = u5.wire.seen.length;
    u5.udp({ mac: rackMac, ip: ip(NET.agent), port: TFTP_PORT }, 999, read(NET.file));
    u5.rarpRequest();
    const stranger = new RawHost(wires.wire(0), NET.stranger.mac, NET.stranger.ip);
    await until("an answer to the other", () => {
      stranger.rarpRequest();
      return wires.wire(0).seen.some((s) => s.kind === "rarp" && s.dstMac === stranger.macText);
    });
    for (const protocol of ["rarp", "tftp"]) {
      await until(`silence by ${protocol}`, () =>
        agent.journal.some(
          (e) => e.protocol === protocol && e.decision.startsWith("not a machine"),
        ),
      );
    }
    expect(u5.wire.seen.slice(from).filter((s) => s.dstPort === 999)).toEqual([]);
  });
});

describe("a network part that changes", () => {
  it("moves the services to another address, while a transfer by the old one ends", async () => {
    inside.run("ip", "addr", "add", `${OTHER}/24`, "brd", "+", "dev", NET.rack);
    await serving();
    const slow = new SlowRead();
    await slow.goOn(3);
    await reload((text) => text.replace(NET.cidr, `${OTHER}/24`));
    expect(await readFile(NET.file, OTHER)).toBe("hello, rack\n");
    await rarpAnswered();
    await slow.goOn(Math.ceil((NET.longLen + 1) / BLOCK_LEN));
    expect(slow.octets).toBe(NET.longLen);
    slow.acknowledge();
    await until("the transfer's end", () =>
      agent.journal.some((e) => e.outcome === "done" && e.total === NET.longLen),
    );
    inside.run("ip", "addr", "del", `${OTHER}/24`, "dev", NET.rack);
  });

  it("that this host cannot serve leaves the old one, which runs again before that is told", async () => {
    inside.run("ip", "addr", "add", `${OTHER}/24`, "brd", "+", "dev", NET.rack);
    const holder = inside.spawn(process.execPath, "-e", HOLD_TFTP);
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    await serving();
    const slow = new SlowRead();
    await slow.goOn(3);
    for (const address of ["172.24.42.99", OTHER]) {
      const from = agent.stderr.length;
      edit((text) => text.replace(/address: .*/, `address: ${address}/24`));
      agent.signal("SIGHUP");
      await until("the refusal", () => agent.stderr.slice(from).includes("not reloaded"));
      expect(agent.stderr.slice(from)).toContain(address);
      expect(await readFile(NET.file)).toBe("hello, rack\n");
      await rarpAnswered();
    }
    await slow.goOn(3);
    expect(agent.stderr).toContain("E_PORT_IN_USE");
    holder.kill();
    inside.run("ip", "addr", "del", `${OTHER}/24`, "dev", NET.rack);
  });
});

describe("a rack interface that goes down", () => {
  it("is no end: it is told, and served again when it is back", async () => {
    await serving();
    await rarpAnswered();
    for (let i = 1; i <= 2; i++) {
      inside.run("ip", "link", "set", NET.rack, "down");
      await until("the state", () => agent.stderr.split("degraded: interface").length === i + 1);
      inside.run("ip", "link", "set", NET.rack, "up");
      await until("the end of it", () => agent.stderr.split(/ serving\n/).length === i + 1);
      await rarpAnswered();
      expect(await readFile(NET.file)).toBe("hello, rack\n");
    }
    // Too fast to be seen, and with frames on their way.
    for (let i = 0; i < FLAPS; i++) {
      u5.rarpRequest();
      inside.run("sh", "-c", `ip link set ${NET.rack} down; ip link set ${NET.rack} up`);
      await rarpAnswered();
    }
    agent.signal("SIGTERM");
    expect([await agent.exit(), agent.stderr]).toEqual([0, expect.any(String)]);
  });
});

describe("an agent without a site", () => {
  it("is unconfigured: it opens nothing and answers nothing until it is stopped", async () => {
    agent = AgentProcess.start(inside, ["serve", "--json", "--management", "none"]);
    agents.push(agent);
    await agent.ready();
    expect(agent.stderr).toContain("ready: unconfigured");
    const from = u5.wire.seen.length;
    u5.rarpRequest();
    expect(inside.run("cat", "/proc/net/packet").trim().split("\n")).toHaveLength(1);
    expect(inside.run("cat", "/proc/net/udp").trim().split("\n")).toHaveLength(1);
    agent.signal("SIGTERM");
    expect([await agent.exit(), agent.stderr]).toEqual([0, expect.any(String)]);
    expect(u5.wire.answers(from)).toEqual([]);
  });
});
