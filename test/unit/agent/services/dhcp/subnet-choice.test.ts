import { describe, expect, it } from "vitest";
import { chooseSubnet } from "../../../../../agent/services/dhcp/subnet-choice.ts";
import { parseSite } from "../../../../../agent/site/load.ts";
import { DhcpWriter } from "../../../../../protocols/dhcp/message.ts";
import { BOOTREQUEST, DhcpMessageType, DhcpOption } from "../../../../../protocols/dhcp/options.ts";
import { DhcpView } from "../../../../../protocols/dhcp/packet.ts";
import { parseIpv4 } from "../../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";

const ip = (text: string): number => parseIpv4(text) ?? Number.NaN;
const { site } = parseSite(
  `site: s
network:
  address: 10.0.0.1/24
  relays: [172.16.0.1, 10.0.0.8]
  subnets: { lab: { prefix: 10.1.0.0/24 }, far: { prefix: 10.2.0.0/24 } }
`,
  "/s.yaml",
);

interface Message {
  readonly giaddr?: string;
  readonly ciaddr?: string;
  /** Option 118. */
  readonly selection?: string;
  /** Option 82.5. */
  readonly link?: string;
}

function chosen(m: Message): string {
  if (!site) throw new Error("no site");
  const o = Octets.alloc(600);
  const writer = new DhcpWriter();
  const header = {
    op: BOOTREQUEST,
    xid: 1,
    chaddr: new Uint8Array(6),
    giaddr: ip(m.giaddr ?? "0.0.0.0"),
    ciaddr: ip(m.ciaddr ?? "0.0.0.0"),
  };
  writer.begin(header, o, 0, { maxLen: 548, overload: false });
  writer.u8(DhcpOption.DhcpMessageType, DhcpMessageType.Discover);
  if (m.selection !== undefined) writer.ipv4(DhcpOption.SubnetSelection, ip(m.selection));
  if (m.link !== undefined) {
    const value = Uint8Array.of(5, 4, ...m.link.split(".").map(Number));
    writer.octets(DhcpOption.RelayAgentInformation, new Octets(value), 0, value.length);
  }
  const view = new DhcpView();
  expect(view.reset(o, 0, writer.end())).toBe(0);
  const { subnet, why } = chooseSubnet(view, site.network);
  return subnet ? subnet.name : why;
}

describe("the network that a message came from", () => {
  it.each<[string, Message, string]>([
    ["no relay", {}, "rack"],
    ["no relay, a subnet selection that only relays may make", { selection: "10.2.0.0" }, "rack"],
    ["a renewal from behind a relay, by unicast", { ciaddr: "10.1.0.9" }, "lab"],
    ["a renewal of a network that there is not", { ciaddr: "192.168.0.9" }, "rack"],
    ["a relay in a subnet", { giaddr: "10.1.0.254" }, "lab"],
    ["a relay in the rack itself that the site names", { giaddr: "10.0.0.8" }, "rack"],
    ["a relay that the site names", { giaddr: "172.16.0.1" }, "rack"],
    ["link selection before giaddr (RFC 3527)", { giaddr: "172.16.0.1", link: "10.2.0.0" }, "far"],
    ["subnet selection (RFC 3011)", { giaddr: "10.1.0.254", selection: "10.2.0.0" }, "far"],
    [
      "link selection before subnet selection",
      { giaddr: "10.1.0.254", selection: "10.0.0.0", link: "10.2.0.0" },
      "far",
    ],
    [
      "a network that is not of the site",
      { giaddr: "10.1.0.254", link: "10.9.0.0" },
      "its relay asks for the network of 10.9.0.0, which is not of the site",
    ],
    [
      "a relay of nobody's",
      { giaddr: "8.8.8.8" },
      "came through 8.8.8.8, which is not a relay of the site",
    ],
    [
      "a machine of the rack that says it is a relay",
      { giaddr: "10.0.0.9" },
      "came through 10.0.0.9, which is not a relay of the site",
    ],
    [
      "ourselves as relay",
      { giaddr: "10.0.0.1" },
      "came through 10.0.0.1, which is not a relay of the site",
    ],
  ])("%s", (_, message, expected) => {
    expect(chosen(message)).toBe(expected);
  });
});
