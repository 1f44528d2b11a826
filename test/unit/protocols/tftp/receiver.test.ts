import { describe, expect, it } from "vitest";
import type { TftpOptions } from "../../../../protocols/tftp/options.ts";
import {
  emitDataHeader,
  emitError,
  emitOack,
  TFTP_PORT,
  TftpMode,
  TftpView,
} from "../../../../protocols/tftp/packet.ts";
import {
  TftpInput,
  TftpReceiver,
  type TftpReceiverConfig,
} from "../../../../protocols/tftp/receiver.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";

const SERVER = 7;
const TID = 3000;

/** A client, and packets thrown at it. */
class Client {
  readonly machine: TftpReceiver;
  private readonly view = new TftpView();
  private readonly out = dirty(600);

  constructor(options: TftpOptions, more: Partial<TftpReceiverConfig> = {}) {
    this.machine = new TftpReceiver({
      filename: "f",
      mode: TftpMode.Octet,
      options,
      timeoutMs: 1_000,
      maxTimeoutMs: 4_000,
      maxRetries: 3,
      ...more,
    });
  }

  /** Hex of the next packet that it sends; "" when there is none. */
  sends(nowMs = 0): string {
    return toHex(this.out, 0, this.machine.pollTransmit(this.out, 0, nowMs));
  }

