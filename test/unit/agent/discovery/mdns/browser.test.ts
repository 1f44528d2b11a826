import type { Answer } from "dns-packet";
import { describe, expect, it, onTestFinished } from "vitest";
import { Browser, type FoundService } from "../../../../../agent/discovery/mdns/browser.ts";
import type { Responder, Service } from "../../../../../agent/discovery/mdns/responder.ts";
import { writeTxt } from "../../../../../agent/discovery/mdns/txt-strings.ts";
import {
  type Heard,
  VirtualMdnsHost,
  VirtualSegment,
  virtualResponder,
} from "../../../../support/virtual-mdns.ts";

const TYPE = "_pilotlight._tcp";
const PTR = `${TYPE}.local`;
const SERVICE: Service = {
  type: TYPE,
  name: "rack7",
  port: 7458,
  txt: writeTxt([["board", "rpi4"]]),
  fingerprint: "k7xq".padEnd(52, "a"),
};

interface Rig {
  readonly segment: VirtualSegment;
  readonly host: VirtualMdnsHost;
  readonly browser: Browser;
  /** "found rack7", and so on. */
  readonly events: string[];
}

function rig(
  segment = new VirtualSegment(),
  addresses: readonly string[] = ["10.9.0.100/24"],
): Rig {
  const host = new VirtualMdnsHost(segment.clock, 9).plug("eth0", segment, ...addresses);
  const events: string[] = [];
  const note = (what: string) => (s: FoundService) => events.push(`${what} ${s.instance}`);
  const browser = new Browser(
    TYPE,
    { ...host, interfaces: () => undefined },
    { found: note("found"), changed: note("changed"), lost: note("lost") },
  );
  onTestFinished(() => browser.stop());
  browser.start();
  return { segment, host, browser, events };
}

function announcer(segment: VirtualSegment, address: string, service = SERVICE): Responder {
  const host = new VirtualMdnsHost(segment.clock, 3).plug("eth5", segment, ...address.split(" "));
  return virtualResponder(host, segment, service);
}

/** Everything about one instance, as a host that answers no questions says it. */
function records(name: string, ttl: number, address = "10.9.0.1", flush = true): Answer[] {
  const instance = `${name}.${PTR}`;
  const target = `${name}.local`;
  return [
    { type: "PTR", name: PTR, ttl, data: instance },
    {
      type: "SRV",
      name: instance,
      ttl,
      flush,
      data: { priority: 0, weight: 0, port: 7458, target },
    },
    { type: "TXT", name: instance, ttl, flush, data: ["board=rpi4"] },
    { type: "A", name: target, ttl, flush, data: address },
  ];
}

function queries(heard: readonly Heard[]): readonly string[] {
  return heard
    .filter(({ packet }) => packet.type === "query")
    .flatMap(({ packet }) => (packet.questions ?? []).map((q) => `${q.type} ${q.name}`));
}

