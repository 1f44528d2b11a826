import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { isPrivate, managementAddresses } from "../../../../agent/link/management-interfaces.ts";

function info(address: string, scopeid = 0, internal = false): NetworkInterfaceInfo {
  const base = { address, netmask: "", mac: "", internal, cidr: null };
  return address.includes(":") ? { ...base, family: "IPv6", scopeid } : { ...base, family: "IPv4" };
}

const HOST = {
  lo: [info("127.0.0.1", 0, true), info("::1", 0, true)],
  eth0: [info("192.168.77.1"), info("fe80::1", 2)],
  eth1: [info("203.0.113.9"), info("2001:db8::9"), info("fd00::9")],
  wlan0: [info("169.254.3.4")],
};

const text = (choice: Parameters<typeof managementAddresses>[0]): readonly string[] =>
  managementAddresses(choice, HOST).map((a) => `${a.interface} ${a.address}`);

describe("managementAddresses", () => {
  it("are those of every private network without a site", () => {
    expect(text({ names: undefined, rack: undefined })).toEqual([
      "eth0 192.168.77.1",
      "eth0 fe80::1%eth0",
      "eth1 fd00::9",
      "wlan0 169.254.3.4",
    ]);
  });

  it("are those of the rack's interface with one", () => {
    expect(text({ names: undefined, rack: "wlan0" })).toEqual(["wlan0 169.254.3.4"]);
    expect(text({ names: undefined, rack: "eth9" })).toEqual([]);
  });

  it("are all of those that are named, and never the loopback's", () => {
    expect(text({ names: ["eth1", "lo"], rack: "eth0" })).toEqual([
      "eth1 203.0.113.9",
      "eth1 2001:db8::9",
      "eth1 fd00::9",
    ]);
    expect(text({ names: [], rack: "eth0" })).toEqual([]);
  });
});

it.each([
  ["10.255.0.1", true],
  ["11.0.0.1", false],
  ["172.15.0.1", false],
  ["172.31.255.255", true],
  ["172.32.0.1", false],
  ["192.168.0.1", true],
  ["169.254.0.1", true],
  ["8.8.8.8", false],
  ["fd12::1", true],
  ["fe80::1", true],
  ["2001:db8::1", false],
])("%s is private: %s", (address, want) => expect(isPrivate(address)).toBe(want));
