import { createHash } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { encode, type Packet } from "dns-packet";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ConfigFinder, type ConfigFinderOptions } from "../../../../agent/config/finder.ts";
import type { Fetched, FetchOrder } from "../../../../agent/config/finding/fetch-bundle.ts";
import type { DnsResolver } from "../../../../agent/discovery/unicast.ts";
import { AgentError } from "../../../../agent/errors.ts";
import type { Identity } from "../../../../agent/identity/identity.ts";
import { testFingerprint, testIdentity } from "../../../support/ed25519-certificate.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { VirtualMdnsHost, VirtualSegment } from "../../../support/virtual-mdns.ts";

const NOTHING: DnsResolver = Object.fromEntries(
  ["resolvePtr", "resolveSrv", "resolveTxt", "resolve4", "resolve6"].map((name) => [
    name,
    () => Promise.reject(Object.assign(new Error(name), { code: "ENOTFOUND" })),
  ]),
) as unknown as DnsResolver;

let agent: Identity;
let operator: Identity;
beforeAll(() => {
  agent = testIdentity();
  operator = testIdentity();
});

/** A configuration server that gives what it is told to, with a strong ETag. */
class Source {
  bundle: string | undefined = "first";
  readonly asked: string[] = [];
  port = 0;

  readonly listener: RequestListener = (request, response) => {
    const { url = "", headers } = request;
    this.asked.push(`${url} ${headers["if-none-match"] ?? ""}`.trim());
    if (this.bundle === undefined) response.writeHead(404).end();
    else if (headers["if-none-match"] === `"${this.bundle}"`) response.writeHead(304).end();
    else {
      response.setHeader("etag", `"${this.bundle}"`);
      response.setHeader("content-type", "application/cose");
      response.end(this.bundle);
    }
  };

