import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { askStatus } from "../../../../../agent/cli/discover/ask-status.ts";
import {
  type DiscoverOptions,
  type DiscoverParts,
  discover,
} from "../../../../../agent/cli/discover/discover.ts";
import { mergeAgents, tableLines } from "../../../../../agent/cli/discover/rows.ts";
import type { CommandHost } from "../../../../../agent/cli/host.ts";
import type { Responder } from "../../../../../agent/discovery/mdns/responder.ts";
import type { FoundAgent } from "../../../../../agent/discovery/services.ts";
import { agentTxt } from "../../../../../agent/discovery/txt.ts";
import type { DnsResolver } from "../../../../../agent/discovery/unicast.ts";
import {
  VirtualMdnsHost,
  VirtualSegment,
  virtualResponder,
} from "../../../../support/virtual-mdns.ts";

const ID = "k7xqm2ab".padEnd(52, "a");

function agent(more: Partial<FoundAgent> = {}): FoundAgent {
  return {
    name: "rack7",
    instance: "rack7",
    board: "raspberry-pi-4",
    version: "0.1.0",
    site: "cellar",
    state: "serving",
    port: 7458,
    fingerprint: ID,
    addresses: ["10.9.0.1"],
    interface: "eth0",
    ...more,
  };
}

class Terminal {
  out = "";
  err = "";
  status = 0;
  stop: () => void = () => {};

  get host(): CommandHost {
    return {
      env: {},
      stdout: {
        write: (text: string) => {
          this.out += text;
        },
      },
      stderr: {
        write: (text: string) => {
          this.err += text;
        },
      },
      onStopSignal: (fn: () => void) => {
        this.stop = fn;
      },
      setExitStatus: (status: number) => {
        this.status = status;
      },
    } as unknown as CommandHost;
  }
}

interface Rig {
  readonly segment: VirtualSegment;
  readonly terminal: Terminal;
  announce(name: string, address: string, more?: Partial<FoundAgent>): Responder;
  run(options?: Partial<DiscoverOptions>, parts?: Partial<DiscoverParts>): Promise<void>;
}

const NO_DNS: DnsResolver = {
  resolvePtr: () => Promise.reject(Object.assign(new Error("x"), { code: "ETIMEOUT" })),
  cancel: () => undefined,
} as unknown as DnsResolver;

function rig(): Rig {
  const segment = new VirtualSegment();
  const mdns = new VirtualMdnsHost(segment.clock, 4).plug("eth0", segment, "10.9.0.100/24");
  const terminal = new Terminal();
  return {
    segment,
    terminal,
    announce(name, address, more = {}) {
      const found = agent({ name, ...more });
      const host = new VirtualMdnsHost(segment.clock, 3).plug("lan", segment, address);
      const { port, fingerprint } = found;
      const txt = agentTxt(found);
      const service = { type: "_pilotlight._tcp", name, port, fingerprint, txt };
      return virtualResponder(host, segment, service);
    },
    run: (options = {}, parts = {}) =>
      discover({ timeout: 3, ...options }, terminal.host, {
        mdns,
        resolver: NO_DNS,
        askStatus: () => Promise.resolve({ booting: ["v100", "minipc"] }),
        pins: undefined,
        wallMs: () => 1_800_000_000_000,
        ...parts,
      }),
  };
}

