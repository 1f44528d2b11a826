import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { DhcpMessageType } from "../../protocols/dhcp/options.ts";
import { AgentProcess } from "../support/agent-process.ts";
import {
  answersToOthers,
  ask,
  askAnswered,
  askEverything,
  fence,
  RawTcp,
  TARGETS,
} from "../support/asking.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import { Namespace } from "../support/netns.ts";
import { dhcpMessage, QUESTIONS, REQUESTS, type Request } from "../support/questions.ts";
import { describeSeen, ip, isSynAck, mac, RawHost, RawWires } from "../support/raw-wire.ts";
import { until } from "../support/until.ts";

const MDNS = "224.0.0.251";
const UPLINK = "up0";
const UPLINK_ADDRESS = "203.0.113.1";
const ATTACKER = { mac: "52:54:00:bb:bb:bb", ip: "203.0.113.66" };
const LAUNCHER = ["perl", fileURLToPath(new URL("../support/listen-fds.pl", import.meta.url))];
const UNITS = fileURLToPath(new URL("../../packaging/pilotlight-sockets", import.meta.url));

/** An agent between two wires: the rack, and an uplink with an attacker on it. */
let inside: Namespace;
let outside: Namespace;
let wires: RawWires;
let rackMac: Uint8Array;
let uplinkMac: Uint8Array;
/** On the rack: the first is the one that the attacker pretends to be. */
let v100: RawHost;
let u5: RawHost;
let attacker: RawHost;
/** Behind the uplink, with a rack machine's addresses. */
let forger: RawHost;
let site: BootSite;
let agent: AgentProcess | undefined;

beforeAll(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create(inside);
  site = new BootSite();
  inside.connect(NET.rack, outside, "rack");
  inside.connect(UPLINK, outside, "uplink");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  inside.run("ip", "addr", "add", `${UPLINK_ADDRESS}/24`, "brd", "+", "dev", UPLINK);
  rackMac = mac(inside.macOf(NET.rack));
  uplinkMac = mac(inside.macOf(UPLINK));
  wires = await RawWires.open(outside, "rack", "uplink");
  v100 = new RawHost(wires.wire(0), NET.v100.mac, NET.v100.ip);
  u5 = new RawHost(wires.wire(0), NET.u5.mac, NET.u5.ip);
  attacker = new RawHost(wires.wire(1), ATTACKER.mac, ATTACKER.ip);
  forger = new RawHost(wires.wire(1), NET.v100.mac, NET.v100.ip);
  return async () => {
    wires.close();
    await outside.close();
    await inside.close();
    site.remove();
  };
});

afterEach(async () => {
  await agent?.close();
  agent = undefined;
});

/** Everything, by every way, from behind the uplink. */
function attack(): void {
  const victim = { mac: v100.mac, ip: v100.ip };
  forger.rarpRequest();
  attacker.rarpRequest();
  for (const q of QUESTIONS) {
    for (const target of TARGETS) {
      ask(attacker, uplinkMac, q, target);
      ask(attacker, uplinkMac, q, target, victim);
      ask(attacker, uplinkMac, q, target, victim, 0);
      ask(forger, uplinkMac, q, target);
    }
  }
  for (const r of REQUESTS) {
    new RawTcp(attacker, uplinkMac, r);
    new RawTcp(forger, uplinkMac, r);
  }
}

/**
 * Attacks, then has another machine of the rack ask the same of every socket: sockets are queues, so that an answer to the
 * attack, had there been one, went out before.
 */
async function expectDeaf(running: AgentProcess): Promise<void> {
  const { journal } = running;
  const rackFrom = u5.wire.seen.length;
  const uplinkFrom = attacker.wire.seen.length;
  attack();
  await fence(attacker, ip(UPLINK_ADDRESS));
  await askEverything(u5, rackMac);
  await fence(attacker, ip(UPLINK_ADDRESS));
  expect(attacker.wire.answers(uplinkFrom)).toEqual([]);
  expect(answersToOthers(u5, rackFrom).map(describeSeen)).toEqual([]);
  // Nothing was done on behalf of the machine whose name was forged.
  expect(journal.filter((e) => e.machine === "v100")).toEqual([]);
  const strangers = journal.filter((e) => e.machine === null && e.protocol !== "assets");
  expect(strangers.filter((e) => e.outcome !== "silent")).toEqual([]);
  // The same from the rack, by the same machine: all of it would have been answered.
  await askEverything(v100, rackMac);
}

