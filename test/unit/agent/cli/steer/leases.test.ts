import { beforeEach, describe, expect, it } from "vitest";
import type { LeaseStatus } from "../../../../../agent/control/messages.ts";
import { Desk, json } from "./run.ts";

const V100: LeaseStatus = {
  address: "172.24.42.51",
  network: "rack",
  mac: "00:03:ba:5b:ae:b3",
  machine: "v100",
  hostname: "netbsd",
  state: "bound",
  reserved: true,
  leftS: null,
  since: new Date(Date.now() - 3 * 3_600_000 - 5_000).toISOString(),
};
const LONG: LeaseStatus = {
  address: "172.24.142.100",
  network: "rack",
  mac: "02:00:00:00:00:01",
  hostname: "a-host-that-calls-itself-by-a-name-that-is-longer-than-any-table",
  state: "bound",
  reserved: false,
  leftS: 1790,
  since: V100.since ?? "",
};
const leases: readonly LeaseStatus[] = [
  V100,
  LONG,
  { ...LONG, address: "172.24.142.101", state: "over", leftS: 0, hostname: "old" },
  {
    address: "172.24.142.102",
    network: "rack",
    mac: "",
    state: "declined",
    reserved: false,
    leftS: 3000,
  },
];
const pools = [
  { network: "rack", size: 10, free: 8 },
  { network: "far", size: 0, free: 0 },
];

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

describe("leases", () => {
  it("are listed in 80 columns", async () => {
    await desk.known({ handlers: { "leases.list": () => ({ leases, pools, more: 2 }) } });
    const { stdout } = await desk.run("leases", "rack7");
    const lines = stdout.split("\n");
    expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "ADDRESS MACHINE MAC STATE LEFT SINCE",
      "172.24.42.51 v100 00:03:ba:5b:ae:b3 reserved for ever 3 h",
      expect.stringMatching(/^172.24.142.100 a-host-.*… 02:00:00:00:00:01 bound 29 min 3 h$/),
      "172.24.142.101 old 02:00:00:00:00:01 over - 3 h",
      "172.24.142.102 - - declined 50 min -",
      "2 leases more: --json has no more either.",
      "",
      "rack: 8 of 10 addresses are free",
      "",
    ]);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(json(await desk.run("leases", "list", "rack7", "--json"))).toEqual({
      agent: "rack7",
      leases,
      pools,
      more: 2,
    });
  });

  it("are released, by whatever names one", async () => {
    const asked: unknown[] = [];
    await desk.known({
      handlers: {
        "leases.release": (args: unknown) => {
          asked.push(args);
          return { ...V100, state: "over", leftS: 0 };
        },
      },
    });
    const said = await desk.run("leases", "release", "v100", "rack7");
    expect(said.stdout).toBe("rack7: 172.24.42.51 is free; v100 is not told before it renews.\n");
    const quiet = await desk.run("leases", "release", V100.mac, "rack7", "--json");
    expect(json(quiet)).toMatchObject({ agent: "rack7", lease: { state: "over" } });
    expect(asked).toEqual([{ lease: "v100" }, { lease: V100.mac }]);
  });

  it("are none at an agent that gave none", async () => {
    await desk.known({ handlers: { "leases.list": () => ({ leases: [], pools: [], more: 0 }) } });
    expect((await desk.run("leases", "rack7")).stdout).toBe("rack7 gave no address.\n");
  });
});