describe("pilotlight discover", () => {
  it("shows the agents of the network in a table", async () => {
    const { segment, terminal, announce, run } = rig();
    announce("rack7", "10.9.0.1/24");
    announce("attic", "10.9.0.2/24", { state: "unconfigured", site: undefined, port: 7999 });
    const done = run();
    await segment.run(4_000);
    await done;
    expect(terminal.out.split("\n")).toEqual([
      "NAME   BOARD           ADDRESS        SITE    STATE         BOOTING",
      "attic  raspberry-pi-4  10.9.0.2:7999  -       unconfigured  2",
      "rack7  raspberry-pi-4  10.9.0.1       cellar  serving       2",
      "",
    ]);
    expect([terminal.err, terminal.status]).toEqual(["", 0]);
  });

  it("as JSON, an agent a line", async () => {
    const { segment, terminal, announce, run } = rig();
    announce("rack7", "10.9.0.1/24");
    const done = run({ json: true }, { askStatus: () => Promise.resolve(undefined) });
    await segment.run(4_000);
    await done;
    const { name, ...said } = JSON.parse(terminal.out);
    expect(name).toBe("rack7");
    expect(said).toEqual({
      instance: "rack7",
      board: "raspberry-pi-4",
      version: "0.1.0",
      site: "cellar",
      state: "serving",
      port: 7458,
      fingerprint: ID,
      addresses: ["10.9.0.1"],
      interfaces: ["eth0"],
      booting: null,
    });
  });

  it("shouts when an agent is not who it was", async () => {
    const { segment, terminal, announce, run } = rig();
    announce("rack7", "10.9.0.1/24");
    const pins = { check: () => "rack7 has ANOTHER identity key than when it was first met." };
    const done = run({}, { pins });
    await segment.run(4_000);
    await done;
    expect(terminal.out).toContain("  !! rack7 has ANOTHER identity key");
  });

  it("explains itself when it finds nothing, within 80 columns", async () => {
    const { segment, terminal, run } = rig();
    const done = run({ domain: "example.org" });
    await segment.run(4_000);
    await done;
    expect(terminal.out).toBe("");
    expect(terminal.status).toBe(1);
    expect(terminal.err).toContain("No agent answered within 3 s on eth0, and of the DNS domain");
    for (const word of ["example.org: x", "VLAN", "firewall", "5353", "--domain", "management"]) {
      expect(terminal.err).toContain(word);
    }
    expect(Math.max(...terminal.err.split("\n").map((line) => line.length))).toBeLessThanOrEqual(
      80,
    );
  });

  it("asks by unicast DNS when a domain is given", async () => {
    const { segment, terminal, run } = rig();
    const txt = agentTxt(agent()).map((s) => Buffer.from(s).toString());
    const resolver = {
      ...NO_DNS,
      resolvePtr: () => Promise.resolve(["rack7._pilotlight._tcp.example.org"]),
      resolveSrv: () => Promise.resolve([{ name: "a", port: 7458, priority: 0, weight: 0 }]),
      resolveTxt: () => Promise.resolve([txt]),
      resolve4: () => Promise.resolve(["192.0.2.7"]),
      resolve6: () => Promise.resolve([]),
    } as unknown as DnsResolver;
    const done = run({ domain: "example.org" }, { resolver });
    await segment.run(4_000);
    await done;
    expect(terminal.out).toContain("rack7  raspberry-pi-4  192.0.2.7  cellar  serving");
  });

  it("an interface that is not there is named, with those that are", async () => {
    await expect(rig().run({ interface: ["eth7"] })).rejects.toMatchObject({
      code: "E_INTERFACE",
      cure: expect.stringContaining("eth0"),
    });
  });

  it("a host without a network is told so", async () => {
    const mdns = new VirtualMdnsHost(new VirtualSegment().clock);
    await expect(rig().run({}, { mdns })).rejects.toMatchObject({ code: "E_DISCOVERY" });
  });

  it("--watch tells what comes, changes and goes", async () => {
    const { segment, terminal, announce, run } = rig();
    const done = run({ watch: true });
    const responder = announce("rack7", "10.9.0.1/24");
    await segment.run(3_000);
    const service = { type: "_pilotlight._tcp", name: "rack7", port: 7458, fingerprint: ID };
    responder.update({ ...service, txt: agentTxt(agent({ state: "degraded" })) });
    await segment.run(3_000);
    void responder.stop();
    await segment.run(3_000);
    terminal.stop();
    await segment.run(10);
    await done;
    expect(terminal.out.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
      "08:00:00 + rack7 raspberry-pi-4 10.9.0.1 serving",
      "08:00:00 ~ rack7 raspberry-pi-4 10.9.0.1 degraded",
      "08:00:00 - rack7 raspberry-pi-4 10.9.0.1 gone",
      "",
    ]);
  });
});

describe("the table", () => {
  it("merges what was heard on two interfaces, and keeps two agents of one name apart", () => {
    const merged = mergeAgents([
      agent({ addresses: ["fe80::1%eth0"] }),
      agent({ addresses: ["10.9.0.1", "fe80::2%eth1"], interface: "eth1" }),
      agent({ instance: "rack7 (2)", fingerprint: "b".repeat(52) }),
    ]);
    expect(
      merged.map(({ agent: a, addresses, interfaces }) => [a.instance, addresses, interfaces]),
    ).toEqual([
      ["rack7", ["10.9.0.1", "fe80::1%eth0", "fe80::2%eth1"], ["eth0", "eth1"]],
      ["rack7 (2)", ["10.9.0.1"], ["eth0"]],
    ]);
  });

  it("is never wider than 80 columns, says in full what it cuts, and shows no control characters", () => {
    const wild = agent({
      instance: "\x1b[2Jrack\u202e of the very long name that no column has",
      board: "b".repeat(63),
      site: "s".repeat(63),
      state: "unconfigured",
      port: 65_535,
      addresses: ["fe80::1234:5678:9abc:def0%enp0s31f6"],
    });
    const [merged] = mergeAgents([wild]);
    const status = { booting: Array.from({ length: 999 }, () => "x") };
    const rows = merged ? [{ ...merged, status, alarm: "w ".repeat(100) }] : [];
    const lines = tableLines(rows, false);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(lines.join("\n")).toContain("address [fe80::1234:5678:9abc:def0%enp0s31f6]:65535");
    expect(lines.join("")).not.toMatch(/\p{Cc}|\u202e/u);
  });
});

describe("asking an agent for its status", () => {
  async function ask(listener: RequestListener, timeoutMs = 400): Promise<unknown> {
    const server = createServer(listener);
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return await askStatus(agent({ addresses: ["127.0.0.1"], port }), timeoutMs);
  }

  it("gets the names of the machines that boot", async () => {
    const said = await ask((request, response) => {
      expect([request.url, request.headers.accept]).toEqual(["/v1/status", "application/json"]);
      expect(request.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
      response.end(JSON.stringify({ booting: ["v100", 7] }));
    });
    expect(said).toEqual({ booting: ["v100"] });
  });

  it.each<[string, RequestListener]>([
    ["refuses", (_, r) => r.writeHead(401).end("{}")],
    ["says nothing", () => undefined],
    ["speaks no JSON", (_, r) => r.end("<html>")],
    ["says something else", (_, r) => r.end("null")],
    ["sends more than anybody wants to know", (_, r) => r.end(`"${"x".repeat(300_000)}"`)],
  ])("one that %s is shown without", async (_, listener) => {
    expect(await ask(listener)).toBeUndefined();
  });
});
