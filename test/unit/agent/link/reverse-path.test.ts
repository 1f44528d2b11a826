import { describe, expect, it } from "vitest";
import { reversePathProblem } from "../../../../agent/link/reverse-path.ts";

function problem(values: Readonly<Record<string, number>>) {
  const { all = 0, ...interfaces } = values;
  return reversePathProblem("eth0", {
    interfaces: () => Object.keys(interfaces),
    rpFilter: (name) => (name === "all" ? all : (interfaces[name] ?? Number.NaN)),
  });
}

describe("reversePathProblem", () => {
  it.each([
    ["the rack's interface is the only one", { eth0: 0 }],
    ["all are strict", { eth0: 1, wlan0: 1 }],
    ["all is strict for all", { all: 1, eth0: 0, wlan0: 0 }],
  ])("finds none where %s", (_, values) => {
    expect(problem(values)).toBeUndefined();
  });

  it.each([
    [{ eth0: 0, wlan0: 1 }, "net/ipv4/conf/eth0/rp_filter=1"],
    [{ eth0: 1, wlan0: 2 }, "net/ipv4/conf/wlan0/rp_filter=1"],
    [
      { all: 2, eth0: 1, wlan0: 1 },
      "net/ipv4/conf/all/rp_filter=1 net/ipv4/conf/eth0/rp_filter=1 net/ipv4/conf/wlan0/rp_filter=1",
    ],
    [{ eth0: 1, "eth1.100": 0 }, "net/ipv4/conf/eth1.100/rp_filter=1"],
  ])("of %j says what to type", (values, words) => {
    const found = problem(values);
    expect(found?.code).toBe("E_RP_FILTER");
    expect(found?.cure).toBe(`Type: sysctl -w ${words}`);
  });
});
