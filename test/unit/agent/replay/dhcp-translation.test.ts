import { describe, expect, it } from "vitest";
import { DhcpTranslation } from "../../../../agent/replay/dhcp-translation.ts";
import type { ReplayMessage } from "../../../../agent/replay/message.ts";
import { DhcpOption } from "../../../../protocols/dhcp/options.ts";
import { formatIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { clientMessage, type DhcpChange, viewOf } from "../../../support/dhcp-frames.ts";
import { ip } from "../../../support/test-site.ts";
import * as frames from "../../protocols/dhcp/frames.ts";

const OURS = "10.0.0.5";
const CARD = "52:54:00:aa:00:02";
/** A REQUEST that takes 192.168.77.71 from 192.168.77.1, and the same with other servers and addresses. */
const SELECTING = "350103 3604c0a84d01 3204c0a84d47";

function reply(yiaddr: string, chaddr = CARD): ReplayMessage {
  const head = { frame: 1, time: null, protocol: "dhcp", status: "ok", from: "", to: "" } as const;
  return { ...head, fields: { op: 2, chaddr, yiaddr } };
}

function translated(translation: DhcpTranslation, change: DhcpChange) {
  const u8 = clientMessage(frames.IPXE_DISCOVER, { mac: CARD.replaceAll(":", ""), ...change });
  const o = Octets.alloc(u8.length + 10);
  o.u8.set(u8, 10);
  translation.translate(o, 10, u8.length);
  const view = viewOf(o, 10);
  return {
    server: formatIpv4(view.optionIpv4(DhcpOption.ServerIdentifier)),
    wish: formatIpv4(view.optionIpv4(DhcpOption.RequestedIpAddress)),
    ciaddr: formatIpv4(view.ciaddr),
  };
}

function setUp(): DhcpTranslation {
  return new DhcpTranslation(ip(OURS), new Set([ip("192.168.77.1")]));
}

describe("DhcpTranslation", () => {
  it("has a client take our offer where it took the recorded one", () => {
    const translation = setUp();
    translation.learn("ours", reply("10.0.0.100"));
    translation.learn("recorded", reply("192.168.77.71"));
    expect(translated(translation, { options: SELECTING })).toEqual({
      server: OURS,
      wish: "10.0.0.100",
      ciaddr: "0.0.0.0",
    });
  });

  it("has it renew and give back what we gave", () => {
    const translation = setUp();
    translation.learn("recorded", reply("192.168.77.71"));
    translation.learn("ours", reply("10.0.0.100"));
    const { ciaddr, server } = translated(translation, {
      ciaddr: "192.168.77.71",
      options: "350107 3604c0a84d01",
    });
    expect([ciaddr, server]).toEqual(["10.0.0.100", OURS]);
  });

  it("leaves alone what the recorded server did not give to this card, and other servers", () => {
    const translation = setUp();
    translation.learn("ours", reply("10.0.0.100"));
    translation.learn("recorded", reply("192.168.77.72"));
    translation.learn("recorded", reply("192.168.77.71", "52:54:00:aa:00:03"));
    translation.learn("recorded", reply("0.0.0.0"));
    expect(translated(translation, { options: "350103 3604c0a84d02 3204c0a84d47" })).toEqual({
      server: "192.168.77.2",
      wish: "192.168.77.71",
      ciaddr: "0.0.0.0",
    });
  });

  it("leaves the address alone while we gave none", () => {
    const translation = setUp();
    translation.learn("recorded", reply("192.168.77.71"));
    expect(translated(translation, { options: SELECTING })).toMatchObject({
      server: OURS,
      wish: "192.168.77.71",
    });
  });

  it("leaves octets alone that are no question", () => {
    const u8 = clientMessage(frames.IPXE_DISCOVER, { op: 2, options: SELECTING });
    const before = Uint8Array.from(u8);
    setUp().translate(new Octets(u8), 0, u8.length);
    setUp().translate(new Octets(u8), 0, 100);
    expect(u8).toEqual(before);
  });
});
