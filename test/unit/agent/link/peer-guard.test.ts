import { describe, expect, it } from "vitest";
import { PeerGuard } from "../../../../agent/link/peer-guard.ts";
import { Journal } from "../../../../agent/log/journal.ts";
import { ip } from "../../../support/test-site.ts";

function guardOf(address: string, mask: string, relays: string[] = []) {
  const journal = new Journal(10, () => 0);
  return { journal, guard: new PeerGuard(ip(address), ip(mask), relays.map(ip), journal) };
}

describe("PeerGuard", () => {
  it.each([
    ["172.24.42.1", true],
    ["172.24.42.254", true],
    ["10.1.0.1", true],
    ["172.24.42.150", false],
    ["172.24.42.0", false],
    ["172.24.42.255", false],
    ["172.24.43.1", false],
    ["10.1.0.2", false],
    ["0.0.0.0", false],
    ["255.255.255.255", false],
    ["127.0.0.1", false],
  ])("of a /24: %s %s", (peer, admitted) => {
    const { guard } = guardOf("172.24.42.150", "255.255.255.0", ["10.1.0.1"]);
    expect(guard.admits(ip(peer))).toBe(admitted);
  });

  it.each([
    ["192.168.7.5", true],
    ["192.168.7.4", false],
    ["192.168.7.7", false],
    ["192.168.7.8", false],
  ])("of a /30: %s %s", (peer, admitted) => {
    const { guard } = guardOf("192.168.7.6", "255.255.255.252");
    expect(guard.admits(ip(peer))).toBe(admitted);
  });

  it("of a /8 admits what ends in 0 or 255 within", () => {
    const { guard } = guardOf("10.0.0.1", "255.0.0.0");
    expect([guard.admits(ip("10.5.0.0")), guard.admits(ip("10.5.5.255"))]).toEqual([true, true]);
    expect([guard.admits(ip("10.0.0.0")), guard.admits(ip("10.255.255.255"))]).toEqual([
      false,
      false,
    ]);
  });

  it("journals what it drops, once a minute", () => {
    const { guard, journal } = guardOf("172.24.42.150", "255.255.255.0");
    for (let i = 0; i < 5; i++) guard.dropped(ip("8.8.8.8"), "UDP port 69");
    expect(journal.entries()).toMatchObject([
      {
        protocol: "agent",
        address: "8.8.8.8",
        outcome: "silent",
        event: "packet from 8.8.8.8 to UDP port 69",
      },
    ]);
  });
});
