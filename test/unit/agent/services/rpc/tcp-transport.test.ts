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

/** Procedure 1 answers with its number of calls, 2 with 8 KiB, 3 later. */
function program(): RpcProgram & { calls: number } {
  return {
    name: "nfs",
    prog: PROG,
    versions: [2],
    port: 2049,
    indirect: false,
    calls: 0,
    handle(call, answer): void | Promise<void> {
      this.calls += 1;
      if (call.proc === 2) return answer.success(() => 0, [CHUNK]);
      if (call.proc === 3) return Promise.resolve().then(() => answer.success(() => 0));
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
  const socket = new FakeSocket(from);
  server.emit("connection", socket);
  return { ...rack, nfs, socket };
}

function record(payload: Uint8Array): Uint8Array {
  const o = Octets.alloc(payload.length + 4);
  emitRecordMark(payload.length, o, 0);
  o.u8.set(payload, 4);
  return o.u8;
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

  it("sends nothing to a connection that is gone", async () => {
    const { socket } = await setUp();
    socket.arrive(record(callOctets(PROG, 2, 3)));
    await Promise.resolve();
    socket.destroy();
    await settle();
    expect(socket.received.length).toBe(0);
  });
});
