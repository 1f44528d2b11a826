import { describe, expect, it } from "vitest";
import type { TftpOptions } from "../../../../protocols/tftp/options.ts";
import {
  emitDataHeader,
  TFTP_HEADER_LEN,
  TftpError,
  TftpView,
} from "../../../../protocols/tftp/packet.ts";
import { TftpInput } from "../../../../protocols/tftp/receiver.ts";
import {
  TFTP_UPLOAD_POLICY,
  TftpUpload,
  type TftpUploadPolicy,
} from "../../../../protocols/tftp/upload.ts";
import { dirty } from "../../../support/hex.ts";

function upload(options: TftpOptions = {}, policy: Partial<TftpUploadPolicy> = {}): TftpUpload {
  return new TftpUpload(options, { ...TFTP_UPLOAD_POLICY, ...policy });
}

/** A DATA with `len` octets arrives. */
function data(u: TftpUpload, block: number, len: number, nowMs = 0): TftpInput {
  const o = dirty(TFTP_HEADER_LEN + len);
  emitDataHeader(block, o, 0);
  const view = new TftpView();
  view.reset(o, 0, TFTP_HEADER_LEN + len);
  return u.handleData(view, nowMs);
}

function drain(u: TftpUpload, nowMs = 0): string[] {
  const list: string[] = [];
  for (let p = u.pollTransmit(nowMs); p; p = u.pollTransmit(nowMs)) {
    list.push(p.kind === "error" ? `error ${p.errorCode}` : `${p.kind} ${p.block}`);
  }
  return list;
}

/** Takes whole blocks of 512, each stored at once. */
function take(u: TftpUpload, from: number, to: number): void {
  for (let block = from; block <= to; block++) {
    expect(data(u, block & 0xffff, 512)).toBe(TftpInput.Data);
    u.stored(0);
    expect(drain(u)).toEqual([`ack ${block & 0xffff}`]);
  }
}

