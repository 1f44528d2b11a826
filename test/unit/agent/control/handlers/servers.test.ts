import { describe, expect, it } from "vitest";
import { serverHandlers } from "../../../../../agent/control/handlers/servers.ts";
import { byEva, LOCALLY, testAgent, WALL_MS } from "../../../../support/agent-parts.ts";
import { FakeBeside } from "../../../../support/fake-beside.ts";
import { ip } from "../../../../support/test-site.ts";

const GIVES = { address: ip("10.0.0.254"), givesAddresses: true, firstMs: 1_000, lastMs: 5_000 };
const BOOTS = { ...GIVES, address: ip("10.0.0.253"), givesAddresses: false };

async function setUp(beside = new FakeBeside()) {
  const agent = await testAgent({}, { beside });
  agent.clock.advance(9_000);
  return { ...agent, beside, verbs: serverHandlers(agent.parts) };
}

function time(ms: number): string {
  return new Date(WALL_MS + ms).toISOString();
}

describe("other DHCP servers", () => {
  it("are listed with when they were heard, and with what is done about addresses", async () => {
    const { verbs, beside } = await setUp();
    beside.servers = [BOOTS, GIVES];
    beside.kept = { address: GIVES.address, sinceMs: WALL_MS - 60_000 };
    expect(await verbs["servers.list"]({}, LOCALLY)).toEqual({
      mode: "auto",
      conduct: "proxy",
      why: "10.0.0.254 gives addresses here",
      servers: [
        {
          address: "10.0.0.253",
          givesAddresses: false,
          kept: false,
          since: time(1_000),
          last: time(5_000),
        },
        {
          address: "10.0.0.254",
          givesAddresses: true,
          kept: true,
          since: time(-60_000),
          last: time(5_000),
        },
      ],
    });
  });

  it.each([
    [WALL_MS - 60_000, { since: time(-60_000) }],
    [4_000, {}],
  ])(
    "have the one that is kept among them, although it is silent (seen at %d)",
    async (sinceMs, since) => {
      const { verbs, beside } = await setUp();
      beside.kept = { address: GIVES.address, sinceMs };
      const { servers } = await verbs["servers.list"]({}, LOCALLY);
      expect(servers).toEqual([
        { address: "10.0.0.254", givesAddresses: true, kept: true, ...since },
      ]);
    },
  );

  it("are forgotten by an operator, whose name is told", async () => {
    const { verbs, beside } = await setUp();
    beside.servers = [GIVES];
    beside.kept = { address: GIVES.address, sinceMs: WALL_MS };
    expect(await verbs["servers.forget"]({}, byEva())).toMatchObject({
      address: "10.0.0.254",
      kept: false,
    });
    expect(beside.by).toEqual(["eva@laptop"]);
    expect((await verbs["servers.list"]({}, LOCALLY)).conduct).toBe("reservations");
  });

  it.each([
    ["auto", /^It serves the addresses that the site reserves already/],
    ["authoritative", /stop the other server/],
    ["proxy", /`dhcp: proxy`/],
  ] as const)("are not forgotten in %s where none is kept", async (mode, cure) => {
    const { verbs, beside } = await setUp(new FakeBeside(mode));
    beside.servers = [GIVES];
    await expect(verbs["servers.forget"]({}, byEva())).rejects.toMatchObject({
      code: "E_NOT_FOUND",
      message: "there is no other DHCP server to forget",
      cure: expect.stringMatching(cure),
    });
    expect([beside.by, beside.servers]).toEqual([[], [GIVES]]);
  });

  it("are none where DHCP is off, and without a site", async () => {
    const { parts } = await testAgent();
    const verbs = serverHandlers(parts);
    const none = { mode: "off", conduct: "off", servers: [] };
    expect(await verbs["servers.list"]({}, LOCALLY)).toEqual({ ...none, why: "the site says off" });
    await expect(verbs["servers.forget"]({}, byEva())).rejects.toMatchObject({
      cure: expect.stringContaining("`dhcp: off`"),
    });
    const unconfigured = serverHandlers({ ...parts, running: () => undefined });
    expect(await unconfigured["servers.list"]({}, LOCALLY)).toEqual({
      ...none,
      why: "it serves no site",
    });
    await expect(unconfigured["servers.forget"]({}, byEva())).rejects.toMatchObject({
      message: expect.stringContaining("unconfigured"),
    });
  });
});