describe("an agent with a second NIC", () => {
  it("says nothing to an attacker behind it", async () => {
    inside.reversePathFilter(1, NET.rack, UPLINK);
    const from = attacker.wire.seen.length;
    agent = await AgentProcess.serve(inside, site.path, NET.rack);
    const { journal } = agent;
    await expectDeaf(agent);
    // The attack did arrive: the agent's own guard stopped what the kernel let through, and told it once.
    const dropped = journal.filter((e) => e.address === ATTACKER.ip);
    expect(dropped.map((e) => e.decision)).toEqual([expect.stringMatching(/^dropped: /)]);
    expect(attacker.wire.seen.slice(from).filter(isSynAck)).not.toEqual([]);
  });

  it("does not even take connections where systemd bound its sockets to the rack", async () => {
    // Reverse path filtering is off: what keeps the forger out is BindToDevice alone.
    inside.reversePathFilter(0, NET.rack, UPLINK);
    inside.run("env", `DESTDIR=${site.dir}`, UNITS, NET.rack, NET.cidr);
    const from = attacker.wire.seen.length;
    agent = await AgentProcess.serve(inside, site.path, NET.rack, [...LAUNCHER, site.dir]);
    const { journal } = agent;
    await expectDeaf(agent);
    expect(attacker.wire.seen.slice(from).filter(isSynAck).map(describeSeen)).toEqual([]);
    expect(journal.filter((e) => e.address === ATTACKER.ip)).toEqual([]);
  });

  it("sends nothing through the second NIC because a rack machine's packet says so", async () => {
    inside.reversePathFilter(1, NET.rack, UPLINK);
    agent = await AgentProcess.serve(inside, site.path, NET.rack);
    const { journal } = agent;
    const from = attacker.wire.seen.length;
    const relayed = dhcpMessage(v100, DhcpMessageType.Discover, attacker.ip);
    const answered = QUESTIONS.find((q) => q.name === "DISCOVER");
    if (!answered) throw new Error("DISCOVER is not asked");
    for (const target of TARGETS) {
      ask(v100, rackMac, { ...answered, payload: () => relayed }, target);
    }
    await askAnswered(u5, rackMac, answered, "limited");
    await fence(attacker, ip(UPLINK_ADDRESS));
    expect(attacker.wire.answers(from)).toEqual([]);
    const told = await until("a word about the relay", () =>
      journal.find((e) => e.decision.includes(ATTACKER.ip)),
    );
    expect(told.outcome).toBe("silent");
  });

  it("is announced and can be steered on the rack alone", async () => {
    inside.reversePathFilter(1, NET.rack, UPLINK);
    const [rackFrom, uplinkFrom] = [u5.wire.seen.length, attacker.wire.seen.length];
    agent = await AgentProcess.serve(inside, site.path, NET.rack);
    const steer: Request = {
      name: "identity",
      protocol: "control",
      port: 7_458,
      payload: Buffer.from(`GET /v1/identity HTTP/1.1\r\nHost: ${NET.agent}\r\n\r\n`),
    };
    const fromUplink = new RawTcp(attacker, uplinkMac, steer);
    const fromRack = new RawTcp(u5, rackMac, steer);
    await until("an answer on the rack", () => fromRack.received > 0);
    await until("an announcement on the rack", () =>
      u5.wire.seen.slice(rackFrom).some((s) => s.dst === ip(MDNS) && s.kind === "udp"),
    );
    // The kernel takes the connection, which then ends without a word.
    await until("the end of the other connection", () => fromUplink.over);
    await fence(attacker, ip(UPLINK_ADDRESS));
    expect(fromUplink.received).toBe(0);
    expect(attacker.wire.answers(uplinkFrom)).toEqual([]);
    const listening = inside
      .run("cat", "/proc/net/tcp")
      .match(/ [0-9A-F]{8}:1D22 00000000:0000 0A/g);
    expect(listening).toEqual([" 962A18AC:1D22 00000000:0000 0A"]);
    fromRack.abort();
  });

  it.each([
    { name: "off", all: 0 },
    { name: "loose", all: 2 },
  ] as const)("refuses to start while reverse path filtering is $name", async ({ all }) => {
    inside.reversePathFilter(all, NET.rack, UPLINK);
    const args = ["serve", "--site", site.path, "--interface", NET.rack];
    const refused = AgentProcess.start(inside, args);
    expect(await refused.exit()).toBe(1);
    expect(refused.stderr).toContain("E_RP_FILTER: ");
    const typed = /Type: (sysctl -w .*)/.exec(refused.stderr)?.[1];
    expect(typed).toContain(`net/ipv4/conf/${UPLINK}/rp_filter=1`);
    inside.run("sh", "-c", typed ?? "false");
    agent = await AgentProcess.serve(inside, site.path, NET.rack);
  });
});
