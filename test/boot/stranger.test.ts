import { beforeAll, describe, expect, it } from "vitest";
import type { JournalEntry } from "../../agent/log/journal.ts";
import { emitAck, emitError } from "../../protocols/tftp/packet.ts";
import { Octets } from "../../protocols/wire/octets.ts";
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
import {
  dhcpMessage,
  http,
  QUESTIONS,
  type Question,
  REQUESTS,
  type Request,
  read,
} from "../support/questions.ts";
import { describeSeen, ip, mac, RawHost, RawWires, type Seen } from "../support/raw-wire.ts";
import { until } from "../support/until.ts";

const UNKNOWN = "not a machine of this site, so it gets no answer";
/** What a careless HTTP server answers before it knows who asks. */
const RUDE_REQUESTS: readonly Request[] = [
  http("POST", `POST /${NET.file} HTTP/1.1\r\nHost: rack\r\nContent-Length: 0\r\n\r\n`),
  http("HEAD", `HEAD /${NET.file} HTTP/1.1\r\nHost: rack\r\n\r\n`),
  http(
    "100-continue",
    "PUT /x HTTP/1.1\r\nHost: rack\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
  ),
  http("another expectation", "GET /x HTTP/1.1\r\nHost: rack\r\nExpect: the worst\r\n\r\n"),
  http("CONNECT", "CONNECT rack:80 HTTP/1.1\r\nHost: rack:80\r\n\r\n"),
  http("no HTTP", "what is this?\r\n\r\n"),
  http("long headers", `GET / HTTP/1.1\r\nHost: rack\r\nX: ${"x".repeat(1_300)}\r\n\r\n`),
];

let inside: Namespace;
let outside: Namespace;
let wires: RawWires;
let rackMac: Uint8Array;
let u5: RawHost;
let stranger: RawHost;
let site: BootSite;
let agent: AgentProcess;

beforeAll(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create(inside);
  site = new BootSite();
  inside.connect(NET.rack, outside, "rack");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  rackMac = mac(inside.macOf(NET.rack));
  wires = await RawWires.open(outside, "rack");
  u5 = new RawHost(wires.wire(0), NET.u5.mac, NET.u5.ip);
  stranger = new RawHost(wires.wire(0), NET.stranger.mac, NET.stranger.ip);
  agent = await AgentProcess.serve(inside, site.path, NET.rack);
  return async () => {
    await agent.close();
    wires.close();
    await outside.close();
    await inside.close();
    site.remove();
  };
});

function strangers(): readonly JournalEntry[] {
  return agent.journal.filter((e) => e.mac === NET.stranger.mac || e.address === NET.stranger.ip);
}

function askAsStranger(): void {
  stranger.rarpRequest();
  for (const q of QUESTIONS) {
    for (const target of TARGETS) ask(stranger, rackMac, q, target);
  }
}

/** Nothing went to anybody but u5 since `from`, once it has been answered everything that was asked before. */
async function expectSilence(from: number): Promise<void> {
  await askEverything(u5, rackMac);
  await fence(stranger, ip(NET.agent));
  expect(answersToOthers(u5, from).map(describeSeen)).toEqual([]);
}

describe("an unknown machine on the rack's wire", () => {
  it("gets no answer to anything, and the journal says why, once", async () => {
    const from = u5.wire.seen.length;
    askAsStranger();
    const connections = REQUESTS.map((r) => new RawTcp(stranger, rackMac, r));
    await expectSilence(from);
    expect(connections.map((c) => c.received)).toEqual(REQUESTS.map(() => 0));

    const first = strangers();
    const asked = [...QUESTIONS.filter((q) => q.port !== 4011), ...REQUESTS];
    const protocols = new Set(["rarp", ...asked.map((q) => q.protocol)]);
    expect(new Set(first.map((e) => e.protocol))).toEqual(protocols);
    for (const e of first) {
      expect(e).toMatchObject({ outcome: "silent", machine: null, reply: null, decision: UNKNOWN });
    }
    expect(first).toHaveLength(protocols.size);

    for (let i = 0; i < 20; i++) askAsStranger();
    await expectSilence(from);
    expect(strangers()).toEqual(first);
  });

  it.each(RUDE_REQUESTS)("gets no octet from HTTP: $name", async (request) => {
    const from = u5.wire.seen.length;
    const c = new RawTcp(stranger, rackMac, request);
    await until("the connection to be over", () => c.over);
    expect(answersToOthers(u5, from).map(describeSeen)).toEqual([]);
  });

  it("gets no answer by naming itself the relay of a known machine", async () => {
    const from = u5.wire.seen.length;
    const discover = question("DISCOVER");
    const relayed = { ...discover, payload: () => dhcpMessage(u5, 1, stranger.ip) };
    for (const target of TARGETS) ask(stranger, rackMac, relayed, target);
    await askAnswered(u5, rackMac, discover, "limited");
    await fence(stranger, ip(NET.agent));
    expect(answersToOthers(u5, from).map(describeSeen)).toEqual([]);
    expect(agent.journal.map((e) => e.decision)).toContain(
      `came through ${NET.stranger.ip}, which is not a relay of the site`,
    );
  });

  it("gets no answer from the port of another's transfer, and does not disturb it", async () => {
    const from = u5.wire.seen.length;
    const port = 2_000;
    u5.udp({ mac: rackMac, ip: ip(NET.agent), port: 69 }, port, read(NET.longFile));
    const data = (): readonly Seen[] =>
      u5.wire.seen.slice(from).filter((s) => s.kind === "udp" && s.dstPort === port);
    const first = await until("the first block", () => data()[0]);
    const to = { mac: rackMac, ip: ip(NET.agent), port: first.srcPort };
    stranger.udp(
      to,
      port,
      packet((o) => emitAck(1, o, 0)),
    );
    stranger.udp(
      to,
      port,
      packet((o) => emitError(0, "stop", o, 0)),
    );
    u5.udp(
      to,
      port,
      packet((o) => emitAck(1, o, 0)),
    );
    await until("the second block", () => data().find((s) => s.payload.dv.getUint16(2) === 2));
    await fence(stranger, ip(NET.agent));
    expect(answersToOthers(u5, from).map(describeSeen)).toEqual([]);
    u5.udp(
      to,
      port,
      packet((o) => emitError(0, "enough", o, 0)),
    );
  });
});

function question(name: string): Question {
  const found = QUESTIONS.find((q) => q.name === name);
  if (!found) throw new Error(`${name} is not asked`);
  return found;
}

function packet(emit: (o: Octets) => number): Uint8Array {
  const o = Octets.alloc(64);
  return o.u8.slice(0, emit(o));
}
