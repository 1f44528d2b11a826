import type { Answer, Packet } from "dns-packet";
import { describe, expect, it } from "vitest";
import type { Responder, Service } from "../../../../../agent/discovery/mdns/responder.ts";
import { writeTxt } from "../../../../../agent/discovery/mdns/txt-strings.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";
import {
  namesOf,
  VirtualMdnsHost,
  VirtualSegment,
  virtualResponder,
} from "../../../../support/virtual-mdns.ts";

const TYPE = "_pilotlight._tcp";
const SERVICE: Service = {
  type: TYPE,
  name: "rack7",
  port: 7458,
  txt: writeTxt([["board", "rpi4"]]),
  fingerprint: "k7xqm2ab".padEnd(52, "a"),
};
const PTR = `${TYPE}.local`;
const INSTANCE = `rack7.${PTR}`;
const HOST = "rack7-k7xq.local";

interface Rig {
  readonly segment: VirtualSegment;
  readonly host: VirtualMdnsHost;
  readonly responder: Responder;
  readonly renamed: string[];
}

function rig(
  segment = new VirtualSegment(),
  address = "10.9.0.1/24",
  service = SERVICE,
  seed = 1,
): Rig {
  const host = new VirtualMdnsHost(segment.clock, seed).plug("eth0", segment, address);
  const renamed: string[] = [];
  const responder = virtualResponder(host, segment, service, renamed);
  return { segment, host, responder, renamed };
}

async function established(): Promise<Rig> {
  const made = rig();
  await made.segment.run(5_000);
  made.segment.take();
  return made;
}

function ask(name: string, type: string, answers: readonly unknown[] = []): Packet {
  return { type: "query", questions: [{ name, type } as never], answers: [...answers] as Answer[] };
}

/** The question with the top bit of its class, which the library cannot write. */
function askUnicast(octets: Buffer): Buffer {
  octets[octets.length - 2] = 0x80;
  return octets;
}

describe("probing and announcing (RFC 6762 section 8)", () => {
  it("probes three times, 250 ms apart, with what it proposes, then announces twice, 1 s apart", async () => {
    const { segment, responder } = rig();
    await segment.run(5_000);
    const probes = segment.heard.filter(({ packet }) => packet.type === "query");
    const said = segment.heard.filter(({ packet }) => packet.type === "response");
    expect(probes).toHaveLength(3);
    expect(probes[0]?.atMs).toBeLessThan(1_000 + 270);
    for (const i of [1, 2]) {
      expect((probes[i]?.atMs ?? 0) - (probes[i - 1]?.atMs ?? 0)).toBe(250);
    }
    const { packet } = probes[0] ?? {};
    expect(packet?.questions?.map(({ name, type }) => `${type} ${name}`)).toEqual([
      `ANY ${INSTANCE}`,
      `ANY ${HOST}`,
    ]);
    expect(namesOf(packet?.authorities)).toEqual([
      `SRV ${INSTANCE}`,
      `TXT ${INSTANCE}`,
      `A ${HOST}`,
    ]);
    expect(packet?.authorities?.some((r) => "flush" in r && r.flush)).toBe(false);
    expect(said).toHaveLength(2);
    expect((said[0]?.atMs ?? 0) - (probes[2]?.atMs ?? 0)).toBe(250);
    expect((said[1]?.atMs ?? 0) - (said[0]?.atMs ?? 0)).toBe(1_000);
    expect(responder.established).toBe(1);
  });

  it("announces every record, with the times of section 10 and the cache-flush bit on what is unique", async () => {
    const { segment } = rig();
    await segment.run(5_000);
    const said = segment.heard.find(({ packet }) => packet.type === "response")?.packet;
    const table = said?.answers?.map((r) => [
      `${r.type} ${r.name}`,
      "ttl" in r ? r.ttl : 0,
      "flush" in r ? r.flush : undefined,
    ]);
    expect(table).toEqual([
      [`PTR ${PTR}`, 4_500, false],
      ["PTR _services._dns-sd._udp.local", 4_500, false],
      [`SRV ${INSTANCE}`, 120, true],
      [`TXT ${INSTANCE}`, 4_500, true],
      [`A ${HOST}`, 120, true],
    ]);
    expect(said?.flags).toBe(0x0400);
    expect(said?.questions).toEqual([]);
  });

  it("answers nothing before it has probed", async () => {
    const { segment } = rig();
    await segment.run(300);
    segment.say(ask(PTR, "PTR"));
    await segment.run(150);
    expect(segment.heard.filter(({ packet }) => packet.type === "response")).toEqual([]);
  });
});

