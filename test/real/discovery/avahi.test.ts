import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MAIN } from "../../support/agent-process.ts";
import { ANNOUNCED, AnnouncingProcess } from "../../support/announcing-process.ts";
import { Namespace } from "../../support/netns.ts";
import { until } from "../../support/until.ts";
import { AvahiHost, type Resolved } from "../support/avahi-host.ts";

const TYPE = "_pilotlight._tcp";
const CONFIG = { name: "eva", port: 7459, path: "/v1/bundle", fingerprint: "b".repeat(52) };

/** The agent's host and the operator's, at the two ends of a cable; both may have an Avahi. */
let agentNs: Namespace;
let operatorNs: Namespace;
let agentHost: AvahiHost;
let operatorHost: AvahiHost;

beforeAll(async () => {
  agentNs = await Namespace.create();
  operatorNs = await Namespace.create(agentNs);
  agentNs.connect("eth0", operatorNs, "eth0");
  for (const [ns, address] of [
    [agentNs, "10.9.0.1/24"],
    [operatorNs, "10.9.0.100/24"],
  ] as const) {
    ns.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad");
    ns.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6");
    ns.run("ip", "link", "set", "eth0", "down");
    ns.run("ip", "link", "set", "eth0", "up");
    ns.run("ip", "addr", "add", address, "dev", "eth0");
  }
  await until("link-local addresses", () =>
    [agentNs, operatorNs].every((ns) => /fe80/.test(ns.run("ip", "-6", "addr"))),
  );
  agentHost = await AvahiHost.create(agentNs);
  operatorHost = await AvahiHost.create(operatorNs);
  await operatorHost.start("operator", "eth0");
});

afterAll(async () => {
  await Promise.all([agentHost?.close(), operatorHost?.close()]);
  await Promise.all([agentNs?.close(), operatorNs?.close()]);
});

function announce(
  host: AvahiHost,
  more: object = {},
  announcement: object = ANNOUNCED,
): AnnouncingProcess {
  const options = { announcement: { ...announcement, ...more }, interfaces: ["eth0"], avahi: true };
  const made = new AnnouncingProcess(host.spawn, options);
  onTestFinished(() => made.stop());
  return made;
}

async function agentAvahi(): Promise<void> {
  await agentHost.start("agent", "eth0");
  onTestFinished(() => agentHost.stop());
}

/** What the operator's avahi-browse finds, once it is as it should be. */
async function browsed(
  type: string,
  good: (found: readonly Resolved[]) => boolean,
): Promise<readonly Resolved[]> {
  for (let left = 20; ; left--) {
    const found = await operatorHost.browse(type);
    if (left === 0 || good(found)) return found;
  }
}

function both(found: readonly Resolved[]): boolean {
  return new Set(found.map(({ protocol }) => protocol)).size === 2;
}

interface Found {
  readonly instance: string;
  readonly addresses: readonly string[];
  readonly state: string;
}

/** What `pilotlight discover` finds on the operator's host, beside its Avahi. */
async function discovered(timeoutS = 2): Promise<readonly Found[]> {
  const argv = [process.execPath, MAIN, "discover", "--json", "--timeout", String(timeoutS)];
  const child = operatorHost.spawn(...argv);
  let out = "";
  child.stdout.on("data", (piece: Buffer) => {
    out += piece.toString();
  });
  await new Promise((resolve) => child.once("close", resolve));
  const lines = out.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Found);
}

const TXT: readonly string[] = [
  "board=rpi4",
  `id=${ANNOUNCED.fingerprint}`,
  "proto=1",
  "site=cellar",
  "state=serving",
  "txtvers=1",
  "ver=0.1.0",
];

describe("announced in process", () => {
  it("avahi-browse sees the agent by IPv4 and IPv6, with its texts", async () => {
    await announce(agentHost).by("in process");
    const found = await browsed(TYPE, both);
    expect(found.map(({ name, port, host, txt }) => ({ name, port, host, txt }))).toEqual(
      found.map(() => ({ name: "rack7", port: 7458, host: "rack7-k7xq.local", txt: TXT })),
    );
    expect(both(found)).toBe(true);
    const addresses = found.map(({ address }) => address);
    expect(addresses.every((a) => a === "10.9.0.1" || a.startsWith("fe80::"))).toBe(true);
  });

  it("avahi-browse sees changed texts, and forgets an agent that says goodbye", async () => {
    const announcer = await announce(agentHost).by("in process");
    await browsed(TYPE, both);
    announcer.update({ ...ANNOUNCED, state: "degraded" });
    const changed = (found: readonly Resolved[]): boolean =>
      found.length > 0 && found.every(({ txt }) => txt.includes("state=degraded"));
    expect(changed(await browsed(TYPE, changed))).toBe(true);
    await announcer.stop();
    expect(await browsed(TYPE, (found) => found.length === 0)).toEqual([]);
  });

  it("a name that an Avahi service has is left to it", async () => {
    operatorHost.publish("rack7", TYPE, 1_234, "board=other");
    onTestFinished(() => operatorHost.unpublish("rack7"));
    await browsed(TYPE, (found) => found.some(({ port }) => port === 1_234));
    const announcer = await announce(agentHost).by("in process");
    await until("another name", () => announcer.instance === "rack7 (2)");
    const found = await browsed(TYPE, (f) => f.some(({ name }) => name === "rack7 (2)"));
    expect([...new Set(found.map(({ name, port }) => `${name} ${port}`))].sort()).toEqual([
      "rack7 (2) 7458",
      "rack7 1234",
    ]);
  });

  it("an Avahi that wants a name which we have takes another", async () => {
    await announce(agentHost).by("in process");
    await browsed(TYPE, both);
    operatorHost.publish("rack7", TYPE, 1_234);
    onTestFinished(() => operatorHost.unpublish("rack7"));
    const other = (found: readonly Resolved[]): boolean => found.some(({ port }) => port === 1_234);
    const found = await browsed(TYPE, other);
    expect(found.filter(({ port }) => port === 7_458).every(({ name }) => name === "rack7")).toBe(
      true,
    );
    expect(found.filter(({ port }) => port === 1_234).map(({ name }) => name)).toContain(
      "rack7 #2",
    );
  });

  it("a configuration server, whose type is longer than others", async () => {
    await announce(agentHost, {}, CONFIG).by("in process");
    const found = await browsed("_pilotlight-config._tcp", both);
    expect(found[0]).toMatchObject({ name: "eva", port: 7459 });
  });
});

