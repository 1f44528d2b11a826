import { Server } from "node:net";
import { describe, expect, it } from "vitest";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import type { RpcProgram } from "../../../../../agent/services/rpc/program.ts";
import { serveRpcByTcp } from "../../../../../agent/services/rpc/tcp-transport.ts";
import { emitRecordMark, RecordReader } from "../../../../../protocols/sunrpc/record.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { FakeSocket } from "../../../../support/fake-socket.ts";
import { callOctets } from "../../../../support/rpc-client.ts";
import { testRack } from "../../../../support/test-site.ts";

const PROG = 100_003;
const CHUNK = new Uint8Array(8_192).fill(7);

/** Procedure 1 answers with its number of calls, 2 with 8 KiB, 3 later, 4 when the test says so. */
function program(): RpcProgram & { calls: number; held: (() => void)[] } {
  return {
    name: "nfs",
    prog: PROG,
    versions: [2],
    port: 2049,
    indirect: false,
    calls: 0,
    held: [],
    handle(call, answer): void | Promise<void> {
      this.calls += 1;
      if (call.proc === 2) return answer.success(() => 0, [CHUNK]);
      if (call.proc === 3) return Promise.resolve().then(() => answer.success(() => 0));
      if (call.proc === 4) {
        return new Promise<void>((go) => this.held.push(go)).then(() => answer.success(() => 0));
      }
      const { calls } = this;
      answer.success((o, at) => {
        o.dv.setUint32(at, calls);
        return 4;
      });
      return undefined;
    },
  };
}

async function setUp(from = "172.24.42.51") {
  const rack = await testRack();
  const nfs = program();
  const server = new Server();
  serveRpcByTcp(server, new RpcDispatcher(rack.context, [nfs]), rack.context);
  const connect = (address = from): FakeSocket => {
    const socket = new FakeSocket(address);
    server.emit("connection", socket);
    return socket;
  };
  return { ...rack, nfs, connect, socket: connect() };
}

function record(payload: Uint8Array): Uint8Array {
  const o = Octets.alloc(payload.length + 4);
  emitRecordMark(payload.length, o, 0);
  o.u8.set(payload, 4);
  return o.u8;
}

function repeat(octets: Uint8Array, times: number): Uint8Array {
  return Buffer.concat(Array.from({ length: times }, () => octets));
}

function withXid(call: Uint8Array, xid: number): Uint8Array {
  new DataView(call.buffer, call.byteOffset).setUint32(0, xid);
  return call;
}

/** Octets of each record that came back. */
function records(socket: FakeSocket): number[] {
  const list: number[] = [];
  const o = new Octets(socket.received);
  const status = new RecordReader(65_536).feed(o, 0, o.u8.length, (_o, _at, len) => list.push(len));
  expect(status).toBe(0);
  return list;
}