describe("finding", () => {
  it("finds what answers, with its texts and addresses", async () => {
    const segment = new VirtualSegment();
    announcer(segment, "10.9.0.1/24");
    await segment.run(3_000);
    const { browser, events } = rig(segment);
    await segment.run(500);
    expect(events).toEqual(["found rack7"]);
    expect(browser.services).toEqual([
      {
        instance: "rack7",
        host: "rack7-k7xq.local",
        port: 7458,
        txt: new Map([["board", "rpi4"]]),
        addresses: ["10.9.0.1"],
        interface: "eth0",
      },
    ]);
  });

  it("IPv4 comes first, and link-local IPv6 has the zone of our interface", async () => {
    const segment = new VirtualSegment();
    announcer(segment, "fe80::1/64 10.9.0.1/24");
    const { browser } = rig(segment, ["fe80::99/64", "10.9.0.100/24"]);
    await segment.run(3_000);
    expect(browser.services[0]?.addresses).toEqual(["10.9.0.1", "fe80::1%eth0"]);
  });

  it("works over IPv6 alone", async () => {
    const segment = new VirtualSegment();
    announcer(segment, "fe80::1/64");
    const { browser } = rig(segment, ["fe80::99/64"]);
    await segment.run(3_000);
    expect(browser.services[0]?.addresses).toEqual(["fe80::1%eth0"]);
  });

  it("asks after 1, 2, 4 … seconds, then each minute (RFC 6762 section 5.2)", async () => {
    const { segment } = rig();
    await segment.run(400_000);
    const at = segment.take().map(({ atMs }) => atMs);
    const gaps = at.slice(1).map((ms, i) => Math.round((ms - (at[i] ?? 0)) / 1_000));
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
  });

  it("tells what it knows with the question (section 7.1)", async () => {
    const { segment } = rig();
    segment.say({ type: "response", answers: records("rack7", 4_500) });
    await segment.run(4_000);
    const last = segment.take().at(-1);
    expect(last?.packet.answers).toMatchObject([{ type: "PTR", name: PTR, data: `rack7.${PTR}` }]);
  });

  it("asks for what a message left out", async () => {
    const { segment, events } = rig();
    await segment.run(300);
    segment.take();
    const [ptr, srv, txt, a] = records("rack7", 120) as [Answer, Answer, Answer, Answer];
    segment.say({ type: "response", answers: [ptr] });
    await segment.run(50);
    expect(queries(segment.take())).toEqual([`SRV rack7.${PTR}`, `TXT rack7.${PTR}`]);
    segment.say({ type: "response", answers: [srv, txt] });
    await segment.run(1_100);
    expect(queries(segment.take())).toEqual(
      expect.arrayContaining(["A rack7.local", "AAAA rack7.local"]),
    );
    expect(events).toEqual([]);
    segment.say({ type: "response", answers: [a] });
    await segment.run(50);
    expect(events).toEqual(["found rack7"]);
  });

  it("an interface that goes takes what was found on it along", async () => {
    const { segment, host, events } = rig();
    segment.say({ type: "response", answers: records("rack7", 4_500) });
    await segment.run(100);
    host.plug("eth0", segment);
    await segment.run(6_000);
    expect(events).toEqual(["found rack7", "lost rack7"]);
  });
});

describe("keeping", () => {
  it("asks again at 80, 85, 90 and 95 % of the time, then forgets", async () => {
    const { segment, events } = rig();
    await segment.run(200);
    segment.say({ type: "response", answers: records("rack7", 100) });
    await segment.run(70_000);
    segment.take();
    await segment.run(29_000);
    const asked = segment
      .take()
      .filter(({ packet }) => packet.questions?.some((q) => q.type === "SRV"));
    expect(asked).toHaveLength(4);
    expect(events).toEqual(["found rack7"]);
    await segment.run(2_000);
    expect(events).toEqual(["found rack7", "lost rack7"]);
  });

  it("what is announced stays for hours", async () => {
    const segment = new VirtualSegment();
    announcer(segment, "10.9.0.1/24");
    const { events } = rig(segment);
    await segment.run(2 * 3_600_000, 100);
    expect(events).toEqual(["found rack7"]);
  });

  it("a goodbye is believed within two seconds", async () => {
    const segment = new VirtualSegment();
    const responder = announcer(segment, "10.9.0.1/24");
    const { events } = rig(segment);
    await segment.run(3_000);
    void responder.stop();
    await segment.run(1_500);
    expect(events).toEqual(["found rack7", "lost rack7"]);
  });

  it("tells changed texts and addresses", async () => {
    const segment = new VirtualSegment();
    const responder = announcer(segment, "10.9.0.1/24");
    const { browser, events } = rig(segment);
    await segment.run(3_000);
    responder.update({ ...SERVICE, txt: writeTxt([["board", "x"]]) });
    await segment.run(500);
    expect(events).toEqual(["found rack7", "changed rack7"]);
    expect(browser.services[0]?.txt.get("board")).toBe("x");
  });

  it("an address that is not said again with the cache-flush bit goes (section 10.2)", async () => {
    const { segment, browser } = rig();
    segment.say({ type: "response", answers: records("rack7", 4_500, "10.9.0.1") });
    await segment.run(5_000);
    segment.say({ type: "response", answers: records("rack7", 4_500, "10.9.0.2") });
    await segment.run(2_000);
    expect(browser.services[0]?.addresses).toEqual(["10.9.0.2"]);
  });

  it("keeps nothing when it has stopped", async () => {
    const { segment, browser } = rig();
    segment.say({ type: "response", answers: records("rack7", 4_500) });
    await segment.run(500);
    await browser.stop();
    expect(segment.clock.pending).toBe(0);
    expect(browser.services).toEqual([]);
  });
});