describe("announced by Avahi", () => {
  it("avahi-browse of another host sees the same", async () => {
    await agentAvahi();
    const announcer = await announce(agentHost).by("avahi");
    const found = await browsed(TYPE, both);
    expect(announcer.stderr).toBe("");
    expect(both(found)).toBe(true);
    expect(found.map(({ name, port, host, txt }) => ({ name, port, host, txt }))).toEqual(
      found.map(() => ({ name: "rack7", port: 7458, host: "agent.local", txt: TXT })),
    );
  });

  it("changed texts are seen", async () => {
    await agentAvahi();
    const announcer = await announce(agentHost).by("avahi");
    await browsed(TYPE, both);
    announcer.update({ ...ANNOUNCED, state: "unconfigured", site: undefined });
    const changed = (found: readonly Resolved[]): boolean =>
      found.length > 0 && found.every(({ txt }) => txt.includes("state=unconfigured"));
    const found = await browsed(TYPE, changed);
    expect(changed(found)).toBe(true);
    expect(found[0]?.txt.some((text) => text.startsWith("site="))).toBe(false);
  });

  it("a name that another host has is changed by Avahi, and we know it", async () => {
    operatorHost.publish("rack7", TYPE, 1_234);
    onTestFinished(() => operatorHost.unpublish("rack7"));
    await browsed(TYPE, (found) => found.some(({ port }) => port === 1_234));
    await agentAvahi();
    const announcer = await announce(agentHost).by("avahi");
    await until("another name", () => announcer.instance === "rack7 #2");
    const found = await browsed(TYPE, (f) => f.some(({ name }) => name === "rack7 #2"));
    expect(found.some(({ name, port }) => name === "rack7 #2" && port === 7458)).toBe(true);
  });

  it("a configuration server, whose type is longer than others", async () => {
    await agentAvahi();
    await announce(agentHost, {}, CONFIG).by("avahi");
    const found = await browsed("_pilotlight-config._tcp", both);
    expect(found[0]).toMatchObject({ name: "eva", port: 7459 });
  });

  it.each(["SIGTERM", "SIGKILL"] as const)(
    "when it ends by %s while we run we announce ourselves; when it is back it does again",
    async (signal) => {
      await agentAvahi();
      const announcer = await announce(agentHost).by("avahi");
      await browsed(TYPE, both);
      await agentHost.stop(signal);
      await announcer.by("in process");
      const own = (found: readonly Resolved[]): boolean =>
        both(found) && found.every(({ host }) => host === "rack7-k7xq.local");
      expect(own(await browsed(TYPE, own))).toBe(true);
      expect((await discovered())[0]).toMatchObject({ instance: "rack7", state: "serving" });
      await agentHost.start("agent", "eth0");
      await announcer.by("avahi");
      const theirs = (found: readonly Resolved[]): boolean =>
        both(found) && found.every(({ host }) => host === "agent.local");
      expect(theirs(await browsed(TYPE, theirs))).toBe(true);
      await announcer.stop();
    },
  );
});

describe("pilotlight discover beside Avahi", () => {
  it("finds what Avahi announces, on another host and on its own", async () => {
    operatorHost.publish(
      "theirs",
      TYPE,
      7_458,
      `id=${"d".repeat(52)}`,
      "state=serving",
      "board=pc",
    );
    onTestFinished(() => operatorHost.unpublish("theirs"));
    await agentAvahi();
    await announce(agentHost).by("avahi");
    await browsed(TYPE, (found) => new Set(found.map(({ name }) => name)).size === 2);
    const found = await discovered(3);
    expect(found.map(({ instance }) => instance)).toEqual(["rack7", "theirs"]);
    const [rack7] = found;
    expect(rack7?.addresses).toEqual(["10.9.0.1", expect.stringMatching(/^fe80::.*%eth0$/)]);
  });
});