describe("answering (RFC 6762 section 6)", () => {
  it("a browser gets everything in one message, 20 to 120 ms later", async () => {
    const { segment } = await established();
    const askedMs = segment.clock.now();
    segment.say(ask(PTR, "PTR"));
    await segment.run(200);
    const [answer, ...more] = segment.take();
    expect(more).toEqual([]);
    expect(namesOf(answer?.packet.answers)).toEqual([`PTR ${PTR}`]);
    expect(namesOf(answer?.packet.additionals)).toEqual([
      `SRV ${INSTANCE}`,
      `TXT ${INSTANCE}`,
      `A ${HOST}`,
    ]);
    const tookMs = (answer?.atMs ?? 0) - askedMs;
    expect(tookMs).toBeGreaterThanOrEqual(20);
    expect(tookMs).toBeLessThanOrEqual(125);
  });

  it.each([
    ["SRV", INSTANCE, ["SRV"], ["A"]],
    ["TXT", INSTANCE.toUpperCase(), ["TXT"], []],
    ["A", HOST, ["A"], []],
    ["ANY", INSTANCE, ["SRV", "TXT"], ["A"]],
    ["PTR", "_services._dns-sd._udp.local", ["PTR"], []],
  ])("%s %s", async (type, name, answers, additionals) => {
    const { segment } = await established();
    segment.say(ask(name, type));
    await segment.run(200);
    const [answer] = segment.take();
    expect(answer?.packet.answers?.map((r) => r.type)).toEqual(answers);
    expect(answer?.packet.additionals?.map((r) => r.type)).toEqual(additionals);
  });

  it("says that there is no AAAA (section 6.1)", async () => {
    const { segment } = await established();
    segment.say(ask(HOST, "AAAA"));
    await segment.run(50);
    const [answer] = segment.take();
    expect(answer?.packet.answers).toMatchObject([
      { type: "NSEC", name: HOST, data: { nextDomain: HOST, rrtypes: ["A"] } },
    ]);
  });

  it("is silent about what is not its own", async () => {
    const { segment } = await established();
    segment.say(ask("_ipp._tcp.local", "PTR"));
    segment.say(ask("other.local", "ANY"));
    await segment.run(600);
    expect(segment.take()).toEqual([]);
  });

  it("does not repeat what the asker knows for half of its time yet (section 7.1)", async () => {
    const { segment } = await established();
    const known = (ttl: number): unknown => ({ type: "PTR", name: PTR, ttl, data: INSTANCE });
    segment.say(ask(PTR, "PTR", [known(2_300)]));
    await segment.run(200);
    expect(segment.take()).toEqual([]);
    segment.say(ask(PTR, "PTR", [known(2_000)]));
    await segment.run(200);
    expect(segment.take()).toHaveLength(1);
  });

  it("waits for the rest of the known answers (section 7.2)", async () => {
    const { segment } = await established();
    segment.say({ ...ask(PTR, "PTR"), flags: 0x0200 });
    await segment.run(300);
    expect(segment.take()).toEqual([]);
    const known = { type: "PTR", name: PTR, ttl: 4_500, data: INSTANCE };
    segment.say({ type: "query", questions: [], answers: [known as Answer] });
    await segment.run(1_000);
    expect(segment.take()).toEqual([]);
    segment.say({ ...ask(PTR, "PTR"), flags: 0x0200 });
    await segment.run(700);
    expect(segment.take()).toHaveLength(1);
  });

  it("multicasts a record at most once a second, however often it is asked", async () => {
    const { segment } = await established();
    for (let i = 0; i < 50; i++) {
      segment.say(ask(INSTANCE, "SRV"));
      await segment.run(20);
    }
    expect(segment.take().length).toBeLessThanOrEqual(2);
  });

  it("answers by unicast whoever asks for that, since it was multicast lately (section 5.4)", async () => {
    const { segment } = await established();
    const { encode } = await import("dns-packet");
    segment.inject(askUnicast(encode(ask(PTR, "PTR"))), { address: "10.9.0.7" });
    await segment.run(200);
    const [answer] = segment.take();
    expect(answer?.to).toBe("10.9.0.7");
    expect(namesOf(answer?.packet.answers)).toEqual([`PTR ${PTR}`]);
  });

  it("multicasts all the same when it did not for a quarter of the time", async () => {
    const { segment } = await established();
    const { encode } = await import("dns-packet");
    await segment.run(31_000);
    segment.inject(askUnicast(encode(ask(HOST, "A"))), { address: "10.9.0.7" });
    await segment.run(200);
    const [answer] = segment.take();
    expect(answer?.to).toBeUndefined();
  });

  it("answers a resolver that knows no mDNS by its rules (section 6.7)", async () => {
    const { segment } = await established();
    segment.say({ ...ask(HOST, "A"), id: 4711 }, { address: "10.9.0.7", port: 40_000 });
    await segment.run(50);
    const [answer] = segment.take();
    expect(answer?.to).toBe("10.9.0.7");
    expect(answer?.packet).toMatchObject({ id: 4711, questions: [{ name: HOST, type: "A" }] });
    expect(answer?.packet.answers).toMatchObject([{ ttl: 10, flush: false, data: "10.9.0.1" }]);
  });

  it("sends at most 20 unicast answers a second, and none to another network", async () => {
    const { segment, host } = await established();
    for (let i = 0; i < 100; i++)
      segment.say(ask(HOST, "A"), { address: "10.9.0.7", port: 40_000 });
    segment.say(ask(HOST, "A"), { address: "192.0.2.1", port: 40_000 });
    await segment.run(20);
    expect(segment.take()).toHaveLength(20);
    expect(host.counters.get("mdns", "flood")).toBe(80);
    expect(host.counters.get("mdns", "off-link")).toBe(1);
  });
});