describe("hostile answers", () => {
  it("a flood of forged instances finds room for 200, and the honest one stays", async () => {
    const { segment, host, browser } = rig();
    segment.say({ type: "response", answers: records("rack7", 4_500) });
    await segment.run(100);
    for (let i = 0; i < 1_000; i++) {
      const answers = [{ type: "PTR", name: PTR, ttl: 4_500, data: `f${i}.${PTR}` } as Answer];
      segment.say({ type: "response", answers });
      if (i % 100 === 0) await segment.run(1_000);
    }
    await segment.run(10_000);
    expect(browser.services.map(({ instance }) => instance)).toEqual(["rack7"]);
    expect(host.counters.get("mdns", "too-many")).toBeGreaterThan(0);
    const asked = queries(segment.take()).length;
    expect(asked).toBeLessThan(1_000 * 2 * 4);
  });

  it("200 complete forgeries fill the table, and no more", async () => {
    const { segment, browser } = rig();
    for (let i = 0; i < 400; i++) {
      segment.say({ type: "response", answers: records(`f${i}`, 4_500) });
      if (i % 50 === 0) await segment.run(1_000);
    }
    await segment.run(3_000);
    expect(browser.services).toHaveLength(200);
  });

  it.each([
    ["loopback", "127.0.0.1"],
    ["nobody", "0.0.0.0"],
    ["a group", "224.0.0.251"],
    ["broadcast", "255.255.255.255"],
  ])("an address of %s is none", async (_, address) => {
    const { segment, browser } = rig();
    segment.say({ type: "response", answers: records("rack7", 120, address) });
    await segment.run(100);
    expect(browser.services).toEqual([]);
  });

  it("an instance of another service, a response from another port, a port of 0 and a huge TXT are ignored", async () => {
    const { segment, host, browser } = rig();
    const other = { type: "PTR", name: PTR, ttl: 120, data: "x._other._tcp.local" } as Answer;
    segment.say({ type: "response", answers: [other] });
    segment.say({ type: "response", answers: records("rack7", 120) }, { port: 40_000 });
    const [ptr, srv, , a] = records("rack8", 120) as [Answer, Answer, Answer, Answer];
    const zero = {
      ...srv,
      data: { priority: 0, weight: 0, port: 0, target: "rack8.local" },
    } as Answer;
    segment.say({ type: "response", answers: [ptr, zero, a] });
    const name = `rack9.${PTR}`;
    const big = Array.from({ length: 20 }, () => "x".repeat(200));
    const huge = { type: "TXT", name, ttl: 120, data: big } as Answer;
    const nine = records("rack9", 120).filter((r) => r.type !== "TXT");
    segment.say({ type: "response", answers: [...nine, huge] });
    await segment.run(100);
    expect(browser.services).toEqual([]);
    expect(host.counters.get("mdns", "ignored")).toBe(1);
  });

  it("more than eight addresses of a host are not kept", async () => {
    const { segment, browser } = rig();
    segment.say({ type: "response", answers: records("rack7", 120, "10.9.0.1", false) });
    for (let i = 2; i < 30; i++) {
      const a = { type: "A", name: "rack7.local", ttl: 120, data: `10.9.0.${i}` } as Answer;
      segment.say({ type: "response", answers: [a] });
    }
    await segment.run(100);
    expect(browser.services[0]?.addresses).toHaveLength(8);
  });
});
