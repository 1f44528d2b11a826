import { describe, expect, it } from "vitest";
import { cardOf, findCard } from "../../../../agent/link/neighbour-table.ts";
import { ip } from "../../../support/test-site.ts";

const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
172.24.42.5      0x1         0x2         52:54:00:00:00:05     *        eth0
172.24.42.51     0x1         0x2         52:54:00:00:00:99     *        eth1
172.24.42.51     0x1         0x6         00:03:BA:5b:ae:b3     *        eth0
172.24.42.60     0x1         0x0         00:00:00:00:00:00     *        eth0
`;

describe("findCard", () => {
  it.each([
    ["172.24.42.51", "eth0", "00:03:ba:5b:ae:b3"],
    ["172.24.42.51", "eth1", "52:54:00:00:00:99"],
    ["172.24.42.5", "eth0", "52:54:00:00:00:05"],
    ["172.24.42.60", "eth0", undefined],
    ["172.24.42.61", "eth0", undefined],
    ["172.24.42.5", "eth1", undefined],
  ])("of %s on %s is %s", (address, device, card) => {
    expect(findCard(TABLE, ip(address), device)).toBe(card);
  });

  it("finds nobody in rubbish", () => {
    for (const table of ["", "172.24.42.51", "172.24.42.51 \n", "172.24.42.51 0x1 0x2 zz * eth0"]) {
      expect(findCard(table, ip("172.24.42.51"), "eth0")).toBeUndefined();
    }
  });
});

describe("cardOf", () => {
  it("knows nobody of an interface that is not there", async () => {
    expect(await cardOf(ip("192.0.2.1"), "none0")).toBeUndefined();
  });
});
