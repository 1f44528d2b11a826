import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MAIN } from "../support/agent-process.ts";
import { ANNOUNCED, AnnouncingProcess } from "../support/announcing-process.ts";
import { Namespace, type PipedChild } from "../support/netns.ts";
import { until } from "../support/until.ts";

/** One network: the operator's interface is a bridge, on whose ports the agents are. */
let operator: Namespace;
let first: Namespace;
let second: Namespace;

beforeAll(async () => {
  operator = await Namespace.create();
  first = await Namespace.create(operator);
  second = await Namespace.create(operator);
  operator.run("ip", "link", "add", "lan0", "type", "bridge");
  for (const [port, agent] of [
    ["p1", first],
    ["p2", second],
  ] as const) {
    operator.connect(port, agent, "eth0");
    operator.run("ip", "link", "set", port, "master", "lan0");
  }
  for (const [ns, name, address] of [
    [operator, "lan0", "10.9.0.100/24"],
    [first, "eth0", "10.9.0.1/24"],
    [second, "eth0", "10.9.0.2/24"],
  ] as const) {
    ns.run("sh", "-c", `echo 0 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6`);
    ns.run("sh", "-c", `echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad`);
    ns.run("ip", "link", "set", name, "down");
    ns.run("ip", "link", "set", name, "up");
    ns.run("ip", "addr", "add", address, "dev", name);
  }
  await until("link-local addresses", () =>
    [operator, first, second].every((ns) => /fe80/.test(ns.run("ip", "-6", "addr"))),
  );
});

afterAll(async () => {
  await Promise.all([operator, first, second].map((ns) => ns?.close()));
});

function announce(ns: Namespace, more: object = {}, interfaces = ["eth0"]): AnnouncingProcess {
  const options = { announcement: { ...ANNOUNCED, ...more }, interfaces, avahi: false };
  const made = new AnnouncingProcess((...argv) => ns.spawn(...argv), options);
  onTestFinished(() => made.stop());
  return made;
}

function discover(...args: readonly string[]): { status: number; out: string; err: string } {
  const { status, stdout, stderr } = operator.try(process.execPath, MAIN, "discover", ...args);
  return { status: status ?? -1, out: stdout, err: stderr };
}

interface Found {
  readonly instance: string;
  readonly addresses: readonly string[];
  readonly fingerprint: string;
}

function agents(out: string): readonly Found[] {
  const lines = out.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Found);
}

interface WatchEvent {
  readonly event: string;
  readonly agent: Found & { readonly state: string };
}

function is(event: string, state: string): (e: WatchEvent) => boolean {
  return (e) => e.event === event && e.agent.instance === "rack7" && e.agent.state === state;
}

function watch(): { readonly child: PipedChild; readonly events: readonly WatchEvent[] } {
  const child = operator.spawn(process.execPath, MAIN, "discover", "--watch", "--json");
  onTestFinished(() => void child.kill("SIGKILL"));
  const events: WatchEvent[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    events.push(JSON.parse(line) as WatchEvent);
  });
  return { child, events };
}

describe("pilotlight discover, in a network of its own", () => {
  it("finds two agents that want the same name, by IPv4 and IPv6", async () => {
    const fingerprint = "b".repeat(52);
    await announce(first).by("in process");
    const other = await announce(second, { fingerprint }).by("in process");
    await until("the second to have another name", () => other.instance === "rack7 (2)");
    const { status, out } = discover("--json", "--timeout", "2");
    expect(status).toBe(0);
    const found = agents(out);
    expect(found.map((a) => [a.instance, a.addresses.length])).toEqual([
      ["rack7", 2],
      ["rack7 (2)", 2],
    ]);
    expect(found.map((a) => a.addresses[0])).toEqual(["10.9.0.1", "10.9.0.2"]);
    expect(found.map((a) => a.addresses[1])).toEqual([
      expect.stringMatching(/^fe80::.*%lan0$/),
      expect.stringMatching(/^fe80::.*%lan0$/),
    ]);
  });

  it("works over IPv6 alone", async () => {
    await announce(first).by("in process");
    operator.run("ip", "addr", "del", "10.9.0.100/24", "dev", "lan0");
    onTestFinished(() => void operator.run("ip", "addr", "add", "10.9.0.100/24", "dev", "lan0"));
    const { out } = discover("--json", "--timeout", "2");
    expect(agents(out)).toHaveLength(1);
  });

  it("says what is wrong when nobody answers, with status 1", () => {
    const { status, out, err } = discover("--timeout", "0.5");
    expect([status, out]).toEqual([1, ""]);
    expect(err).toContain("No agent answered within 0.5 s on lan0.");
  });

  it("an interface that is not there is told with those that are", () => {
    const { status, err } = discover("--interface", "eth7");
    expect(status).toBe(1);
    expect(err).toContain('E_INTERFACE: there is no interface "eth7"');
    expect(discover("--timeout", "0").status).toBe(2);
  });

  it("--watch sees an agent come, change, and say goodbye", async () => {
    const { child, events } = watch();
    const agent = await announce(first).by("in process");
    await until("the agent to be found", () => events.some(is("found", "serving")));
    agent.update({ ...ANNOUNCED, state: "degraded" });
    await until("the change", () => events.some(is("changed", "degraded")));
    await agent.stop();
    await until("the goodbye", () => events.some(is("lost", "degraded")));
    const closed = once(child, "close");
    child.kill("SIGINT");
    expect(await closed).toEqual([0, null]);
  });

  it("an agent is found on the interfaces that it was given, and on no other", async () => {
    first.connect("eth1", operator, "other0");
    onTestFinished(() => void operator.run("ip", "link", "del", "other0"));
    first.run("ip", "addr", "add", "10.8.0.1/24", "dev", "eth1");
    operator.run("ip", "addr", "add", "10.8.0.100/24", "dev", "other0");
    await announce(first).by("in process");
    await until("it to be found", () => discover("--json", "--timeout", "2").status === 0);
    const { status, err } = discover("--interface", "other0", "--timeout", "2");
    expect([status, err.split("\n")[0]]).toEqual([1, "No agent answered within 2 s on other0."]);
    await announce(first, { name: "both", fingerprint: "c".repeat(52) }, ["eth0", "eth1"]).by(
      "in process",
    );
    await until("the other to be found there", () => {
      const { out } = discover("--interface", "other0", "--json", "--timeout", "2");
      const [found] = agents(out);
      return found?.instance === "both" && found.addresses.join() === "10.8.0.1";
    });
  });

  it("an address that changes is told anew", async () => {
    const { events } = watch();
    await announce(first).by("in process");
    const at = (address: string) => () => events.at(-1)?.agent.addresses[0] === address;
    await until("the agent to be found", at("10.9.0.1"));
    first.run("ip", "addr", "del", "10.9.0.1/24", "dev", "eth0");
    first.run("ip", "addr", "add", "10.9.0.11/24", "dev", "eth0");
    onTestFinished(() => {
      first.run("ip", "addr", "flush", "dev", "eth0", "scope", "global");
      first.run("ip", "addr", "add", "10.9.0.1/24", "dev", "eth0");
    });
    await until("the new address", at("10.9.0.11"));
  });
});
