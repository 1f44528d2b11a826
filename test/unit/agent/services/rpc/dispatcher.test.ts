import { describe, expect, it } from "vitest";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import type { RpcProgram } from "../../../../../agent/services/rpc/program.ts";
import { AcceptStat, RejectStat } from "../../../../../protocols/sunrpc/reply.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { settle } from "../../../../support/eventually.ts";
import {
  answered,
  type CallOptions,
  callOctets,
  dispatch,
} from "../../../../support/rpc-client.ts";
import { ip, testRack } from "../../../../support/test-site.ts";

const V100: CallOptions = { src: ip("172.24.42.51") };
const STRANGER: CallOptions = { src: ip("172.24.42.99") };
const PROG = 100_005;

const echo: RpcProgram = {
  name: "mount",
  prog: PROG,
  versions: [1, 2],
  port: 635,
  indirect: false,
  handle(call, answer): void | Promise<void> {
    if (call.proc === 8) return Promise.reject(new Error("disk"));
    if (call.proc === 7) answer.silence();
    else if (call.proc === 6) answer.fail(AcceptStat.GarbageArgs);
    else {
      answer.success((o, at) => {
        o.dv.setUint32(at, call.vers * 100 + call.proc);
        return 4;
      });
      answer.success(() => 0);
      answer.fail(AcceptStat.SystemErr);
    }
    return undefined;
  },
};

async function setUp() {
  const rack = await testRack();
  return { ...rack, rpc: new RpcDispatcher(rack.context, [echo]) };
}

describe("RpcDispatcher", () => {
  it("calls a program and sends its one answer", async () => {
    const { rpc } = await setUp();
    const { view, octets } = await answered(rpc, callOctets(PROG, 2, 3), V100);
    expect(view.isSuccess).toBe(true);
    expect(octets.dv.getUint32(view.resultsAt)).toBe(203);
    expect(view.resultsLen).toBe(4);
  });

  it("answers NULL itself, to any caller's credentials", async () => {
    const { rpc } = await setUp();
    const unix = { machineName: "", uid: 0, gid: 0 };
    const { view } = await answered(
      rpc,
      callOctets(PROG, 1, 0, () => 0, unix),
      V100,
    );
    expect([view.isSuccess, view.resultsLen]).toEqual([true, 0]);
  });

  it("says PROG_MISMATCH with the versions there are", async () => {
    const { rpc, last } = await setUp();
    const { view } = await answered(rpc, callOctets(PROG, 3, 1), V100);
    expect(view.acceptStat).toBe(AcceptStat.ProgMismatch);
    expect([view.mismatchLow, view.mismatchHigh]).toEqual([1, 2]);
    expect(last()).toMatchObject({ protocol: "mount", outcome: "refused", machine: "v100" });
    expect(last().event).toBe("version 3 of mount: here are 1 to 2");
  });

  it("says PROG_UNAVAIL, GARBAGE_ARGS and SYSTEM_ERR", async () => {
    const { rpc, last } = await setUp();
    const stat = async (prog: number, proc: number): Promise<number> =>
      (await answered(rpc, callOctets(prog, 1, proc), V100)).view.acceptStat;
    expect(await stat(1, 1)).toBe(AcceptStat.ProgUnavail);
    expect(await stat(PROG, 6)).toBe(AcceptStat.GarbageArgs);
    expect(await stat(PROG, 8)).toBe(AcceptStat.SystemErr);
    expect(last()).toMatchObject({ outcome: "failed", decision: "disk" });
  });

  it("says RPC_MISMATCH to another RPC version", async () => {
    const { rpc } = await setUp();
    const message = callOctets(PROG, 1, 1);
    new Octets(message).dv.setUint32(8, 3);
    const { view } = await answered(rpc, message, V100);
    expect(view.rejectStat).toBe(RejectStat.RpcMismatch);
    expect([view.mismatchLow, view.mismatchHigh]).toEqual([2, 2]);
  });

  it("says AUTH_BADCRED to credentials that it does not know or that are broken", async () => {
    const { rpc } = await setUp();
    const des = callOctets(PROG, 1, 1);
    new Octets(des).dv.setUint32(24, 3);
    const unix = callOctets(PROG, 1, 1, () => 0, { machineName: "sun", uid: 0, gid: 0 });
    new Octets(unix).dv.setUint32(36, 0xffff);
    for (const message of [des, unix]) {
      const { view } = await answered(rpc, message, V100);
      expect([view.rejectStat, view.authStat]).toEqual([RejectStat.AuthError, 1]);
    }
  });

  it("meets every refusal of a broadcast with silence, and says so", async () => {
    const { rpc, last } = await setUp();
    const broadcast = { ...V100, broadcast: true };
    expect(await dispatch(rpc, callOctets(1, 1, 1), broadcast)).toBeUndefined();
    expect(last()).toMatchObject({ outcome: "silent", event: "program 1 is not here" });
    expect(await dispatch(rpc, callOctets(PROG, 3, 1), broadcast)).toBeUndefined();
    expect(await dispatch(rpc, callOctets(PROG, 1, 6), broadcast)).toBeUndefined();
    expect(await dispatch(rpc, callOctets(PROG, 1, 3), broadcast)).toBeDefined();
  });

  it("has no word for strangers, whatever they send", async () => {
    const { rpc, journal } = await setUp();
    const other = callOctets(PROG, 1, 1);
    new Octets(other).dv.setUint32(8, 3);
    const messages = [callOctets(PROG, 1, 1), callOctets(PROG, 9, 1), callOctets(1, 1, 1), other];
    // The shortest call of another version: nothing behind the version may be read.
    messages.push(other.slice(0, 12));
    for (const message of messages) {
      expect(await dispatch(rpc, message, STRANGER)).toBeUndefined();
    }
    expect(journal.entries().length).toBeGreaterThan(0);
    for (const entry of journal.entries()) expect(entry.outcome).toBe("silent");
  });

  it("counts rubbish and replies", async () => {
    const { rpc, context, journal } = await setUp();
    const reply = callOctets(PROG, 1, 1);
    new Octets(reply).dv.setUint32(4, 1);
    expect(await dispatch(rpc, reply, V100)).toBeUndefined();
    expect(await dispatch(rpc, callOctets(PROG, 1, 1).slice(0, 30), V100)).toBeUndefined();
    expect(context.counters.get("rpc", "bad-magic")).toBe(1);
    expect(context.counters.get("rpc", "truncated")).toBe(1);
    expect(journal.entries()).toEqual([]);
  });

  it("survives that no memory is free for the reply", async () => {
    const { rpc } = await setUp();
    const message = callOctets(PROG, 1, 3);
    const sink = {
      begin: () => undefined,
      commit: () => expect.unreachable(),
    };
    const from = { ...V100, srcPort: 1, transport: "udp" as const, broadcast: false };
    rpc.handle(new Octets(message), 0, message.length, from, sink);
    await settle();
  });
});
