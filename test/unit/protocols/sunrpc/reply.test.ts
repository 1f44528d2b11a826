import { describe, expect, it } from "vitest";
import { AuthStat } from "../../../../protocols/sunrpc/auth.ts";
import {
  AcceptStat,
  emitAcceptedReply,
  emitAuthError,
  emitProgMismatch,
  emitRpcMismatch,
  RejectStat,
  ReplyStat,
  RpcReplyView,
} from "../../../../protocols/sunrpc/reply.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
  touch,
} from "../../../support/view-checks.ts";

const XID = 0x6b025722;
// rpcbind to a version 3 CALLIT: PROG_MISMATCH 2 to 2, as libtirpc and U-Boot expect it.
const PROG_MISMATCH = hex(
  "6b025722 00000001 00000000 00000000 00000000 00000002 00000002 00000002",
);
const RPC_MISMATCH = hex("6b025722 00000001 00000001 00000000 00000002 00000002");
const AUTH_ERROR = hex("6b025722 00000001 00000001 00000001 00000001");
// The port mapper's answer to U-Boot's GETPORT: 635.
const SUCCESS = hex("00000001 00000001 00000000 00000000 00000000 00000000 0000027b");

function accepted(stat: number): string {
  return `6b0257220000000100000000${"0".repeat(16)}0000000${stat}`;
}

describe("RpcReplyView", () => {
  it("reads results", () => {
    const { o, at, len } = inSlab(SUCCESS);
    const v = new RpcReplyView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect([v.xid, v.replyStat, v.acceptStat, v.isSuccess]).toEqual([1, 0, 0, true]);
    expect([v.rejectStat, v.authStat, v.mismatchLow, v.mismatchHigh]).toEqual([-1, -1, -1, -1]);
    expect([v.resultsAt, v.resultsLen, v.verfLen]).toEqual([at + 24, 4, 0]);
  });

  it("steps over a verifier", () => {
    const o = hex("00000001 00000001 00000000 00000002 00000003 aabbccff 00000000 0000027b");
    const v = new RpcReplyView();
    expect(v.reset(o, 0, 32)).toBe(Status.Ok);
    expect([v.acceptStat, v.resultsAt, v.resultsLen, v.verfLen]).toEqual([0, 28, 4, 3]);
  });

  it.each(Object.values(AcceptStat).filter((s) => s !== AcceptStat.ProgMismatch))(
    "reads and writes accept_stat %i",
    (stat) => {
      const o = dirty(64);
      const n = emitAcceptedReply(XID, stat, o, 5);
      expect(toHex(o, 5, n)).toBe(accepted(stat));
      const v = new RpcReplyView();
      expect(v.reset(o, 5, n)).toBe(Status.Ok);
      expect([v.xid, v.acceptStat, v.mismatchLow, v.resultsLen]).toEqual([XID, stat, -1, 0]);
    },
  );

  it("keeps an unknown accept_stat as a number, without results", () => {
    const o = hex(`${accepted(9)} 00000001`);
    const v = new RpcReplyView();
    expect(v.reset(o, 0, 28)).toBe(Status.Ok);
    expect([v.acceptStat, v.isSuccess, v.resultsLen]).toEqual([9, false, 0]);
  });

  it("reads and writes PROG_MISMATCH", () => {
    const o = dirty(64);
    const n = emitProgMismatch(XID, 2, 2, o, 4);
    expect(toHex(o, 4, n)).toBe(toHex(PROG_MISMATCH));
    const v = new RpcReplyView();
    expect(v.reset(o, 4, n)).toBe(Status.Ok);
    expect([v.acceptStat, v.mismatchLow, v.mismatchHigh]).toEqual([AcceptStat.ProgMismatch, 2, 2]);
  });

  it("reads and writes RPC_MISMATCH", () => {
    const o = dirty(64);
    const n = emitRpcMismatch(XID, o, 4);
    expect(toHex(o, 4, n)).toBe(toHex(RPC_MISMATCH));
    const v = new RpcReplyView();
    expect(v.reset(o, 4, n)).toBe(Status.Ok);
    expect([v.replyStat, v.rejectStat]).toEqual([ReplyStat.Denied, RejectStat.RpcMismatch]);
    expect([v.acceptStat, v.mismatchLow, v.mismatchHigh, v.authStat]).toEqual([-1, 2, 2, -1]);
  });

  it.each(Object.values(AuthStat))("reads and writes auth_stat %i", (stat) => {
    const o = dirty(64);
    const n = emitAuthError(XID, stat, o, 4);
    const want = hex(toHex(AUTH_ERROR));
    want.dv.setUint32(16, stat);
    expect(toHex(o, 4, n)).toBe(toHex(want));
    const v = new RpcReplyView();
    expect(v.reset(o, 4, n)).toBe(Status.Ok);
    expect([v.rejectStat, v.authStat, v.mismatchLow]).toEqual([RejectStat.AuthError, stat, -1]);
  });

  it.each([
    ["a call", "00000001 00000000 00000000 00000000 00000000 00000000", Status.BadMagic],
    ["reply_stat 2", "00000001 00000001 00000002 00000000 00000000 00000000", Status.BadCode],
    ["reject_stat 2", "00000001 00000001 00000001 00000002 00000000 00000000", Status.BadCode],
    [
      "a verifier of 401",
      "00000001 00000001 00000000 00000000 00000191 00000000",
      Status.BadLength,
    ],
  ])("refuses %s", (_, text, want) => {
    expect(new RpcReplyView().reset(hex(text), 0, 24)).toBe(want);
  });

  it.each([[PROG_MISMATCH], [RPC_MISMATCH], [AUTH_ERROR], [hex(accepted(0))]])(
    "refuses every truncation",
    (o) => expectEveryTruncationRefused(new RpcReplyView(), o),
  );

  it("points at a verifier that is not empty", () => {
    const { o, at, len } = inSlab(
      hex("00000001 00000001 00000000 00000000 00000003 00000000 0000027b"),
    );
    const v = new RpcReplyView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect([v.verfAt, v.verfLen, v.acceptStat]).toEqual([at + 20, 3, 635]);
    touch(v, at, at + len);
  });

  it("never throws", () => {
    expectNeverThrows(new RpcReplyView(), [PROG_MISMATCH, RPC_MISMATCH, AUTH_ERROR, SUCCESS]);
  });
});
