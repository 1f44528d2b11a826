import { describe, expect, it } from "vitest";
import { stormMachines } from "../../../../../agent/cli/storm/fleet.ts";
import { Recipients } from "../../../../../agent/cli/storm/recipients.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";

const NETWORK = 0x0a4d0000;
const MACHINES = stormMachines(NETWORK, ["sun", "pxe", "uefi", "rpi"]);
const RECIPIENTS = new Recipients(MACHINES);
const AGENT = [2, 0, 0, 0, 0, 1];
const ALL = [255, 255, 255, 255, 255, 255];

function mac(i: number): number[] {
  return [...(MACHINES[i]?.mac ?? [])];
}

function of(...octets: number[]): string | undefined {
  const o = new Octets(Uint8Array.from(octets));
  return RECIPIENTS.of(o, 0, octets.length)?.name;
}

/** A BOOTP reply by broadcast to port 68, for a card. */
function bootReply(chaddr: readonly number[]): number[] {
  const bootp = [...new Array<number>(28).fill(0), ...chaddr, ...new Array<number>(266).fill(0)];
  const udp = [0, 67, 0, 68, (bootp.length + 8) >> 8, (bootp.length + 8) & 255, 0, 0];
  const total = 20 + udp.length + bootp.length;
  const ip = [0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 1, ...ALL];
  const header = ip.slice(0, 16).concat([255, 255, 255, 255]);
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += ((header[i] ?? 0) << 8) | (header[i + 1] ?? 0);
  sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  header[10] = sum >> 8;
  header[11] = sum & 255;
  return [...ALL, ...AGENT, 8, 0, ...header, ...udp, ...bootp];
}

/** An ARP request for an address of the storm's network. */
function arpFor(...host: number[]): number[] {
  const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...AGENT, 10, 77, 0, 1, 0, 0, 0, 0, 0, 0, 10, 77, ...host];
  return [...ALL, ...AGENT, 8, 6, ...arp];
}

describe("whom a frame is for", () => {
  it("is told by its destination", () => {
    for (const [i, { name }] of MACHINES.entries()) {
      expect(of(...mac(i), ...AGENT, 8, 0, ...new Array<number>(46).fill(0))).toBe(name);
    }
    expect(of(...AGENT, ...mac(0), 8, 0, ...new Array<number>(46).fill(0))).toBeUndefined();
  });

  it("is told of an ARP request by the address that it asks for", () => {
    expect(of(...arpFor(1, 0))).toBe("sun1");
    expect(of(...arpFor(1, 3))).toBe("rpi4");
    expect(of(...arpFor(1, 4))).toBeUndefined();
  });

  it("is told of a BOOTP reply to all by its card", () => {
    expect(of(...bootReply(mac(1)))).toBe("pxe2");
    expect(of(...bootReply(AGENT))).toBeUndefined();
  });

  it("is nobody for any frame that is cut off", () => {
    for (const frame of [bootReply(mac(1)), arpFor(1, 0)]) {
      for (let len = 0; len < 42; len++)
        expect(of(...frame.slice(0, len)), `${len}`).toBeUndefined();
    }
  });
});
