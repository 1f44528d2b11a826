import { describe, expect, it } from "vitest";
import {
  RpcbCallitResultView,
  RpcbDumpView,
  RpcbView,
  uaddrPort,
} from "../../../../protocols/sunrpc/rpcbind.ts";
import { XdrWriter } from "../../../../protocols/sunrpc/xdr.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { expectEveryTruncationRefused, expectNeverThrows } from "../../../support/view-checks.ts";

function written(write: (w: XdrWriter) => void): Octets {
  const o = Octets.alloc(400);
  const w = new XdrWriter().begin(o, 0);
  write(w);
  return new Octets(o.u8.slice(0, w.at));
}

function rpcb(w: XdrWriter, prog: number): void {
  w.u32(prog).u32(1).string("udp").string("192.168.77.1.0.111").string("superuser");
}

const one = written((w) => rpcb(w, 100_026));
const list = written((w) => {
  for (const prog of [100_026, 100_003]) {
    w.bool(true);
    rpcb(w, prog);
  }
  w.bool(false);
});
const answer = written((w) => w.string("192.168.77.1.2.188").opaque(Uint8Array.of(1, 2, 3)));

describe("rpcbind", () => {
  it("reads rpcb", () => {
    const v = new RpcbView();
    expect(v.reset(one, 0, one.u8.length)).toBe(Status.Ok);
    expect([v.prog, v.vers, v.endAt]).toEqual([100_026, 1, one.u8.length]);
    expect(readText(one, v.netidAt, v.netidLen)).toBe("udp");
    expect(readText(one, v.addrAt, v.addrLen)).toBe("192.168.77.1.0.111");
    expect(readText(one, v.ownerAt, v.ownerLen)).toBe("superuser");
    expectEveryTruncationRefused(v, one);
    expectNeverThrows(v, [one]);
  });

  it("walks a list", () => {
    const v = new RpcbDumpView();
    expect(v.reset(list, 0, list.u8.length)).toBe(Status.Ok);
    const progs: number[] = [];
    while (v.next()) progs.push(v.item.prog);
    expect(progs).toEqual([100_026, 100_003]);
    expectEveryTruncationRefused(v, list);
    expectNeverThrows(v, [list], () => {
      while (v.next()) progs.push(v.item.prog);
    });
  });

  it("reads who answered a broadcast", () => {
    const v = new RpcbCallitResultView();
    expect(v.reset(answer, 0, answer.u8.length)).toBe(Status.Ok);
    expect(readText(answer, v.addrAt, v.addrLen)).toBe("192.168.77.1.2.188");
    expect([...answer.u8.slice(v.resultsAt, v.resultsAt + v.resultsLen)]).toEqual([1, 2, 3]);
    expectEveryTruncationRefused(v, answer);
    expectNeverThrows(v, [answer]);
  });

  it.each([
    ["192.168.77.1.2.188", 700],
    ["::1.0.111", 111],
    ["/var/run/rpcbind.sock", 0],
    ["1.2.3.4.999.1", 0],
    ["", 0],
  ])("the port of %s", (text, want) => {
    expect(uaddrPort(text)).toBe(want);
  });
});