describe("changes", () => {
  it("announces a changed TXT record twice, without probing again (section 8.4)", async () => {
    const { segment, responder } = await established();
    responder.update({ ...SERVICE, txt: writeTxt([["board", "x"]]) });
    await segment.run(3_000);
    const said = segment.take();
    expect(said.map(({ packet }) => packet.type)).toEqual(["response", "response"]);
    const txt = said[1]?.packet.answers?.find((r) => r.type === "TXT");
    expect(txt && "data" in txt ? String(txt.data) : "").toBe("board=x");
  });

  it("says goodbye when it stops (section 10.1)", async () => {
    const { segment, responder } = await established();
    const stopped = responder.stop();
    await segment.run(10);
    await stopped;
    const [goodbye] = segment.take();
    expect(namesOf(goodbye?.packet.answers)).toEqual([
      `-PTR ${PTR}`,
      `-SRV ${INSTANCE}`,
      `-TXT ${INSTANCE}`,
      `-A ${HOST}`,
    ]);
    segment.say(ask(PTR, "PTR"));
    await segment.run(500);
    expect(segment.take()).toEqual([]);
  });

  it("says goodbye to a name that it gives up, and probes for the new one", async () => {
    const { segment, responder } = await established();
    responder.update({ ...SERVICE, name: "rack8" });
    await segment.run(3_000);
    const [goodbye, probe] = segment.take();
    expect(namesOf(goodbye?.packet.answers)).toContain(`-PTR ${PTR}`);
    expect(probe?.packet.questions?.[0]?.name).toBe(`rack8.${PTR}`);
    expect(responder.instance).toBe("rack8");
  });

  it("an interface that comes is probed and announced on; one that goes is left", async () => {
    const { segment, host, responder } = await established();
    const other = new VirtualSegment(segment.clock);
    host.plug("eth1", other, "10.8.0.1/24");
    await segment.run(10_000);
    const said = other.take().filter(({ packet }) => packet.type === "response");
    const addresses = said
      .flatMap(({ packet }) => packet.answers ?? [])
      .filter((r) => r.type === "A");
    expect(new Set(addresses.map((r) => "data" in r && r.data))).toEqual(new Set(["10.8.0.1"]));
    expect(segment.take()).toEqual([]);
    host.plug("eth1", other);
    await segment.run(6_000);
    other.say(ask(PTR, "PTR"), { address: "10.8.0.2" });
    await segment.run(500);
    expect(other.take()).toEqual([]);
    expect(responder.instance).toBe("rack7");
  });

  it("each interface gets the addresses of that interface alone", async () => {
    const { segment, host } = await established();
    const other = new VirtualSegment(segment.clock);
    host.plug("eth1", other, "10.8.0.1/24");
    await segment.run(10_000);
    segment.take();
    other.take();
    segment.say(ask(HOST, "A"));
    await segment.run(100);
    expect(segment.take()[0]?.packet.answers).toMatchObject([{ data: "10.9.0.1" }]);
    expect(other.take()).toEqual([]);
  });

  it("an address that changes is announced", async () => {
    const { segment, host } = await established();
    host.plug("eth0", segment, "10.9.0.5/24");
    await segment.run(10_000);
    const last = segment.take().at(-1);
    expect(last?.packet.answers?.find((r) => r.type === "A")).toMatchObject({ data: "10.9.0.5" });
  });
});

