import { describe, expect, it } from "vitest";
import { setNetwork } from "../../../firmware-sim/openfirmware/root-path.ts";
import { HostStack } from "../../../firmware-sim/stack/host-stack.ts";
import { formatIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { ip } from "./boot-run.ts";

function configured(address: string, mask: string, router: string): string[] {
  const host = new HostStack(new Uint8Array(6), seededRandom(1));
  setNetwork(host, ip(address), ip(mask), ip(router));
  return [formatIpv4(host.mask), formatIpv4(host.router)];
}

describe("libsa's network", () => {
  it("has the mask of the address's class when none is given, or a shorter one", () => {
    expect(configured("10.1.2.3", "0.0.0.0", "0.0.0.0")[0]).toBe("255.0.0.0");
    expect(configured("172.24.42.51", "0.0.0.0", "0.0.0.0")[0]).toBe("255.255.0.0");
    expect(configured("192.168.77.21", "255.255.0.0", "0.0.0.0")[0]).toBe("255.255.255.0");
  });

  it("has a longer mask as given", () => {
    expect(configured("172.24.42.51", "255.255.255.0", "0.0.0.0")[0]).toBe("255.255.255.0");
  });

  it("has a router on its own net only", () => {
    expect(configured("192.168.77.21", "0.0.0.0", "192.168.77.1")[1]).toBe("192.168.77.1");
    expect(configured("192.168.77.21", "0.0.0.0", "192.168.78.1")[1]).toBe("0.0.0.0");
  });
});