  async start(tls?: Identity): Promise<this> {
    const options = tls ? { cert: tls.certificate, key: tls.privateKey } : {};
    const server = tls ? createHttps(options, this.listener) : createServer(this.listener);
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1/bundle`;
  }
}

interface Rig {
  readonly clock: FakeClock;
  readonly finder: ConfigFinder;
  readonly applied: { readonly text: string; readonly where: string }[];
  readonly log: string[];
  /** What `apply` does. */
  judge: (text: string) => void;
  current: string | undefined;
  /** Lets `ms` pass and waits for the round that is due. */
  round(ms: number): Promise<void>;
}

function rig(more: Partial<ConfigFinderOptions> = {}, clock = new FakeClock()): Rig {
  const applied: { text: string; where: string }[] = [];
  const log: string[] = [];
  let rounds = 0;
  const made: Rig = {
    clock,
    applied,
    log,
    judge: () => undefined,
    current: undefined,
    finder: undefined as unknown as ConfigFinder,
    async round(ms) {
      const before = rounds;
      clock.advance(ms);
      await eventually(() => rounds > before, "the round to end");
    },
  };
  const finder = new ConfigFinder({
    identity: agent,
    name: () => "rack7",
    board: "rpi4",
    domains: () => Promise.resolve([]),
    resolver: NOTHING,
    trusts: (fingerprint) => fingerprint === operator.key.publicKey.fingerprint,
    fingerprintOf: testFingerprint,
    currentDigest: () => made.current && createHash("sha256").update(made.current).digest("hex"),
    apply(octets, source) {
      const text = Buffer.from(octets).toString();
      applied.push({ text, where: source.kind === "fetched" ? source.where : source.kind });
      made.judge(text);
      made.current = text;
      return Promise.resolve();
    },
    clock,
    random: () => 0.5,
    wallMs: () => 1_800_000_000_000,
    looked: () => {
      rounds += 1;
    },
    log: (line) => log.push(line),
    timeouts: { connectMs: 500, idleMs: 500, allMs: 2_000 },
    ...more,
  });
  onTestFinished(() => finder.stop());
  finder.start();
  return Object.assign(made, { finder });
}

const SOON = 200;
const AGAIN = 5 * 60_000;

describe("a URL that somebody gave", () => {
  it("is asked with who the agent is; what it has is applied, then only looked at", async () => {
    const source = await new Source().start();
    const { round, applied, finder } = rig({ url: source.url });
    await round(SOON);
    expect(applied).toEqual([{ text: "first", where: source.url }]);
    const { fingerprint } = agent.key.publicKey;
    expect(source.asked).toEqual([`/v1/bundle?agent=${fingerprint}&name=rack7&board=rpi4`]);
    await round(AGAIN);
    expect(source.asked[1]).toMatch(/"first"$/);
    source.bundle = "second";
    await round(AGAIN);
    expect(applied.map(({ text }) => text)).toEqual(["first", "second"]);
    expect(finder.search).toEqual({
      where: [source.url],
      lastTryAt: "2027-01-15T08:00:00.000Z",
      lastFoundAt: "2027-01-15T08:00:00.000Z",
    });
  });

  it("a server that went away is no problem: it is asked again each five minutes", async () => {
    const source = await new Source().start();
    const { round, applied, finder } = rig({ url: source.url });
    await round(SOON);
    source.bundle = undefined;
    await round(AGAIN);
    expect(finder.search.problem).toContain("has nothing for this agent");
    source.bundle = "second";
    await round(AGAIN);
    expect(applied).toHaveLength(2);
    expect(finder.search.problem).toBeUndefined();
  });

  it("without a configuration the pauses grow from 2 s to 5 min", async () => {
    const asks: number[] = [];
    const clock = new FakeClock();
    const domains = (): Promise<readonly string[]> => {
      asks.push(clock.now());
      return Promise.resolve([]);
    };
    const { round } = rig({ domains }, clock);
    await round(SOON);
    for (const gapS of [4, 8, 16, 32, 64, 128, 256, 300, 300]) {
      const before = asks.length;
      clock.advance(gapS * 1_000 - 1);
      expect(asks).toHaveLength(before);
      await round(1);
    }
  });

  it.each(["ftp://x/", "https://user:secret@x/", "no URL"])("%j is none", async (url) => {
    const { round, finder } = rig({ url });
    await round(SOON);
    expect(finder.search.problem).toContain("is not an http: or https: URL");
  });
});

describe("a bundle that is refused", () => {
  it("is said once, carried once, and tried again later", async () => {
    const source = await new Source().start();
    const made = rig({ url: source.url });
    made.judge = () => {
      throw new AgentError("E_BUNDLE_REFUSED", "serial 3 is not above 5");
    };
    const { finder, log, applied } = made;
    await made.round(SOON);
    for (const gapS of [4, 8, 16, 32, 64]) await made.round(gapS * 1_000);
    expect(applied).toHaveLength(1);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain("serial 3 is not above 5");
    expect(finder.search.problem).toContain("E_BUNDLE_REFUSED");
    expect(source.asked[3]).toMatch(/"first"$/);
    for (let i = 0; i < 3; i++) await made.round(AGAIN);
    expect(applied).toHaveLength(2);
    expect(log).toHaveLength(1);
  });

  it("is tried at once when somebody else is trusted", async () => {
    const source = await new Source().start();
    const made = rig({ url: source.url });
    made.judge = () => {
      throw new AgentError("E_BUNDLE_REFUSED", "the signer is not trusted");
    };
    await made.round(SOON);
    made.judge = () => undefined;
    made.finder.retry();
    await made.round(SOON);
    expect(made.current).toBe("first");
  });

  it("for a reason that passes is carried and tried again", async () => {
    const source = await new Source().start();
    const made = rig({ url: source.url });
    made.judge = () => {
      throw new AgentError("E_CONFIG", "the interface is down");
    };
    await made.round(SOON);
    made.judge = () => undefined;
    await made.round(6_000);
    expect(made.current).toBe("first");
  });

  it("that ran and was taken back is not applied again by itself", async () => {
    const source = await new Source().start();
    const made = rig({ url: source.url });
    await made.round(SOON);
    made.current = "older";
    await made.round(AGAIN);
    expect(made.applied).toHaveLength(1);
    expect(made.finder.search.problem).toContain("was taken back");
  });
});

describe("the order", () => {
  it("DHCP is asked while there is no configuration, and not for long after", async () => {
    const source = await new Source().start();
    let asked = 0;
    const askDhcp = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(source.url);
    };
    const { round, applied, finder } = rig({ askDhcp });
    await round(SOON);
    expect(applied[0]?.where).toBe(`DHCP: ${source.url}`);
    await round(AGAIN);
    await round(AGAIN);
    expect([asked, source.asked.length]).toEqual([1, 3]);
    expect(finder.search.where).toEqual([`DHCP: ${source.url}`]);
  });

  it("that DHCP may not be asked is said once", async () => {
    const refused = (): Promise<string> =>
      Promise.reject(new AgentError("E_CAPABILITY", "no right"));
    const { round, log } = rig({ askDhcp: refused });
    await round(SOON);
    expect(log).toEqual(["DHCP cannot be asked for a configuration: no right"]);
  });

  it("the URL that was given comes before what DHCP says", async () => {
    const [given, byDhcp] = [await new Source().start(), await new Source().start()];
    given.bundle = undefined;
    const made = rig({ url: given.url, askDhcp: () => Promise.resolve(byDhcp.url) });
    await made.round(SOON);
    expect([given.asked.length, byDhcp.asked.length]).toEqual([1, 1]);
    expect(made.applied[0]?.where).toBe(`DHCP: ${byDhcp.url}`);
  });

  it("unicast DNS-SD: a server of a search domain, over TLS with the operator's key", async () => {
    const source = await new Source().start(operator);
    const { fingerprint } = operator.key.publicKey;
    const name = "eva._pilotlight-config._tcp.example.org";
    const server = { name: "a.example.org", port: source.port, priority: 0, weight: 0 };
    const resolver = {
      ...NOTHING,
      resolvePtr: () => Promise.resolve([name]),
      resolveSrv: () => Promise.resolve([server]),
      resolveTxt: () => Promise.resolve([[`id=${fingerprint}`, "path=/v1/bundle"]]),
      resolve4: () => Promise.resolve(["127.0.0.1"]),
    } as unknown as DnsResolver;
    const { round, applied } = rig({ domains: () => Promise.resolve(["example.org"]), resolver });
    await round(SOON);
    expect(applied).toEqual([{ text: "first", where: "DNS-SD of example.org: eva (127.0.0.1)" }]);
  });

  it("a found server of an operator who is not trusted, or with another key than it says, is not asked", async () => {
    const stranger = testIdentity();
    const source = await new Source().start(stranger);
    const found = (fingerprint: string): DnsResolver =>
      ({
        ...NOTHING,
        resolvePtr: () => Promise.resolve(["eva._pilotlight-config._tcp.example.org"]),
        resolveSrv: () =>
          Promise.resolve([{ name: "a", port: source.port, priority: 0, weight: 0 }]),
        resolveTxt: () => Promise.resolve([[`id=${fingerprint}`, "path=/v1/bundle"]]),
        resolve4: () => Promise.resolve(["127.0.0.1"]),
      }) as unknown as DnsResolver;
    const domains = (): Promise<readonly string[]> => Promise.resolve(["example.org"]);
    const strange = rig({ domains, resolver: found(stranger.key.publicKey.fingerprint) });
    await strange.round(SOON);
    expect(strange.finder.search.problem).toContain("whom this agent does not trust");
    const liar = rig({ domains, resolver: found(operator.key.publicKey.fingerprint) });
    await liar.round(SOON);
    expect(liar.finder.search.problem).toContain("not that of a trusted operator");
    expect(source.asked).toEqual([]);
  });

  it("a server that mDNS finds is asked at once, at the address that it has on our link", async () => {
    const { fingerprint } = operator.key.publicKey;
    const segment = new VirtualSegment();
    const host = new VirtualMdnsHost(segment.clock).plug("eth0", segment, "fe80::1/64");
    const orders: FetchOrder[] = [];
    const fetch = (order: FetchOrder): Promise<Fetched> => {
      orders.push(order);
      return Promise.resolve({ kind: "bundle", octets: Buffer.from("first"), etag: undefined });
    };
    const { applied } = rig({ mdns: host, fetch }, segment.clock);
    await segment.run(20_000);
    expect(orders).toEqual([]);
    segment.inject(announcedConfig(fingerprint), { address: "fe80::9%eth0" }, 6);
    await segment.run(400);
    const [order] = orders;
    expect(order?.url.href).toContain(`https://[fe80::9]:7459/v1/bundle?agent=`);
    expect([order?.address, order?.keyOnly]).toEqual(["fe80::9%eth0", true]);
    expect(order?.trusts(operator.key.publicKey.octets)).toBe(true);
    expect(order?.trusts(agent.key.publicKey.octets)).toBe(false);
    expect(applied).toEqual([{ text: "first", where: "mDNS: eva (fe80::9)" }]);
  });

  it("a server is found also where the interface has its address only later", async () => {
    const segment = new VirtualSegment();
    const host = new VirtualMdnsHost(segment.clock).plug("eth0", segment, "fe80::1/64");
    const fetch = (): Promise<Fetched> =>
      Promise.resolve({ kind: "bundle", octets: Buffer.from("first"), etag: undefined });
    let meant: readonly string[] = [];
    const { applied } = rig({ mdns: host, fetch, interfaces: () => meant }, segment.clock);
    const announce = async (): Promise<void> => {
      const octets = announcedConfig(operator.key.publicKey.fingerprint);
      segment.inject(octets, { address: "fe80::9%eth0" }, 6);
      await segment.run(400);
    };
    await segment.run(20_000);
    await announce();
    expect(applied).toEqual([]);
    meant = ["eth0"];
    await segment.run(20_000);
    await announce();
    expect(applied).toHaveLength(1);
  });
});

/** What a configuration server of this key says on a link. */
function announcedConfig(fingerprint: string): Buffer {
  const name = "eva._pilotlight-config._tcp.local";
  const data = { priority: 0, weight: 0, port: 7459, target: "eva.local" };
  const txt = [`id=${fingerprint}`, "path=/v1/bundle"];
  const packet: Packet = {
    type: "response",
    answers: [
      { type: "PTR", name: "_pilotlight-config._tcp.local", ttl: 120, data: name },
      { type: "SRV", name, ttl: 120, data },
      { type: "TXT", name, ttl: 120, data: txt },
      { type: "AAAA", name: "eva.local", ttl: 120, data: "fe80::9" },
    ],
  };
  return encode(packet);
}

describe("the end", () => {
  it("leaves no timer and no connection", async () => {
    const source = await new Source().start();
    const { round, finder, clock } = rig({ url: source.url });
    await round(SOON);
    await finder.stop();
    expect(clock.pending).toBe(0);
  });
});