describe("conflicts (RFC 6762 sections 8.2 and 9)", () => {
  it("a name that somebody answers for while it is probed is left to them", async () => {
    const segment = new VirtualSegment();
    const first = rig(segment);
    await segment.run(5_000);
    const second = rig(
      segment,
      "10.9.0.2/24",
      { ...SERVICE, fingerprint: "zzzz".padEnd(52, "a") },
      2,
    );
    await segment.run(5_000);
    expect(first.responder.instance).toBe("rack7");
    expect(second.responder.instance).toBe("rack7 (2)");
    expect(second.renamed).toEqual(["rack7 (2)"]);
    const third = rig(
      segment,
      "10.9.0.3/24",
      { ...SERVICE, fingerprint: "yyyy".padEnd(52, "a") },
      3,
    );
    await segment.run(5_000);
    expect(third.responder.instance).toBe("rack7 (3)");
    segment.take();
    segment.say(ask(PTR, "PTR"));
    await segment.run(200);
    const targets = segment.take().flatMap(({ packet }) => packet.answers ?? []);
    expect(targets.map((r) => "data" in r && String(r.data)).sort()).toEqual([
      `rack7 (2).${PTR}`,
      `rack7 (3).${PTR}`,
      INSTANCE,
    ]);
  });

  it.each([1, 2, 3, 4, 5])(
    "of two that probe at once, one gets the name (seed %d)",
    async (seed) => {
      const segment = new VirtualSegment();
      const a = rig(segment, "10.9.0.1/24", SERVICE, seed);
      const b = rig(
        segment,
        "10.9.0.2/24",
        { ...SERVICE, port: 7459, fingerprint: "zzzz".padEnd(52, "a") },
        seed,
      );
      await segment.run(10_000);
      expect([a.responder.instance, b.responder.instance].sort()).toEqual(["rack7", "rack7 (2)"]);
    },
  );

  it("a host name that is taken gets a number, and the instance keeps its name", async () => {
    const { segment, responder, renamed } = rig();
    await segment.run(300);
    segment.say({
      type: "response",
      answers: [{ type: "A", name: HOST, ttl: 120, flush: true, data: "10.9.0.66" }],
    });
    await segment.run(5_000);
    const srv = segment.heard.at(-1)?.packet.answers?.find((r) => r.type === "SRV");
    expect(srv).toMatchObject({ name: INSTANCE, data: { target: "rack7-k7xq-2.local" } });
    expect([responder.instance, renamed]).toEqual(["rack7", []]);
  });

  it("a name that somebody claims later is probed for again, and kept when nobody stands behind the claim", async () => {
    const { segment, responder } = await established();
    const srv = { priority: 0, weight: 0, port: 1, target: "other.local" };
    segment.say({
      type: "response",
      answers: [{ type: "SRV", name: INSTANCE, ttl: 120, data: srv }],
    });
    await segment.run(3_000);
    const probes = segment.take().filter(({ packet }) => packet.type === "query");
    expect(probes).toHaveLength(3);
    expect(responder.instance).toBe("rack7");
  });

  it("defends its name against a prober at once", async () => {
    const { segment } = await established();
    const srv = { priority: 0, weight: 0, port: 1, target: "other.local" };
    segment.say({
      type: "query",
      questions: [{ name: INSTANCE, type: "ANY" as never }],
      authorities: [{ type: "SRV", name: INSTANCE, ttl: 120, data: srv }],
    });
    await segment.run(15);
    expect(namesOf(segment.take()[0]?.packet.answers)).toEqual([
      `SRV ${INSTANCE}`,
      `TXT ${INSTANCE}`,
    ]);
  });

  it("after 15 conflicts in 10 s it waits 5 s before each attempt", async () => {
    const { segment, responder } = rig();
    for (let i = 0; i < 15; i++) {
      await segment.run(300);
      const name = `${responder.instance}.${PTR}`;
      const srv = { priority: 0, weight: 0, port: 1, target: "other.local" };
      segment.say({ type: "response", answers: [{ type: "SRV", name, ttl: 120, data: srv }] });
      await segment.run(5);
    }
    expect(responder.instance).toBe("rack7 (16)");
    segment.take();
    await segment.run(4_900);
    expect(segment.take()).toEqual([]);
    await segment.run(3_000);
    expect(segment.take().length).toBeGreaterThan(3);
  });

  it("two of its interfaces in one network are no conflict", async () => {
    const segment = new VirtualSegment();
    const host = new VirtualMdnsHost(segment.clock).plug(
      "eth0",
      segment,
      "10.9.0.1/24",
      "fe80::1/64",
    );
    host.plug("wlan0", segment, "10.9.0.2/24", "fe80::2/64");
    const renamed: string[] = [];
    const responder = virtualResponder(host, segment, SERVICE, renamed);
    await segment.run(10_000);
    responder.update({ ...SERVICE, txt: writeTxt([["board", "x"]]) });
    await segment.run(5_000);
    expect([responder.instance, renamed]).toEqual(["rack7", []]);
    expect(responder.established).toBe(4);
  });
});

