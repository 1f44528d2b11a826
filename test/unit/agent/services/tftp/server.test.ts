import { unlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { TftpServer } from "../../../../../agent/services/tftp/server.ts";
import {
  emitAck,
  emitError,
  emitRrq,
  TftpMode,
  TftpOpcode,
  type TftpOptionRepr,
  TftpView,
} from "../../../../../protocols/tftp/packet.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { type FakeUdpPort, FakeUdpPorts, type Sent } from "../../../../support/fake-udp.ts";
import {
  CHUNK_LEN,
  ip,
  KERNEL,
  LOADER,
  RACK,
  RACK_FILES,
  testRack,
} from "../../../../support/test-site.ts";

const MINIPC = ip("172.24.42.60");
const V100 = ip("172.24.42.51");
const PORT = 2_000;

function packet(emit: (o: Octets) => number): Uint8Array {
  const o = Octets.alloc(2_000);
  return o.u8.slice(0, emit(o));
}
const rrq = (filename: string, options: TftpOptionRepr[] = [], mode: 1 | 2 | 3 = TftpMode.Octet) =>
  packet((o) => emitRrq({ filename, mode, options }, o, 0));
const ack = (block: number): Uint8Array => packet((o) => emitAck(block, o, 0));
const BLKSIZE = [{ name: "blksize", value: "1024" }];

/** What was sent, in short. */
function say({ octets }: Sent): string {
  const v = new TftpView();
  expect(v.reset(octets, 0, octets.u8.length)).toBe(0);
  if (v.opcode === TftpOpcode.Data) return `data ${v.block} ${v.dataLen}`;
  if (v.opcode === TftpOpcode.Error) return `error ${v.errorCode} ${v.errorMessageText()}`;
  return `oack ${Array.from({ length: v.optionCount }, (_, i) => v.optionName(i)).join(",")}`;
}

async function setUp(maxTransfers = 4, budget?: number) {
  const rack = await testRack(RACK, RACK_FILES, budget);
  const ports = new FakeUdpPorts();
  const server = new TftpServer(rack.context, ports, { maxTransfers });
  await server.start();
  const ask = (request: Uint8Array, src = MINIPC, port = PORT, broadcast = false): void =>
    ports.port(69).deliver(request, src, port, broadcast);
  /** Waits for a transfer's next packets. */
  const next = async (i = 0): Promise<string[]> => {
    await eventually(() => (ports.transfers[i]?.sent.length ?? 0) > 0, `a packet of transfer ${i}`);
    await settle();
    return (ports.transfers[i]?.take() ?? []).map(say);
  };
  const refused = (): string[] => ports.port(69).take().map(say);
  return { ...rack, ports, server, ask, next, refused };
}

/** Reads a whole file as a client does. */
async function download(port: () => FakeUdpPort | undefined, src = MINIPC): Promise<number[]> {
  const octets: number[] = [];
  for (let block = 1; ; block++) {
    await eventually(() => (port()?.sent.length ?? 0) > 0, `block ${block}`);
    const sent = port()?.take().at(-1);
    const v = new TftpView();
    if (!sent || v.reset(sent.octets, 0, sent.octets.u8.length)) throw new Error("no packet");
    expect([v.opcode, v.block]).toEqual([TftpOpcode.Data, block & 0xffff]);
    octets.push(...sent.octets.u8.subarray(v.dataAt, v.dataAt + v.dataLen));
    port()?.deliver(ack(block), src, PORT);
    if (v.dataLen < 512) return octets;
  }
}

describe("TftpServer", () => {
  it("hears broadcasts on its port", async () => {
    const { ports } = await setUp();
    expect(ports.port(69).broadcast).toBe(true);
  });

  it("serves a file, journals it, and leaves nothing behind", async () => {
    const { ports, ask, last, clock } = await setUp();
    ask(rrq("/netbsd"));
    expect(await download(() => ports.transfers[0])).toEqual([...KERNEL]);
    expect(last()).toMatchObject({
      machine: "minipc",
      protocol: "tftp",
      event: 'read "/netbsd"',
      decision: "minipc has this file",
      outcome: "done",
      octets: KERNEL.length,
      total: KERNEL.length,
      file: "netbsd",
    });
    expect(ports.transfers[0]).toMatchObject({ closed: true, slabsOut: 0 });
    expect(clock.pending).toBe(0);
  });

  it("gives a PROM its loader, broadcast or not", async () => {
    const { ports, ask, context, plan } = await setUp();
    ask(rrq("AC182A33.SUN4M"), V100, PORT, true);
    expect(await download(() => ports.transfers[0], V100)).toEqual([...LOADER, 0, 0, 0]);
    expect(context.sightings.rarp(plan("v100").machine).family).toBe("bsd-loader");
  });

  it("serves with as little cache as there may be", async () => {
    const { ports, ask, cache } = await setUp(4, 1);
    ask(rrq("netbsd", []));
    expect(await download(() => ports.transfers[0])).toEqual([...KERNEL]);
    expect(cache.loans).toBe(0);
    expect(KERNEL.length).toBeGreaterThan(3 * CHUNK_LEN);
  });

  it.each([
    ["a file that is not there", rrq("none"), 'error 1 profile debian has no file "none"'],
    ["a climb", rrq("../../etc/passwd"), "error 1 not a name that could be served"],
    ["a file that cannot be had, without our paths", rrq("broken"), "error 0 not available now"],
    [
      "mode mail",
      rrq("netbsd", [], TftpMode.Mail),
      "error 4 only modes octet and netascii are served",
    ],
    [
      "a write",
      packet((o) => {
        const len = emitRrq({ filename: "x", mode: 1, options: [] }, o, 0);
        o.dv.setUint16(0, TftpOpcode.Wrq);
        return len;
      }),
      "error 2 nothing may be written here",
    ],
  ])("refuses %s at once, and is silent when it was broadcast", async (_, request, error) => {
    const { ask, refused, last, ports } = await setUp();
    ask(request);
    expect(refused()).toEqual([error]);
    expect(last()).toMatchObject({ outcome: "refused", reply: error.slice(0, 7) });
    ask(request, MINIPC, PORT, true);
    expect(refused()).toEqual([]);
    expect(last().outcome).toBe("silent");
    expect(last().decision).toContain("another server may have it");
    expect(ports.port(69).slabsOut).toBe(0);
    expect(ports.transfers).toEqual([]);
  });

  it("has no word for a machine of nobody", async () => {
    const { ask, refused, last, ports } = await setUp();
    ask(rrq("netbsd"), ip("172.24.42.99"));
    await settle();
    expect([refused(), ports.transfers]).toEqual([[], []]);
    expect(last()).toMatchObject({ outcome: "silent", machine: null, address: "172.24.42.99" });
  });

  it("counts rubbish and ignores what belongs to no transfer", async () => {
    const { ask, refused, journal, context } = await setUp();
    ask(Uint8Array.of(0, 1, 0x61));
    ask(ack(1));
    expect(refused()).toEqual([]);
    expect(journal.entries()).toEqual([]);
    expect(context.counters.get("tftp", "bad-text")).toBe(1);
  });

  it("keeps the session when a request is repeated", async () => {
    const { ports, ask, next } = await setUp();
    ask(rrq("netbsd"));
    ask(rrq("netbsd"));
    expect(await next()).toEqual(["data 1 512"]);
    ask(rrq("netbsd"));
    expect(await next()).toEqual(["data 1 512"]);
    expect(ports.transfers).toHaveLength(1);
  });

  it("begins anew when the same request comes long after the client had acknowledged something, and not when it was only late", async () => {
    const { ports, ask, next, clock } = await setUp();
    ask(rrq("netbsd", BLKSIZE));
    expect(await next()).toEqual(["oack blksize"]);
    ports.transfers[0]?.deliver(ack(0), MINIPC, PORT);
    expect(await next()).toEqual(["data 1 1024"]);
    ask(rrq("netbsd", BLKSIZE));
    await settle();
    expect(ports.transfers.map((p) => [p.closed, p.sent.length])).toEqual([[false, 0]]);
    clock.advance(2_000);
    ask(rrq("netbsd", BLKSIZE));
    expect(await next(1)).toEqual(["oack blksize"]);
    expect(ports.transfers[0]?.closed).toBe(true);
  });

  it("replaces a transfer by another request of the same port", async () => {
    const { ports, ask, next, journal, clock } = await setUp();
    ask(rrq("netbsd"));
    await next();
    ask(rrq("initrd"));
    await next(1);
    expect(ports.transfers.map((p) => p.closed)).toEqual([true, false]);
    expect(clock.pending).toBe(1);
    expect(journal.entries()).toEqual([]);
  });

  it("runs no more transfers than it may, and says so", async () => {
    const { ports, ask, last } = await setUp(4);
    for (let i = 0; i < 3; i++) ask(rrq("netbsd"), MINIPC, PORT + i);
    await settle();
    expect(ports.transfers).toHaveLength(2);
    expect(last()).toMatchObject({ outcome: "silent" });
    expect(last().decision).toContain("2 transfers of this machine");
    for (const port of [1, 2]) ask(rrq("AC182A33"), V100, PORT + port);
    await settle();
    expect(ports.transfers).toHaveLength(4);
    ask(rrq("grub.efi"), ip("172.24.42.61"));
    await settle();
    expect(ports.transfers).toHaveLength(4);
    expect(last().decision).toContain("as many transfers as this board may have");
    ports.transfers[0]?.deliver(
      packet((o) => emitError(0, "enough", o, 0)),
      MINIPC,
      PORT,
    );
    ask(rrq("netbsd"), MINIPC, PORT + 2);
    await settle();
    expect(ports.transfers).toHaveLength(5);
  });

  it("ends with an error when the file is gone, and says why in the journal alone", async () => {
    const { ports, ask, next, dir, last, clock } = await setUp();
    unlinkSync(path.join(dir, "netbsd"));
    ask(rrq("netbsd"));
    expect(await next()).toEqual(["error 0 the file cannot be read"]);
    expect(last()).toMatchObject({ outcome: "failed", octets: 0 });
    expect(last().decision).toContain(path.join(dir, "netbsd"));
    expect(ports.transfers[0]?.closed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("journals when no port can be had, and lets the client ask again", async () => {
    const { ports, ask, last, next } = await setUp(1);
    ports.failure = new Error("no free UDP port");
    ask(rrq("netbsd"));
    await settle();
    expect(last()).toMatchObject({ outcome: "failed", decision: "no free UDP port" });
    ports.failure = undefined;
    ask(rrq("netbsd"));
    expect(await next()).toEqual(["data 1 512"]);
  });

  it("sends again when nothing comes back, then gives up and says so", async () => {
    const { ports, ask, next, clock, last } = await setUp();
    ask(rrq("netbsd"));
    await next();
    for (let i = 0; i < 60 && !ports.transfers[0]?.closed; i++) clock.advance(1_000);
    expect((ports.transfers[0]?.take() ?? []).map(say)).toEqual(new Array(4).fill("data 1 512"));
    expect(last()).toMatchObject({ outcome: "failed", decision: "the client stopped answering" });
    expect(clock.pending).toBe(0);
  });

  it("recovers when the kernel took nothing", async () => {
    const { ports, ask, next, clock, cache } = await setUp();
    ask(rrq("netbsd"));
    await next();
    const port = ports.transfers[0];
    if (!port) throw new Error("no transfer");
    port.congested = true;
    port.deliver(ack(1), MINIPC, PORT);
    await settle();
    expect(port.take()).toEqual([]);
    expect(cache.loans).toBe(0);
    port.congested = false;
    clock.advance(2);
    expect(await next()).toEqual(["data 2 512"]);
  });

  it("takes an error after the size for a probe, and any other for a failure", async () => {
    const { ports, ask, next, last } = await setUp();
    const tsize = [{ name: "tsize", value: "0" }];
    ask(rrq("netbsd", tsize));
    expect(await next()).toEqual(["oack tsize"]);
    const abort = packet((o) => emitError(8, "User aborted the transfer", o, 0));
    ports.transfers[0]?.deliver(abort, MINIPC, PORT);
    expect(last()).toMatchObject({
      outcome: "answered",
      event: 'asked for the size of "netbsd"',
      reply: "5000 octets",
    });
    ask(rrq("netbsd"));
    await next(1);
    const full = packet((o) => emitError(3, "disk\nfull", o, 0));
    ports.transfers[1]?.deliver(full, MINIPC, PORT);
    expect(last()).toMatchObject({
      outcome: "failed",
      decision: "the client gave up with error 3: disk\ufffdfull",
    });
  });

  it("tells progress now and then", async () => {
    const { ports, ask, next, journal, clock } = await setUp();
    const seen: string[] = [];
    journal.follow((step) => {
      const e = step.entry();
      seen.push(`${e.outcome} ${e.octets}`);
    });
    ask(rrq("netbsd"));
    await next();
    for (let block = 1; block <= 4; block++) {
      clock.advance(200);
      ports.transfers[0]?.deliver(ack(block), MINIPC, PORT);
      await next();
    }
    expect(seen).toEqual(["progress 1024", "progress 2048"]);
  });

  it("tells another machine of the site that it has the wrong port, and does not stop", async () => {
    const { ports, ask, next } = await setUp();
    ask(rrq("netbsd"));
    await next();
    const port = ports.transfers[0];
    port?.deliver(ack(1), MINIPC, PORT + 1);
    port?.deliver(ack(1), V100, PORT);
    const wrong = port?.take() ?? [];
    expect(wrong.map(say)).toEqual(new Array(2).fill("error 5 not your transfer"));
    expect(wrong.map((s) => [s.dst, s.dstPort])).toEqual([
      [MINIPC, PORT + 1],
      [V100, PORT],
    ]);
    port?.deliver(ack(1), MINIPC, PORT);
    expect(await next()).toEqual(["data 2 512"]);
  });

  it("has no word for strangers and for errors on a transfer's port", async () => {
    const { ports, ask, next } = await setUp();
    ask(rrq("netbsd"));
    await next();
    const port = ports.transfers[0];
    port?.deliver(ack(1), ip("172.24.42.99"), PORT);
    port?.deliver(
      packet((o) => emitError(5, "not mine either", o, 0)),
      V100,
      PORT,
    );
    expect(port?.take()).toEqual([]);
  });

  it("stops everything, also what is only beginning", async () => {
    const { ports, ask, next, server, clock, last } = await setUp();
    ask(rrq("netbsd"));
    await next();
    ask(rrq("netbsd"), MINIPC, PORT + 1);
    server.stop();
    expect(last()).toMatchObject({ outcome: "failed", decision: "the agent stops" });
    await settle();
    expect([ports.port(69), ...ports.transfers].map((p) => p.closed)).toEqual([true, true, true]);
    expect(clock.pending).toBe(0);
  });
});
