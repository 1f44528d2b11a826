import { beforeEach, describe, expect, it } from "vitest";
import type { DhcpServers, ServerStatus } from "../../../../../agent/control/messages.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { Desk, json } from "./run.ts";

const DAY_MS = 86_400_000;
const KEPT: ServerStatus = {
  address: "172.24.142.254",
  givesAddresses: true,
  kept: true,
  since: new Date(Date.now() - 3 * DAY_MS - 5_000).toISOString(),
};
const BOOTS: ServerStatus = {
  address: "172.24.42.9",
  givesAddresses: false,
  kept: false,
  since: new Date(Date.now() - 3_600_000 - 5_000).toISOString(),
  last: new Date(Date.now() - 125_000).toISOString(),
};
const PROXY: DhcpServers = {
  mode: "auto",
  conduct: "proxy",
  why: "172.24.142.254 gives addresses here",
  servers: [BOOTS, KEPT],
};

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

async function listed(servers: DhcpServers): Promise<readonly string[]> {
  await desk.known({ handlers: { "servers.list": () => servers } });
  const { stdout } = await desk.run("servers", "rack7");
  const lines = stdout.split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  return lines.map((line) => line.replaceAll(/ +/g, " "));
}

describe("servers", () => {
  it("are listed with what the agent does about addresses, and why", async () => {
    expect(await listed(PROXY)).toEqual([
      "rack7 gives no addresses, and says only what to boot: 172.24.142.254 gives",
      "addresses here.",
      "",
      "ADDRESS GIVES SINCE HEARD",
      "172.24.42.9 what to boot 60 min 2 min",
      "172.24.142.254 addresses 3 d -",
      "",
      "`pilotlight servers forget` when it is gone for good.",
      "",
    ]);
    expect(json(await desk.run("servers", "list", "rack7", "--json"))).toEqual({
      agent: "rack7",
      ...PROXY,
    });
  });

  it.each([
    ["authoritative", "all", "the site says authoritative", /^rack7 gives addresses: .*pools/],
    ["auto", "reservations", "no other server was seen", /^rack7 gives the addresses .* none of a/],
    ["off", "off", "the site says off", /^rack7 answers no BOOTP and no DHCP: the site says off\./],
  ] as const)("are none in %s", async (mode, conduct, why, words) => {
    const lines = await listed({ mode, conduct, why, servers: [] });
    expect(lines.slice(0, 2).join(" ")).toMatch(words);
    expect(lines).toContain("No other DHCP server was heard.");
  });

  it("are forgotten by an operator's word", async () => {
    const asked: unknown[] = [];
    await desk.known({
      handlers: {
        "servers.forget": (args: unknown) => {
          asked.push(args);
          return { ...KEPT, kept: false };
        },
      },
    });
    const said = await desk.run("servers", "forget", "rack7");
    expect(said.stdout.replaceAll(/\s+/g, " ")).toBe(
      "rack7: 172.24.142.254 is forgotten. The agent gives the addresses that the site reserves, and asks whether somebody else does. ",
    );
    const quiet = await desk.run("servers", "forget", "rack7", "--json");
    expect(json(quiet)).toMatchObject({ agent: "rack7", server: { kept: false } });
    expect(asked).toEqual([{}, {}]);
  });

  it("are not forgotten where there is none, which the agent says", async () => {
    await desk.known({
      handlers: {
        "servers.forget": () => {
          throw new AgentError("E_NOT_FOUND", "there is no other DHCP server to forget");
        },
      },
    });
    const run = await desk.run("servers", "forget", "rack7");
    expect([run.status, run.error?.code, run.stdout]).toEqual([1, "E_NOT_FOUND", ""]);
  });
});
