import { describe, expect, it } from "vitest";
import { parseSite } from "../../../../agent/site/load.ts";
import type { Site } from "../../../../agent/site/site.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;

function site(text: string): Site {
  const result = parseSite(text, "/rack/site.yaml", () => true);
  if (!result.site) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.site;
}

const TEXT = `site: s
network:
  address: 10.0.0.1/24
  dhcp: auto
  pool: [10.0.0.100-10.0.0.149, 10.0.0.200-10.0.0.249]
  lease: 2h
  probe: false
  identity: client-id
  relays: [10.0.0.9, 172.16.0.1]
  subnets:
    lab: { prefix: 10.1.0.0/16, router: 10.1.0.1, dns: [10.1.0.1], domain: lab.example, pool: 10.1.2.0-10.1.2.255 }
assets:
  a: { file: a }
profiles:
  rescue: { files: { a: a } }
machines:
  far: { mac: "00:03:ba:5b:ae:b3", ip: 10.1.0.7 }
unknown:
  rest: {}
  makers: { match: { mac: 52-54-00 }, profile: rescue, vars: { a: 1 } }
  one: { match: { mac: "52:54:00:AA:BB:CC" } }
  uefi: { match: { family: uefi-x64 } }
  vms: { match: { mac: "52:54:00", vendorClass: "PXEClient*" } }
`;

describe("the networks of a site", () => {
  const { network, machines, unknown } = site(TEXT);

  it("are the rack's own and those behind relays", () => {
    expect(network.dhcp).toBe("auto");
    expect(network.relays).toEqual([ip("10.0.0.9"), ip("172.16.0.1")]);
    const [rack, lab] = network.subnets;
    expect(rack).toMatchObject({
      name: "rack",
      leaseS: 7_200,
      probe: false,
      identity: "client-id",
    });
    expect(rack.pool).toEqual([
      { first: ip("10.0.0.100"), last: ip("10.0.0.149") },
      { first: ip("10.0.0.200"), last: ip("10.0.0.249") },
    ]);
    expect(lab).toEqual({
      name: "lab",
      prefix: ip("10.1.0.0"),
      prefixLen: 16,
      mask: ip("255.255.0.0"),
      broadcast: ip("10.1.255.255"),
      router: ip("10.1.0.1"),
      dns: [ip("10.1.0.1")],
      domain: "lab.example",
      pool: [{ first: ip("10.1.2.0"), last: ip("10.1.2.255") }],
      leaseS: 43_200,
      probe: false,
      identity: "hardware",
    });
  });

  it("may each have machines of the site", () => {
    expect(machines.map((m) => m.ip)).toEqual([ip("10.1.0.7")]);
  });

  it("try the rule that asks for most first", () => {
    expect(unknown.map((r) => r.name)).toEqual(["one", "vms", "makers", "uefi", "rest"]);
    expect(unknown[2]).toMatchObject({
      match: { mac: "52:54:00" },
      profile: { name: "rescue" },
      vars: { a: 1 },
    });
  });
});