describe("serveRpcByTcp", () => {
  it("answers calls of one connection in turn", async () => {
    const { socket } = await setUp();
    for (const proc of [1, 2, 3]) socket.arrive(record(callOctets(PROG, 2, proc)));
    await eventually(() => records(socket).length === 3, "three replies");
    expect(records(socket)).toEqual([28, 24 + 8_192, 24]);
  });

  it("takes records in any pieces, and several in one", async () => {
    const { socket, nfs } = await setUp();
    const call = record(callOctets(PROG, 2, 1));
    for (const octet of call) socket.arrive(Uint8Array.of(octet));
    socket.arrive(Uint8Array.from([...call, ...call, ...call.slice(0, 10)]));
    socket.arrive(call.slice(10));
    await eventually(() => records(socket).length === 4, "four replies");
    expect(nfs.calls).toBe(4);
  });

  it("takes a record in fragments", async () => {
    const { socket } = await setUp();
    const call = callOctets(PROG, 2, 1);
    const head = Octets.alloc(24);
    head.dv.setUint32(0, 20);
    head.u8.set(call.slice(0, 20), 4);
    socket.arrive(head.u8);
    socket.arrive(record(call.slice(20)));
    await eventually(() => records(socket).length === 1, "a reply");
  });

  it.each([
    ["a record that is too long", Uint8Array.of(0x80, 0, 0x40, 0x01)],
    ["a record of gigabytes", Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
    [
      "fragments that never end",
      Uint8Array.from({ length: 40_000 }, (_, i) =>
        i % 1_004 === 2 ? 3 : i % 1_004 === 3 ? 0xe8 : 0,
      ),
    ],
  ])("closes on %s, and counts it", async (_, octets) => {
    const { socket, context } = await setUp();
    socket.arrive(octets);
    await eventually(() => socket.destroyed, "the connection to close");
    expect(socket.received.length).toBe(0);
    expect(context.counters.entries().some(([key]) => key.startsWith("rpc-record "))).toBe(true);
  });

  it("survives the shortest message of another RPC version by a stranger", async () => {
    const { socket, last } = await setUp("172.24.42.99");
    socket.arrive(record(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3)));
    await settle();
    expect(socket.received.length).toBe(0);
    expect(last()).toMatchObject({
      outcome: "silent",
      event: "call of RPC version 3 by 172.24.42.99",
    });
  });

  it("answers every call of a burst: a client of TCP does not ask again (Linux with rsize 1024)", async () => {
    const { socket } = await setUp();
    const burst: number[] = [];
    for (let xid = 0; xid < 200; xid++) {
      const call = callOctets(PROG, 2, 3);
      call[3] = xid;
      burst.push(...record(call));
    }
    socket.arrive(Uint8Array.from(burst));
    await eventually(() => records(socket).length === 200, "all replies");
  });

  it("stops reading while its client takes nothing, and goes on after", async () => {
    const { socket, nfs } = await setUp();
    socket.stalled = true;
    const call = record(callOctets(PROG, 2, 2));
    for (let i = 0; i < 200; i++) {
      socket.arrive(call);
      await settle();
    }
    expect(socket.isPaused()).toBe(true);
    expect(nfs.calls).toBeLessThan(50);
    expect(socket.writableLength).toBeLessThan(400 * 1024);
    socket.drain();
    await eventually(() => nfs.calls === 200, "all calls");
    await eventually(() => records(socket).length === 200, "all replies");
  });

  it("takes of calls sent ahead in one piece only what their replies have room for", async () => {
    const { socket, nfs } = await setUp();
    socket.stalled = true;
    const call = record(callOctets(PROG, 2, 2));
    socket.arrive(repeat(call, 200));
    await settle();
    expect(nfs.calls).toBeLessThan(50);
    expect(socket.writableLength).toBeLessThan(400 * 1024);
    for (let i = 0; i < 50 && nfs.calls < 200; i++) {
      socket.drain();
      await settle();
    }
    await eventually(() => records(socket).length === 200, "all replies");
    expect(new Set(records(socket))).toEqual(new Set([24 + 8_192]));
  });

  it("takes no further call while many wait for a disk", async () => {
    const { socket, nfs } = await setUp();
    const later = Array.from({ length: 101 }, (_, i) => record(withXid(callOctets(PROG, 2, 4), i)));
    socket.arrive(Buffer.concat(later));
    await settle();
    expect(nfs.held).toHaveLength(32);
    while (nfs.held.length > 0) {
      for (const go of nfs.held.splice(0)) go();
      await settle();
    }
    await eventually(() => records(socket).length === 101, "all replies");
  });

  it("drops a client that takes nothing for a minute, not one that is slow", async () => {
    const { socket, clock, context } = await setUp();
    socket.stalled = true;
    socket.arrive(repeat(record(callOctets(PROG, 2, 2)), 60));
    await settle();
    clock.advance(59_000);
    socket.takeOne();
    clock.advance(2_000);
    expect(socket.destroyed).toBe(false);
    clock.advance(60_000);
    expect(socket.destroyed).toBe(true);
    expect(context.counters.get("rpc-record", "stalled")).toBe(1);
  });

  it.each([
    ["half a mark", Uint8Array.of(0x80)],
    ["fragments without an octet", new Uint8Array(8)],
    ["half a record", record(callOctets(PROG, 2, 1)).slice(0, 30)],
    ["a record without its last fragment", Uint8Array.of(0, 0, 0, 4, 1, 2, 3, 4)],
  ])("waits 30 s for the rest of %s, however it trickles", async (_, octets) => {
    const { socket, clock, context } = await setUp();
    socket.arrive(octets);
    await settle();
    for (let i = 0; i < 2; i++) {
      clock.advance(14_000);
      socket.arrive(Uint8Array.of(0));
      await settle();
    }
    expect(socket.destroyed).toBe(false);
    clock.advance(3_000);
    expect(socket.destroyed).toBe(true);
    expect(context.counters.get("rpc-record", "timeout")).toBe(1);
  });

  it("gives each call its own 30 s", async () => {
    const { socket, clock, nfs } = await setUp();
    const call = record(callOctets(PROG, 2, 1));
    socket.arrive(call.slice(0, 10));
    for (let i = 0; i < 5; i++) {
      await settle();
      clock.advance(20_000);
      socket.arrive(Buffer.concat([call.slice(10), call.slice(0, 10)]));
    }
    await settle();
    expect([socket.destroyed, nfs.calls]).toEqual([false, 5]);
    socket.arrive(call.slice(10));
    await settle();
    expect(clock.pending).toBe(0);
  });

  it("lets the connection that was silent longest go for a machine's seventeenth", async () => {
    const { socket, connect, context } = await setUp();
    const others = Array.from({ length: 15 }, () => connect());
    const another = connect("172.24.42.60");
    socket.arrive(record(callOctets(PROG, 2, 1)));
    await settle();
    const last = connect();
    await settle();
    expect(others.map((s) => s.destroyed)).toEqual([true, ...Array(14).fill(false)]);
    expect([socket, another, last].some((s) => s.destroyed)).toBe(false);
    expect(context.counters.get("rpc-record", "crowded-out")).toBe(1);
  });

  it("leaves no timer behind when a connection goes", async () => {
    const { socket, clock } = await setUp();
    socket.arrive(record(callOctets(PROG, 2, 1)).slice(0, 30));
    await settle();
    expect(clock.pending).toBe(1);
    socket.destroy();
    await settle();
    expect(clock.pending).toBe(0);
  });

  it("sends nothing to a connection that is gone", async () => {
    const { socket } = await setUp();
    socket.arrive(record(callOctets(PROG, 2, 3)));
    await Promise.resolve();
    socket.destroy();
    await settle();
    expect(socket.received.length).toBe(0);
  });
});
