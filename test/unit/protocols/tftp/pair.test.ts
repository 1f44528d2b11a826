import { describe, expect, it } from "vitest";
import { readTftpOptions, type TftpOptions } from "../../../../protocols/tftp/options.ts";
import {
  emitAck,
  emitDataHeader,
  emitError,
  emitOack,
  TFTP_HEADER_LEN,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../../../protocols/tftp/packet.ts";
import { TftpInput, TftpReceiver } from "../../../../protocols/tftp/receiver.ts";
import { TFTP_SENDER_POLICY, TftpSender } from "../../../../protocols/tftp/sender.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { FaultyLink, type LinkFaults, PERFECT } from "../../../support/faulty-link.ts";
import { dirty } from "../../../support/hex.ts";
import { randomOctets } from "../../../support/prng.ts";

const SERVER = 1;
const SERVER_TID = 32_000;
const LIMIT_MS = 10 * 60_000;

interface Run {
  readonly file: Uint8Array;
  readonly options: TftpOptions;
  readonly faults: LinkFaults;
  readonly seed: number;
  readonly probe?: boolean;
}

/** A server and a client on a virtual wire. The server's session begins with the first RRQ that arrives. */
class Pair {
  nowMs = 0;
  sender: TftpSender | undefined;
  readonly receiver: TftpReceiver;
  readonly received: Uint8Array;
  readonly toServer: FaultyLink<Octets>;
  readonly toClient: FaultyLink<Octets>;
  private readonly run: Run;
  private readonly view = new TftpView();

  constructor(run: Run) {
    this.run = run;
    this.received = new Uint8Array(run.file.length);
    this.toServer = new FaultyLink(run.faults, run.seed);
    this.toClient = new FaultyLink(run.faults, run.seed + 1);
    this.receiver = new TftpReceiver({
      filename: "f",
      mode: TftpMode.Octet,
      options: run.options,
      probe: run.probe ?? false,
      timeoutMs: 1_000,
      maxTimeoutMs: 5_000,
      maxRetries: 20,
    });
  }

  /** Runs until both sides rest, or the limit of virtual time. */
  play(): this {
    while (this.nowMs < LIMIT_MS) {
      this.transmit();
      const next = Math.min(
        this.toServer.nextMs(),
        this.toClient.nextMs(),
        this.receiver.pollTimeout(),
        this.sender?.pollTimeout() ?? Number.POSITIVE_INFINITY,
      );
      if (next === Number.POSITIVE_INFINITY) break;
      this.nowMs = next;
      this.deliver();
      this.receiver.handleTimeout(this.nowMs);
      this.sender?.handleTimeout(this.nowMs);
    }
    return this;
  }

  private transmit(): void {
    const out = dirty(2048);
    for (;;) {
      const len = this.receiver.pollTransmit(out, 0, this.nowMs);
      if (len === 0) break;
      this.toServer.send(new Octets(out.u8.slice(0, len)), this.nowMs);
    }
    const { sender } = this;
    if (!sender) return;
    for (let p = sender.pollTransmit(this.nowMs); p; p = sender.pollTransmit(this.nowMs)) {
      let len: number;
      if (p.kind === "oack") len = emitOack(sender.accepted, out, 0);
      else if (p.kind === "error") len = emitError(p.errorCode, "", out, 0);
      else {
        len = emitDataHeader(p.block, out, 0);
        out.u8.set(this.run.file.subarray(p.at, p.at + p.len), TFTP_HEADER_LEN);
        len += p.len;
      }
      this.toClient.send(new Octets(out.u8.slice(0, len)), this.nowMs);
    }
  }

  private deliver(): void {
    const { view } = this;
    for (let o = this.toServer.take(this.nowMs); o; o = this.toServer.take(this.nowMs)) {
      expect(view.reset(o, 0, o.u8.length)).toBe(Status.Ok);
      if (view.opcode === TftpOpcode.Rrq) this.serve();
      else if (view.opcode === TftpOpcode.Ack) this.sender?.handleAck(view.block, this.nowMs);
      else this.sender?.handleError(view.errorCode);
    }
    for (let o = this.toClient.take(this.nowMs); o; o = this.toClient.take(this.nowMs)) {
      expect(view.reset(o, 0, o.u8.length)).toBe(Status.Ok);
      const { receiver } = this;
      if (receiver.handlePacket(view, SERVER, SERVER_TID, this.nowMs) === TftpInput.Data) {
        const data = o.u8.subarray(view.dataAt, view.dataAt + view.dataLen);
        this.received.set(data, receiver.dataOffset);
      }
    }
  }

  private serve(): void {
    if (this.sender) return;
    this.sender = new TftpSender({
      options: readTftpOptions(this.view),
      size: this.run.file.length,
      policy: { ...TFTP_SENDER_POLICY, maxRetries: 20 },
    });
  }
}

function expectSame(pair: Pair, file: Uint8Array): void {
  expect([pair.receiver.state, pair.receiver.failure]).toEqual(["done", ""]);
  expect(pair.receiver.octets).toBe(file.length);
  expect(pair.received.every((b, i) => b === file[i])).toBe(true);
}

const LOSSY: LinkFaults = { loss: 0.05, duplication: 0.05, jitterMs: 4 };
const combinations: { blksize: number; windowsize: number }[] = [];
for (const blksize of [0, 8, 512, 1_428, 1_468]) {
  for (const windowsize of [0, 1, 2, 4, 8, 16, 64]) combinations.push({ blksize, windowsize });
}

describe("TftpSender and TftpReceiver", () => {
  it.each(combinations)("blksize $blksize, windowsize $windowsize", ({ blksize, windowsize }) => {
    const size = blksize || 512;
    const options = {
      ...(blksize ? { blksize, tsize: 0 } : {}),
      ...(windowsize ? { windowsize } : {}),
    };
    for (const len of [0, 1, size - 1, size, size + 1, size * 16, size * 100, size * 150 + 3]) {
      const file = randomOctets(len, len);
      const clean = new Pair({ file, options, faults: PERFECT, seed: 1 }).play();
      expectSame(clean, file);
      expect([clean.sender?.state, clean.sender?.retransmissions]).toEqual(["done", 0]);
      expect(clean.sender?.blocks).toBe(Math.floor(len / size) + 1);
      const lossy = new Pair({ file, options, faults: LOSSY, seed: len + size }).play();
      expectSame(lossy, file);
      expect(lossy.sender?.octets).toBe(len);
    }
  });

  it.each([1, 16])(
    "rolls over past block 65535, windowsize %i",
    (windowsize) => {
      const file = randomOctets(7, 8 * 65_600);
      const options = { blksize: 8, windowsize, tsize: 0 };
      const pair = new Pair({ file, options, faults: PERFECT, seed: 1 }).play();
      expectSame(pair, file);
      expect(pair.sender?.blocks).toBe(65_601);
    },
    30_000,
  );

  it("rolls over on a bad wire", () => {
    const file = randomOctets(8, 8 * 65_600);
    const faults = { loss: 0.0005, duplication: 0.01, jitterMs: 0 };
    const options = { blksize: 8, windowsize: 32, tsize: 0 };
    const pair = new Pair({ file, options, faults, seed: 5 }).play();
    expectSame(pair, file);
    expect(pair.sender?.retransmissions).toBeGreaterThan(0);
  }, 30_000);

  it("never doubles traffic when the network does (Sorcerer's Apprentice)", () => {
    const file = randomOctets(9, 512 * 300);
    const faults = { loss: 0, duplication: 0.5, jitterMs: 0 };
    const pair = new Pair({ file, options: {}, faults, seed: 3 }).play();
    expectSame(pair, file);
    expect(pair.sender?.retransmissions).toBe(0);
    const windowed = new Pair({ file, options: { windowsize: 8 }, faults, seed: 3 }).play();
    expectSame(windowed, file);
    expect(windowed.sender?.retransmissions).toBe(0);
  });

  it("ends a size probe on both sides", () => {
    const file = randomOctets(1, 850_528);
    const options = { tsize: 0, blksize: 1_468, windowsize: 4 };
    const pair = new Pair({ file, options, faults: PERFECT, seed: 1, probe: true }).play();
    expect([pair.sender?.state, pair.receiver.state]).toEqual(["probe", "probe"]);
    expect(pair.receiver.tsize).toBe(850_528);
    expect(pair.sender?.octets).toBe(0);
  });

  it("stays within a small multiple when a client acknowledges every unexpected block, as EDK2 does", () => {
    const blocks = 2_000;
    const size = 512 * (blocks - 1) + 1;
    const faults = { loss: 0, duplication: 0.02, jitterMs: 0 };
    const toClient = new FaultyLink<number>(faults, 1);
    const toServer = new FaultyLink<Octets>(faults, 2);
    const s = new TftpSender({ options: { windowsize: 8 }, size, policy: TFTP_SENDER_POLICY });
    let nowMs = 0;
    let got = 0;
    let acked = 0;
    let swapped = false;
    const ack = (): void => {
      const o = dirty(4);
      emitAck(got, o, 0);
      acked = got;
      toServer.send(o, nowMs);
    };
    const receive = (block: number): void => {
      if (block === got + 1) {
        got = block;
        if (got - acked === 8 || got === blocks) ack();
      } else ack();
    };
    s.pollTransmit(nowMs);
    s.handleAck(0, nowMs);
    while (!s.finished) {
      for (let p = s.pollTransmit(nowMs); p; p = s.pollTransmit(nowMs)) {
        // One early ACK, as two swapped blocks cause it, would repeat itself for ever without the sender's rule.
        if (p.block === 20 && !swapped) {
          swapped = true;
          toServer.send(new Octets(Uint8Array.of(0, 4, 0, 18)), nowMs);
        }
        toClient.send(p.block, nowMs);
      }
      nowMs = Math.min(toClient.nextMs(), toServer.nextMs(), s.pollTimeout());
      for (let b = toClient.take(nowMs); b !== undefined; b = toClient.take(nowMs)) receive(b);
      for (let o = toServer.take(nowMs); o; o = toServer.take(nowMs)) {
        s.handleAck(o.dv.getUint16(2), nowMs);
      }
      s.handleTimeout(nowMs);
    }
    expect(s.state).toBe("done");
    expect(s.retransmissions).toBeLessThan(blocks / 2);
  });
});