describe("TftpUpload", () => {
  it("acknowledges nothing before it is stored, the last block included", () => {
    const u = upload();
    expect(drain(u)).toEqual(["ack 0"]);
    expect(data(u, 1, 512)).toBe(TftpInput.Data);
    expect([u.storeDue, drain(u)]).toEqual([true, []]);
    expect(data(u, 1, 512)).toBe(TftpInput.Ignored);
    expect(data(u, 2, 512)).toBe(TftpInput.Ignored);
    expect([drain(u), u.pollTimeout()]).toEqual([[], Number.POSITIVE_INFINITY]);
    u.stored(5);
    expect(drain(u, 5)).toEqual(["ack 1"]);
    expect(data(u, 2, 100, 6)).toBe(TftpInput.Data);
    expect([u.complete, u.state, u.octets]).toEqual([true, "data", 612]);
    expect(drain(u, 6)).toEqual([]);
    u.stored(7);
    expect([drain(u, 7), u.state, u.finished]).toEqual([["ack 2"], "done", false]);
  });

  it("ends at an empty block, and block numbers wrap", () => {
    const u = upload();
    drain(u);
    take(u, 1, 65_537);
    expect(data(u, 2, 0)).toBe(TftpInput.Data);
    u.stored(0);
    expect([u.state, u.octets]).toEqual(["done", 65_537 * 512]);
  });

  it.each<[TftpOptions, Partial<TftpUploadPolicy>, string]>([
    [{ blksize: 65_464 }, {}, "blksize=1468"],
    [
      { blksize: 1_024, windowsize: 64, tsize: 9, timeout: 3 },
      {},
      "timeout=3 blksize=1024 tsize=9 windowsize=64",
    ],
    [{ blksize: 1_468, windowsize: 64 }, {}, "blksize=1468 windowsize=44"],
    [{ blksize: 65_464, windowsize: 8 }, { maxBlksize: 65_464 }, "blksize=65464 windowsize=1"],
  ])("grants %j", (options, policy, want) => {
    const u = upload(options, policy);
    expect(u.accepted.map((o) => `${o.name}=${o.value}`).join(" ")).toBe(want);
    expect(drain(u)).toEqual(["oack 0"]);
  });

  it("takes a window, then stores it, then acknowledges it", () => {
    const u = upload({ blksize: 8, windowsize: 3 });
    drain(u);
    for (const block of [1, 2]) {
      expect(data(u, block, 8)).toBe(TftpInput.Data);
      expect(u.storeDue).toBe(false);
    }
    expect(data(u, 3, 8)).toBe(TftpInput.Data);
    expect(u.storeDue).toBe(true);
    u.stored(0);
    expect(drain(u)).toEqual(["ack 3"]);
  });

  it("tells a gap by one ACK of what came before it", () => {
    const u = upload({ blksize: 8, windowsize: 4 });
    drain(u);
    data(u, 1, 8);
    expect(data(u, 3, 8)).toBe(TftpInput.Ignored);
    expect(u.storeDue).toBe(true);
    u.stored(0);
    expect(drain(u)).toEqual(["ack 1"]);
    expect(data(u, 4, 8)).toBe(TftpInput.Ignored);
    expect(drain(u)).toEqual([]);
    expect(data(u, 2, 8)).toBe(TftpInput.Data);
  });

  it("repeats its first answer and its last ACK, when the client shows that they were lost", () => {
    const u = upload({ blksize: 512 });
    drain(u);
    u.repeat();
    expect(drain(u)).toEqual(["oack 0"]);
    take(u, 1, 2);
    u.repeat();
    data(u, 1, 512);
    expect(drain(u)).toEqual([]);
    data(u, 2, 512);
    expect(drain(u)).toEqual(["ack 2"]);
    data(u, 3, 1);
    u.stored(1_000);
    expect(drain(u, 1_000)).toEqual(["ack 3"]);
    data(u, 3, 1);
    expect(drain(u, 1_100)).toEqual(["ack 3"]);
    u.handleTimeout(6_999);
    expect(u.finished).toBe(false);
    u.handleTimeout(7_000);
    expect(u.finished).toBe(true);
  });

  it("repeats its answer after the timeout, doubled up to 10 s, and gives up", () => {
    const u = upload();
    const sent: number[] = [];
    let nowMs = 0;
    while (!u.finished) {
      if (drain(u, nowMs).length > 0) sent.push(nowMs);
      nowMs = u.pollTimeout();
      u.handleTimeout(nowMs - 1);
      expect(u.pollTransmit(nowMs - 1)).toBeUndefined();
      u.handleTimeout(nowMs);
    }
    expect(sent).toEqual([0, 1_000, 3_000, 7_000, 15_000, 25_000, 35_000]);
    expect(u.state).toBe("failed");
  });

  it("stores half a window that stays half, and acknowledges it", () => {
    const u = upload({ blksize: 8, windowsize: 4, timeout: 2 });
    drain(u);
    data(u, 1, 8, 100);
    expect(u.pollTimeout()).toBe(2_100);
    u.handleTimeout(2_100);
    expect(u.storeDue).toBe(true);
    u.stored(2_101);
    expect(drain(u, 2_101)).toEqual(["ack 1"]);
  });

  it("refuses a block larger than agreed, and says ERROR once when it is told that nothing can be stored", () => {
    const u = upload();
    drain(u);
    expect(data(u, 1, 513)).toBe(TftpInput.Progress);
    expect([drain(u), drain(u), u.state]).toEqual([["error 4"], [], "failed"]);
    const full = upload();
    drain(full);
    full.abort(TftpError.DiskFull);
    full.abort(TftpError.NotDefined);
    full.stored(0);
    expect([drain(full), full.finished]).toEqual([["error 3"], true]);
  });

  it("is over when the client sends an ERROR, unless all is stored", () => {
    const u = upload();
    u.handleError(4);
    expect([u.state, u.refusedByPeer, u.errorCode, drain(u)]).toEqual(["failed", true, 4, []]);
    const done = upload();
    data(done, 1, 0);
    done.stored(0);
    done.handleError(4);
    expect(done.state).toBe("done");
  });
});
