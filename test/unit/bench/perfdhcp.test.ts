import { describe, expect, it } from "vitest";
import { dropShare, parsePerfdhcp, perfdhcpArgs } from "../../bench/dhcp/perfdhcp.ts";

// As perfdhcp 2.2.0 of Debian 12 prints it, cut short where it says the same again.
const HEAD = `Running: perfdhcp -4 -r 500 -R 65000 -p 3 -x t 10.77.0.1
Scenario: basic.
Single-thread mode enabled.
***Rate statistics***
Rate: 374.455 4-way exchanges/second, expected rate: 500

***Malformed Packets***
Malformed packets: 0
`;

const OFFERS = `***Statistics for: DISCOVER-OFFER***
sent packets: 1499
received packets: 1490
drops: 9
drops ratio: 0.6004 %
orphans: 2
rejected leases: 0
non unique addresses: 0

min delay: 0.089 ms
avg delay: 0.679 ms
max delay: 13.855 ms
std deviation: 1.371 ms
collected packets: 3

`;

const ACKS = `***Statistics for: REQUEST-ACK***
sent packets: 1490
received packets: 1484
drops: 6
drops ratio: 0.403 %
orphans: 0
rejected leases: 0
non unique addresses: 0

min delay: 0.073 ms
avg delay: 12.5 ms
max delay: 11.866 ms
std deviation: 1.313 ms
collected packets: 0

`;

// A release is never answered; where nothing was, the delays are in a mess.
const NOTHING_BACK = `sent packets: 298
received packets: 0
drops: 298
drops ratio: 100.000 %
orphans: 0
rejected leases: 0
non unique addresses: 0

min delay: inf ms
avg delay: min delay: n/a
avg delay: n/a
max delay: n/a
std deviation: n/a
collected packets: 0

`;

const STAMPS = `***Timestamps for packets: DISCOVER-OFFER***
sent / received: 000000.000069 / 000000.004396
sent / received: 000059.800130 / 000100.000130

***Timestamps for packets: REQUEST-ACK***
sent / received: 000102.999057 / 000103.010908
sent / received: 015959.500000 / 020000.500000
sent / received: 000002.000000 / 000002.000125

`;

describe("parsePerfdhcp", () => {
  it("reads both halves of the exchange", () => {
    const { offer, ack } = parsePerfdhcp(HEAD + OFFERS + ACKS);
    expect(offer).toEqual({ sent: 1499, received: 1490, averageMs: 0.679, delaysMs: [] });
    expect(ack).toEqual({ sent: 1490, received: 1484, averageMs: 12.5, delaysMs: [] });
  });

  it("does not take releases for requests", () => {
    const releases = `***Statistics for: RELEASE***\n${NOTHING_BACK}`;
    const { ack } = parsePerfdhcp(HEAD + OFFERS + ACKS + releases);
    expect(ack).toMatchObject({ sent: 1490, received: 1484, averageMs: 12.5 });
  });

  it("knows no average where nothing was answered", () => {
    const silent = `***Statistics for: DISCOVER-OFFER***\n${NOTHING_BACK}`;
    const { offer } = parsePerfdhcp(HEAD + silent + ACKS);
    expect(offer).toEqual({ sent: 298, received: 0, averageMs: Number.NaN, delaysMs: [] });
  });

  it("reads delays from stamps of hours, minutes and seconds", () => {
    const { offer, ack } = parsePerfdhcp(HEAD + OFFERS + ACKS + STAMPS);
    expect(offer.delaysMs).toEqual([expect.closeTo(4.327, 6), expect.closeTo(200, 6)]);
    const [first, overTwo, quick] = ack.delaysMs;
    expect(first).toBeCloseTo(11.851, 6);
    expect(overTwo).toBeCloseTo(1_000, 6);
    expect(quick).toBeCloseTo(0.125, 6);
    expect(ack.delaysMs).toHaveLength(3);
  });

  it.each([
    ["nothing", ""],
    ["an error", "ERROR: running perfdhcp: no interface matches\n"],
    ["half of it", HEAD + OFFERS],
    ["a section that is cut off", `${HEAD}${OFFERS}***Statistics for: REQUEST-ACK***\nsent pack`],
  ])("throws at %s", (_, report) => {
    expect(() => parsePerfdhcp(report)).toThrow(/^perfdhcp /);
  });
});

describe("dropShare", () => {
  const half = { averageMs: 1, delaysMs: [] };

  it("counts exchanges that did not come to an ACK, wherever they ended", () => {
    const result = parsePerfdhcp(HEAD + OFFERS + ACKS);
    expect(dropShare(result)).toBeCloseTo(15 / 1499, 12);
  });

  it("is all of them when none began", () => {
    const none = { ...half, sent: 0, received: 0 };
    expect(dropShare({ offer: none, ack: none })).toBe(1);
  });
});

describe("perfdhcpArgs", () => {
  const load = { perSecond: 500, seconds: 3, firstMac: "02:02:00:00:00:00" };

  it("ends with the server, and waits as long after a run as for any answer", () => {
    const args = perfdhcpArgs(load, "10.77.0.1");
    expect(args.join(" ")).toBe(
      "-4 -g single -r 500 -p 3 -R 65000 -b mac=02:02:00:00:00:00 -d 1 -W 1000000 10.77.0.1",
    );
  });

  it("asks for delays and releases where they are wanted", () => {
    const args = perfdhcpArgs({ ...load, delays: true, releasesPerSecond: 125 }, "10.77.0.1");
    expect(args.join(" ")).toContain(" -F 125 -x t 10.77.0.1");
  });
});
