import { describe, expect, it } from "vitest";
import { type RouteTables, WayBack } from "../../../../agent/link/way-back.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

/** Of a gateway with an uplink, as Linux 6.12 shows them. */
const IPV4 = [
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
  "up0\t00000000\t017100CB\t0003\t0\t0\t100\t00000000\t0\t0\t0",
  "rack0\t002A18AC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
  "slow0\t0000000A\t00000000\t0001\t0\t0\t20\t000000FF\t0\t0\t0",
  "fast0\t0000000A\t00000000\t0001\t0\t0\t10\t000000FF\t0\t0\t0",
  "gone0\t0001A8C0\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0",
  "*\t0002A8C0\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0",
].join("\n");
const ZERO = "0".repeat(32);
const IPV6 = [
  `fd000000000000010000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001    rack0`,
  `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     up0`,
  `${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo`,
].join("\n");

function wayBack(tables: RouteTables, clock = new FakeClock()): WayBack {
  return new WayBack(clock, tables);
}

describe("the way back to an address", () => {
  it.each([
    ["172.24.42.51", "rack0"],
    ["::ffff:172.24.42.51", "rack0"],
    ["203.0.113.66", "up0"],
    ["10.1.2.3", "fast0"],
    ["192.168.1.1", "up0"],
    ["192.168.2.1", "up0"],
    ["fd00:0:0:1::5", "rack0"],
    ["2001:db8::1", "up0"],
    ["fe80::1%lan0", "lan0"],
    ["no address", undefined],
  ])("to %s is by %s", (address, name) => {
    const tables = { ipv4: () => IPV4, ipv6: () => IPV6 };
    expect(wayBack(tables).interfaceOf(address)).toBe(name);
  });

  it("is unknown where the kernel shows nothing", () => {
    expect(wayBack({ ipv4: () => "", ipv6: () => "x" }).interfaceOf("10.0.0.1")).toBeUndefined();
  });

  it("is looked up again after a moment, and not for each connection", () => {
    const clock = new FakeClock();
    let reads = 0;
    const ipv4 = (): string => {
      reads += 1;
      return reads === 1 ? "" : IPV4;
    };
    const way = wayBack({ ipv4, ipv6: () => "" }, clock);
    expect(way.interfaceOf("172.24.42.51")).toBeUndefined();
    expect(way.interfaceOf("172.24.42.51")).toBeUndefined();
    clock.advance(2_000);
    expect(way.interfaceOf("172.24.42.51")).toBe("rack0");
    expect(reads).toBe(2);
  });
});