describe("hostile messages", () => {
  it("rubbish, claims of thousands of records and floods cost counters", async () => {
    const { segment, host, responder } = await established();
    segment.inject(Buffer.alloc(5));
    segment.inject(Buffer.alloc(9_001));
    segment.inject(Buffer.from("00000000ffffffffffffffff", "hex"));
    segment.inject(Buffer.from("000000000001000000000000c00c00ff0001", "hex"));
    segment.say({ type: "response", flags: 3, answers: [] });
    await segment.run(20);
    const { counters } = host;
    expect(counters.get("mdns", "truncated")).toBe(2);
    expect(counters.get("mdns", "too-long")).toBe(1);
    expect(counters.get("mdns", "bad-length")).toBe(1);
    expect(counters.get("mdns", "ignored")).toBe(1);
    for (let i = 0; i < 5_000; i++) segment.say(ask("x.local", "A"));
    await segment.run(20);
    expect(counters.get("mdns", "flood")).toBeGreaterThan(4_000);
    await segment.run(10_000);
    segment.say(ask(PTR, "PTR"));
    await segment.run(200);
    expect(segment.take()).toHaveLength(1);
    expect(responder.instance).toBe("rack7");
  });

  it("whoever claims every name that it takes makes it rename 15 times, then each 5 s", async () => {
    const { segment, renamed } = rig();
    const srv = { priority: 0, weight: 0, port: 1, target: "other.local" };
    const claim = (name: string): Answer => ({ type: "SRV", name, ttl: 120, data: srv });
    for (let i = 0; i < 600; i++) {
      const names = [INSTANCE, ...Array.from({ length: 60 }, (_, n) => `rack7 (${n + 2}).${PTR}`)];
      segment.say({ type: "response", answers: names.map(claim) });
      await segment.run(50);
    }
    expect(renamed.length).toBeGreaterThanOrEqual(15);
    expect(renamed.length).toBeLessThanOrEqual(25);
  });

  it("no datagram makes it throw (fast-check)", async () => {
    const { segment, responder } = await established();
    const { default: fc } = await import("fast-check");
    const { encode } = await import("dns-packet");
    const valid = encode({
      type: "response",
      questions: [{ name: PTR, type: "PTR" }],
      answers: [{ type: "PTR", name: PTR, ttl: 120, data: INSTANCE }],
    });
    const mangled = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const octets = Buffer.from(valid);
        for (const [at, value] of changes) octets[at] = value;
        return octets;
      });
    const any = fc.uint8Array({ maxLength: 600 }).map((octets) => Buffer.from(octets));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mangled, any), fc.boolean(), async (octets, unicast) => {
        segment.inject(octets, unicast ? { port: 40_000 } : {});
        await segment.run(25);
      }),
      { interruptAfterTimeLimit: 1_500, numRuns: 5_000 },
    );
    await segment.run(10_000);
    expect(responder.instance).toMatch(/^rack7/);
    segment.take();
    segment.say(ask(PTR, "PTR"));
    await segment.run(200);
    expect(segment.take().length).toBeGreaterThan(0);
  }, 20_000);
});

describe("the clock", () => {
  it("keeps no timer when it has stopped", async () => {
    const clock = new FakeClock();
    const segment = new VirtualSegment(clock);
    const { responder } = rig(segment);
    await segment.run(2_000);
    const stopped = responder.stop();
    await segment.run(10);
    await stopped;
    expect(clock.pending).toBe(0);
  });
});
