import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { FoundAgent } from "../../../../agent/discovery/services.ts";
import type { AgentError } from "../../../../agent/errors.ts";
import { generateKey } from "../../../../agent/identity/ed25519.ts";
import { endpoint } from "../../../../agent/link/endpoint.ts";
import { parseAddress } from "../../../../agent/operator/address.ts";
import { AgentClient } from "../../../../agent/operator/agent-client.ts";
import { AgentFinder } from "../../../../agent/operator/find-agents.ts";
import { OperatorHome } from "../../../../agent/operator/home.ts";
import { KnownAgents } from "../../../../agent/operator/known-agents.ts";
import { failureOf } from "../../../support/agent-errors.ts";
import { FakeAgent } from "../../../support/fake-agent.ts";
import { tempDir } from "../../../support/temp-dir.ts";

function found(agent: FakeAgent, more: Partial<FoundAgent> = {}): FoundAgent {
  return {
    name: agent.name,
    instance: agent.name,
    board: "generic-x86",
    version: "0.1.0",
    site: undefined,
    state: "serving",
    port: agent.port,
    fingerprint: agent.fingerprint,
    addresses: ["127.0.0.1"],
    interface: "eth0",
    ...more,
  };
}

interface Rig {
  readonly finder: AgentFinder;
  readonly known: KnownAgents;
  readonly notices: string[];
  /** What is on the network. */
  all: readonly FoundAgent[];
  browses: number;
  open(target: string): Promise<AgentClient>;
  failure(target: string): Promise<AgentError>;
}

function rig(): Rig {
  const known = new KnownAgents(new OperatorHome(path.join(tempDir(), "home")));
  const notices: string[] = [];
  const made: Rig = {
    known,
    notices,
    all: [],
    browses: 0,
    finder: new AgentFinder({
      known,
      browse: () => {
        made.browses++;
        return Promise.resolve(made.all);
      },
      connect: ({ host, port }, expect) =>
        AgentClient.connect({ host, port, expect, key: () => Promise.reject(new Error("no key")) }),
      notice: (text) => notices.push(text),
    }),
    async open(target) {
      const client = await made.finder.open(target);
      onTestFinished(() => client.close());
      return client;
    },
    failure: (target) => failureOf(() => made.finder.open(target)),
  };
  return made;
}