  give(o: Octets, port = TID, address = SERVER): TftpInput {
    expect(this.view.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    return this.machine.handlePacket(this.view, address, port, 0);
  }

  data(block: number, len: number, port = TID): TftpInput {
    const o = dirty(4 + len);
    emitDataHeader(block, o, 0);
    return this.give(o, port);
  }

  oack(options: Record<string, string>): TftpInput {
    const o = dirty(200);
    const list = Object.entries(options).map(([name, value]) => ({ name, value }));
    return this.give(new Octets(o.u8.slice(0, emitOack(list, o, 0))));
  }
}

const ACK0 = "00040000";
const ACK1 = "00040001";
const ACK2 = "00040002";

describe("TftpReceiver: request", () => {
  it("asks as SLOF does, octet for octet", () => {
    const c = new Client({ blksize: 1428 }, { filename: "of.fth" });
    expect(c.machine.serverPort).toBe(TFTP_PORT);
    expect(c.sends()).toBe(
      toHex(hex("0001 6f662e66746800 6f6374657400 626c6b73697a6500 3134323800")),
    );
    expect(c.sends()).toBe("");
  });

  it("repeats the request with back-off and gives up", () => {
    const c = new Client({});
    const at: number[] = [];
    let nowMs = 0;
    while (!c.machine.finished) {
      if (c.sends(nowMs).startsWith("0001")) at.push(nowMs);
      nowMs = c.machine.pollTimeout();
      c.machine.handleTimeout(nowMs);
    }
    expect(at).toEqual([0, 1000, 3000, 7000]);
    expect([c.machine.failure, c.sends()]).toEqual(["timeout", ""]);
  });

  it("takes DATA 1 as a refusal of all options", () => {
    const c = new Client({ blksize: 1428, windowsize: 4, tsize: 0 });
    c.sends();
    expect(c.data(1, 512)).toBe(TftpInput.Data);
    expect(c.sends()).toBe(ACK1);
    expect([c.machine.blksize, c.machine.windowsize, c.machine.tsize]).toEqual([512, 1, -1]);
  });

  it("does not begin in the middle", () => {
    const c = new Client({});
    c.sends();
    expect(c.data(2, 512)).toBe(TftpInput.Ignored);
    expect([c.machine.state, c.machine.serverPort]).toEqual(["request", TFTP_PORT]);
  });
});

describe("TftpReceiver: OACK", () => {
  const asked: TftpOptions = { blksize: 1468, windowsize: 4, tsize: 0, timeout: 5 };

  it("takes over less than it asked for", () => {
    const c = new Client(asked);
    c.sends();
    expect(c.oack({ BLKSIZE: "1024", tsize: "3000", windowsize: "2" })).toBe(TftpInput.Progress);
    expect(c.sends()).toBe(ACK0);
    expect([c.machine.blksize, c.machine.windowsize, c.machine.tsize]).toEqual([1024, 2, 3000]);
    c.oack({ blksize: "1024" });
    expect(c.sends()).toBe(ACK0);
  });

  it.each<[string, TftpOptions, Record<string, string>]>([
    ["an OACK that nothing asked for", {}, { blksize: "512" }],
    ["an option not asked for", { tsize: 0 }, { blksize: "512" }],
    ["a larger blksize", asked, { blksize: "1469" }],
    ["a blksize below 8", asked, { blksize: "7" }],
    ["a larger windowsize", asked, { windowsize: "5" }],
    ["another timeout", asked, { timeout: "4" }],
    ["a word for a number", asked, { tsize: "many" }],
    ["a name that every object has", asked, { constructor: "1" }],
    ["an empty one", asked, {}],
  ])("refuses %s by ERROR 8", (_what, options, granted) => {
    const c = new Client(options);
    c.sends();
    c.oack(granted);
    expect([c.machine.state, c.machine.failure]).toEqual(["failed", "bad-oack"]);
    expect(c.sends()).toMatch(/^00050008/);
    expect(c.sends()).toBe("");
  });

  it("ends a probe with the error that EDK2 sends", () => {
    const c = new Client({ tsize: 0, blksize: 1468, windowsize: 4 }, { probe: true });
    c.sends();
    c.oack({ tsize: "245760", blksize: "1468" });
    expect(c.sends()).toBe(
      toHex(hex("0005 0008 557365722061626f7274656420746865207472616e7366657200")),
    );
    expect([c.machine.state, c.machine.tsize]).toEqual(["probe", 245_760]);
  });
});

describe("TftpReceiver: data", () => {
  it("ignores strangers, and says so", () => {
    const c = new Client({});
    c.sends();
    c.data(1, 512);
    c.sends();
    expect(c.data(2, 512, TID + 1)).toBe(TftpInput.WrongTid);
    const error = dirty(5);
    emitError(0, "", error, 0);
    expect(c.give(error, TID, SERVER + 1)).toBe(TftpInput.WrongTid);
    expect([c.machine.state, c.machine.octets, c.sends()]).toEqual(["data", 512, ""]);
  });

  it("acknowledges a repeated last block again, also after the end", () => {
    const c = new Client({});
    c.sends();
    c.data(1, 512);
    expect(c.sends()).toBe(ACK1);
    expect(c.data(1, 512)).toBe(TftpInput.Ignored);
    expect(c.sends()).toBe(ACK1);
    c.data(2, 5);
    expect([c.machine.state, c.sends()]).toEqual(["done", ACK2]);
    c.data(1, 512);
    expect(c.sends()).toBe("");
    c.data(2, 5);
    expect([c.sends(), c.machine.octets]).toEqual([ACK2, 517]);
    c.data(3, 5);
    expect([c.sends(), c.machine.octets]).toEqual(["", 517]);
  });

  it("answers a gap in a window by one ACK, and the end of a window by one", () => {
    const c = new Client({ windowsize: 3, blksize: 8 });
    c.sends();
    c.oack({ windowsize: "3", blksize: "8" });
    c.sends();
    c.data(1, 8);
    expect(c.sends()).toBe("");
    c.data(3, 8);
    expect(c.sends()).toBe(ACK1);
    c.data(4, 8);
    expect(c.sends()).toBe("");
    c.data(2, 8);
    c.data(3, 8);
    expect(c.sends()).toBe("");
    c.data(4, 8);
    expect(c.sends()).toBe("00040004");
    expect([c.machine.octets, c.machine.dataOffset]).toEqual([32, 24]);
  });

  it("repeats its last ACK when nothing comes", () => {
    const c = new Client({});
    c.sends(0);
    c.data(1, 512);
    c.sends(100);
    expect(c.machine.pollTimeout()).toBe(1100);
    c.machine.handleTimeout(1099);
    expect(c.sends(1099)).toBe("");
    c.machine.handleTimeout(1100);
    expect(c.sends(1100)).toBe(ACK1);
  });

  it("refuses a block larger than agreed", () => {
    const c = new Client({});
    c.sends();
    c.data(1, 513);
    expect(c.machine.failure).toBe("bad-block");
    expect(c.sends()).toMatch(/^00050004/);
    expect(c.data(1, 512)).toBe(TftpInput.Ignored);
  });

  it.each([
    [3, "done", ""],
    [4, "failed", "size-mismatch"],
  ])("checks 3 octets against tsize %i", (tsize, state, failure) => {
    const c = new Client({ tsize: 0 });
    c.sends();
    c.oack({ tsize: String(tsize) });
    c.data(1, 3);
    expect([c.machine.state, c.machine.failure]).toEqual([state, failure]);
  });

  it("keeps the server's error, and gives up on request", () => {
    const c = new Client({});
    c.sends();
    const error = dirty(10);
    c.give(new Octets(error.u8.slice(0, emitError(1, "none", error, 0))));
    expect([c.machine.failure, c.machine.errorCode, c.machine.errorText]).toEqual([
      "server-error",
      1,
      "none",
    ]);
    const d = new Client({});
    d.sends();
    d.data(1, 512);
    d.machine.abort(3, "full");
    expect([d.machine.failure, d.sends()]).toEqual(["aborted", "0005000366756c6c00"]);
  });
});
