import { expect, it } from "vitest";
import { agentCommands, rackCommands } from "../../../../../agent/cli/lab/network.ts";
import { withSystemPath } from "../../../../../agent/cli/lab/run.ts";
import { parseIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";

const SPEC = {
  address: parseIpv4("172.24.42.150") ?? 0,
  prefixLen: 24,
  interfaceName: "rack0",
  machines: [
    { name: "v100", mac: "00:03:ba:5b:ae:b3" },
    { name: "minipc", mac: "00:11:22:33:44:55" },
  ],
};

it("gives each machine an interface with its MAC and a port of the switch", () => {
  expect(rackCommands(SPEC, 4711).split("\n").slice(3)).toEqual([
    "link add name rack-port type veth peer name rack0 netns 4711",
    "link set rack-port master switch up",
    "link add name v100 address 00:03:ba:5b:ae:b3 type veth peer name port1",
    "link set port1 master switch up",
    "link set v100 up",
    "link add name minipc address 00:11:22:33:44:55 type veth peer name port2",
    "link set port2 master switch up",
    "link set minipc up",
    "",
  ]);
});

it("gives the agent its address, and packets that fit a wire", () => {
  const commands = agentCommands(SPEC);
  expect(commands).toContain("addr add 172.24.42.150/24 brd + dev rack0\n");
  expect(commands).toContain("link set rack0 gso_max_segs 1\n");
});

it("finds administrators' programs for users", () => {
  expect(withSystemPath({ PATH: "/usr/bin" })).toEqual({ PATH: "/usr/bin:/usr/sbin:/sbin" });
  expect(withSystemPath({ PATH: "/sbin:/bin", A: "b" })).toEqual({
    PATH: "/sbin:/bin:/usr/sbin",
    A: "b",
  });
  expect(withSystemPath({})).toEqual({ PATH: "/usr/bin:/bin:/usr/sbin:/sbin" });
});