describe("addresses", () => {
  it.each([
    ["10.0.0.7", "10.0.0.7", 7458],
    ["10.0.0.7:80", "10.0.0.7", 80],
    ["fe80::1%eth0", "fe80::1%eth0", 7458],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
    ["[::1]", "::1", 7458],
    ["rack7.example.org", "rack7.example.org", 7458],
    ["rack7:7458", "rack7", 7458],
    ["localhost", "localhost", 7458],
  ])("%s", (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    const whole = endpoint(host, port);
    expect(parseAddress(whole)).toEqual({ host, port });
  });

  it.each(["rack7", "rack7 (2)", "", "[rack7]:1", "a:0", "a:70000", "a b.c"])(
    "%j is none",
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});

describe("AgentFinder", () => {
  it("believes the key of an agent at its first meeting, and says so aloud", async () => {
    const agent = await FakeAgent.open();
    const { known, notices, open } = rig();
    const client = await open(agent.address);
    expect(client.fingerprint).toBe(agent.fingerprint);
    expect(known.list()).toMatchObject([{ name: "rack7", lastAddress: agent.address }]);
    expect(notices.join()).toContain("met for the first time");
    await open(agent.address);
    expect(notices).toHaveLength(1);
  });

  it("goes to where a known agent was last, by name in any case or by fingerprint, and asks nobody", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    await made.open(agent.address);
    const { fingerprint } = agent;
    const dashed = fingerprint.slice(0, 16).replace(/.{4}(?=.)/g, "$&-");
    for (const target of ["rack7", "RACK7", fingerprint, fingerprint.slice(0, 16), dashed]) {
      expect((await made.open(target)).fingerprint).toBe(fingerprint);
    }
    expect(made.browses).toBe(0);
  });

  it("finds an agent by name or fingerprint that was never met", async () => {
    const agent = await FakeAgent.open();
    const other = await FakeAgent.open({ name: "rack8" });
    const made = rig();
    made.all = [found(other), found(agent)];
    expect((await made.open("Rack7")).fingerprint).toBe(agent.fingerprint);
    expect((await made.open(other.fingerprint.slice(0, 20))).fingerprint).toBe(other.fingerprint);
  });

  it("finds a known agent that has moved", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    await made.open(agent.address);
    await agent.close();
    const moved = await FakeAgent.open({ key: agent.key });
    made.all = [found(moved)];
    expect((await made.open("rack7")).address).toBe(moved.address);
    expect(made.known.list()).toMatchObject([{ lastAddress: moved.address }]);
  });

  it("finds a known agent whose address another one has now", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    await made.open(agent.address);
    await agent.close();
    await FakeAgent.open({ name: "rack9", port: agent.port });
    expect(await made.failure("rack7")).toMatchObject({
      code: "E_UNREACHABLE",
      message: expect.stringContaining("that is rack9 now"),
    });
    const moved = await FakeAgent.open({ key: agent.key });
    made.all = [found(moved)];
    expect((await made.open("rack7")).fingerprint).toBe(agent.fingerprint);
  });

  it("shouts when a known name has another key: at its address, or announced", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    await made.open(agent.address);
    await agent.close();
    const thief = await FakeAgent.open({ port: agent.port });
    const there = await made.failure("rack7");
    expect([there.code, there.message]).toEqual([
      "E_IDENTITY",
      expect.stringContaining(thief.fingerprint),
    ]);
    expect((await made.failure(agent.address)).code).toBe("E_IDENTITY");
    await thief.close();
    const announced = await FakeAgent.open();
    made.all = [found(announced)];
    expect((await made.failure("rack7")).code).toBe("E_IDENTITY");
    expect(made.known.list()).toMatchObject([{ fingerprint: agent.fingerprint }]);
  });

  it("does not take an agent that announces a fingerprint which it does not have", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    const wanted = generateKey().publicKey.fingerprint;
    made.all = [found(agent, { fingerprint: wanted })];
    expect((await made.failure(wanted)).code).toBe("E_IDENTITY");
    expect(made.known.list()).toEqual([]);
  });

  it("lists those that may be meant when there are several, and what there is when there is none", async () => {
    const [one, two] = [await FakeAgent.open(), await FakeAgent.open()];
    const made = rig();
    made.all = [found(one), found(two)];
    const several = await made.failure("rack7");
    expect(several.code).toBe("E_USAGE");
    expect(several.message).toContain(one.address);
    expect(several.message).toContain(two.fingerprint.slice(0, 4));
    const none = await made.failure("rack8");
    expect([none.code, none.cure]).toEqual(["E_UNREACHABLE", "Did you mean rack7?"]);
  });

  it("tries the other addresses of an agent when one does not answer", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    made.all = [found(agent, { addresses: ["::1", "127.0.0.1"] })];
    expect((await made.open("rack7")).address).toBe(agent.address);
  });

  it("visits who was found without believing it, but not who has a known name and another key", async () => {
    const agent = await FakeAgent.open();
    const made = rig();
    const visit = await made.finder.visit(found(agent));
    visit.agent.close();
    expect([visit.new, made.known.list()]).toEqual([true, []]);
    await made.open(agent.address);
    const thief = await FakeAgent.open();
    await expect(made.finder.visit(found(thief))).rejects.toMatchObject({ code: "E_IDENTITY" });
    const honest = await FakeAgent.open();
    const renamed = await made.finder.visit(found(honest, { instance: "rack7 (2)" }));
    renamed.agent.close();
    expect(renamed.new).toBe(true);
  });
});
