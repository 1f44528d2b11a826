import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../../agent/errors.ts";
import { TftpServer } from "../../../../../agent/services/tftp/server.ts";
import { emitRrq, TftpMode, TftpOpcode, TftpView } from "../../../../../protocols/tftp/packet.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { FakeUdpPorts, type Sent } from "../../../../support/fake-udp.ts";
import { ip, testRack } from "../../../../support/test-site.ts";

const MINIPC = ip("172.24.42.60");
const V100 = ip("172.24.42.51");
const PORT = 2_000;

function rrq(filename: string): Uint8Array {
  const o = Octets.alloc(600);
  return o.u8.slice(0, emitRrq({ filename, mode: TftpMode.Octet, options: [] }, o, 0));
}

function say({ octets }: Sent): string {
  const v = new TftpView();
  expect(v.reset(octets, 0, octets.u8.length)).toBe(0);
  return v.opcode === TftpOpcode.Data
    ? `data ${v.block}`
    : `error ${v.errorCode} ${v.errorMessageText()}`;
}

async function setUp(maxTransfers = 4) {
  const rack = await testRack();
  const ports = new FakeUdpPorts();
  const server = new TftpServer(rack.context, ports, { maxTransfers });
  await server.start();
  const ask = (name: string, src = MINIPC, port = PORT, broadcast = false): void =>
    ports.port(69).deliver(rrq(name), src, port, broadcast);
  const refused = (): string[] => ports.port(69).take().map(say);
  return { ...rack, ports, server, ask, refused };
}

describe("TftpServer, asked for what is being fetched", () => {
  it("says nothing, and serves one transfer as soon as it is there", async () => {
    const { ports, ask, assets, clock, last, refused, journal } = await setUp();
    const ready = assets.withhold("netbsd");
    ask("netbsd");
    expect(last()).toMatchObject({
      event: 'read "netbsd"',
      decision: "held: fetching netbsd (3.1 of 6.0 MB)",
      outcome: "silent",
    });
    clock.advance(4_000);
    ask("netbsd");
    await settle();
    expect([refused(), ports.transfers.length]).toEqual([[], 0]);
    ready();
    await eventually(() => (ports.transfers[0]?.sent.length ?? 0) > 0, "the first block");
    await settle();
    expect(ports.transfers[0]?.take().map(say)).toEqual(["data 1"]);
    expect(ports.transfers[0]?.sent).toEqual([]);
    expect(ports.transfers).toHaveLength(1);
    expect(journal.entries()).toHaveLength(1);
  });

  it("refuses it when the firmware's patience is over, and serves it when it asks again", async () => {
    const { ports, ask, assets, clock, last, refused } = await setUp();
    const ready = assets.withhold("netbsd");
    ask("netbsd");
    clock.advance(12_000);
    expect(refused()).toEqual(["error 0 not available now"]);
    expect(last()).toMatchObject({
      decision:
        "still fetching netbsd (3.1 of 6.0 MB); held for 12.0 s, as long as its firmware waits",
      outcome: "refused",
    });
    ready();
    await settle();
    expect(ports.transfers).toEqual([]);
    ask("netbsd");
    await eventually(() => (ports.transfers[0]?.sent.length ?? 0) > 0, "the first block");
    expect(clock.pending).toBe(1);
  });

  it("refuses it as soon as it is known not to come", async () => {
    const { ask, assets, clock, refused, last } = await setUp();
    assets.withhold("netbsd");
    ask("netbsd");
    clock.advance(3_000);
    assets.named("netbsd").become(new AgentError("E_ASSET_MISSING", "nobody has it"));
    await settle();
    expect(refused()).toEqual(["error 0 not available now"]);
    expect(last().decision).toBe("nobody has it; held for 3.0 s");
  });

  it("never refuses a PROM, which an error would stop", async () => {
    const { ask, assets, clock, context, plan, refused, ports } = await setUp();
    const ready = assets.withhold("ofwboot");
    context.sightings.rarp(plan("v100").machine);
    for (let i = 0; i < 20; i++) {
      ask("AC182A33", V100);
      clock.advance(32_000);
    }
    expect(refused()).toEqual([]);
    ready();
    await eventually(() => ports.transfers.length === 1, "the transfer");
    expect(context.sightings.familyOf(plan("v100").machine)).toBe("openfirmware");
  });

  it("is silent to a broadcast: another server may have it", async () => {
    const { ask, assets, clock, last, ports, refused } = await setUp();
    const ready = assets.withhold("ofwboot");
    ask("AC182A33", V100, PORT, true);
    expect(last().decision).toContain("it was a broadcast");
    ready();
    clock.advance(60_000);
    await settle();
    expect([refused(), ports.transfers]).toEqual([[], []]);
  });

  it("holds no more than it may serve", async () => {
    const { ask, assets, last, ports, clock } = await setUp(4);
    const ready = assets.withhold("netbsd");
    ask("netbsd", MINIPC, 1);
    ask("netbsd", MINIPC, 2);
    ask("netbsd", MINIPC, 3);
    expect(last().decision).toBe(
      "2 transfers of this machine are running or held, as many as one may have",
    );
    ask("initrd", MINIPC, 4);
    await settle();
    expect(ports.transfers).toEqual([]);
    ready();
    await eventually(() => ports.transfers.length === 2, "both transfers");
    expect(clock.now()).toBe(1_000);
  });

  it("forgets a request when another file is asked for from the same port", async () => {
    const { ask, assets, ports } = await setUp();
    const ready = assets.withhold("netbsd");
    ask("netbsd");
    ask("initrd");
    await eventually(() => ports.transfers.length === 1, "the other file");
    ready();
    await settle();
    expect(ports.transfers).toHaveLength(1);
  });

  it("leaves nothing behind when it stops", async () => {
    const { ask, assets, clock, server, ports } = await setUp();
    const ready = assets.withhold("netbsd");
    ask("netbsd");
    server.stop();
    expect(clock.pending).toBe(0);
    ready();
    await settle();
    expect(ports.transfers).toEqual([]);
  });

  it("reads to the end the version that it began with, and keeps it from being evicted", async () => {
    const { ask, assets, context, ports } = await setUp();
    const slot = assets.named("netbsd");
    const before = slot.current();
    const digest = "sha256" in before ? String(before.sha256) : "";
    ask("netbsd");
    await eventually(() => (ports.transfers[0]?.sent.length ?? 0) > 0, "the first block");
    slot.become(new AgentError("E_ASSET_MISSING", "gone"));
    expect([...context.needs.digestsInUse([])]).toEqual([digest]);
    ports.transfers[0]?.take();
    const o = Octets.alloc(4);
    o.dv.setUint16(0, TftpOpcode.Ack);
    o.dv.setUint16(2, 1);
    ports.transfers[0]?.deliver(o.u8, MINIPC, PORT);
    await eventually(() => (ports.transfers[0]?.sent.length ?? 0) > 0, "the second block");
    expect(ports.transfers[0]?.take().map(say)).toEqual(["data 2"]);
    ask("initrd");
    await settle();
    expect([...context.needs.digestsInUse([])]).not.toContain(digest);
  });
});
