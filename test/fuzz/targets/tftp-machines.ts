import {
  emitDataHeader,
  emitError,
  emitOack,
  TftpMode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { TftpInput, TftpReceiver } from "../../../protocols/tftp/receiver.ts";
import { TFTP_SIZE_UNKNOWN, TftpSender } from "../../../protocols/tftp/sender.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, type Target } from "../engine/target.ts";
import type { Trace } from "../engine/trace.ts";
import { TFTP_WORDS } from "./tftp.ts";

const SERVER = 1;
const POLICY = {
  minTimeoutMs: 5,
  patienceMs: 100,
  maxBlksize: 64,
  maxWindow: 8,
  defaultTimeoutMs: 1_000,
  maxTimeoutMs: 5_000,
  maxRetries: 3,
};
const HEADER_LEN = 6;
const ROOM = 600;

const view = new TftpView();
const made = Octets.alloc(ROOM);
const out = Octets.alloc(ROOM);

/** A read being served. The first six octets are the request and the size, then three octets a step: ACKs, errors, time. */
export const tftpSender: Target = {
  name: "tftp-sender",
  sources: ["/protocols/tftp/sender"],
  maxLen: 256,
  dictionary: [ascii("\0\0\0"), ascii("\0\0\x01"), ascii("\x80\0\x08"), ascii("\xc0\0\0")],
  seeds: [ascii("\0\x50\x0f\x10\x04\0\0\0\0\0\0\x01"), ascii("\0\x50\0\0\0\0\0\0\x01\0\0\x02")],
  run(o, at, len, t) {
    if (len < HEADER_LEN) return;
    const size = o.dv.getUint16(at) % 2_048;
    const asks = o.u8[at + 2] ?? 0;
    const options = {
      ...(asks & 1 ? { blksize: Math.max(8, o.u8[at + 3] ?? 0) } : {}),
      ...(asks & 2 ? { windowsize: Math.max(1, o.u8[at + 4] ?? 0) } : {}),
      ...(asks & 4 ? { tsize: 0 } : {}),
      ...(asks & 8 ? { timeout: Math.max(1, o.u8[at + 5] ?? 0) } : {}),
    };
    const unknown = (asks & 16) !== 0;
    const s = new TftpSender({ options, size: unknown ? TFTP_SIZE_UNKNOWN : size, policy: POLICY });
    let nowMs = 0;
    let sent = drainSender(s, size, unknown, nowMs, t);
    for (let p = at + HEADER_LEN; p + 3 <= at + len; p += 3) {
      const what = o.u8[p] ?? 0;
      const number = o.dv.getUint16(p + 1);
      if (what >= 0xc0) {
        nowMs = Math.min(s.pollTimeout(), 1e9);
        s.handleTimeout(nowMs);
      } else if (what >= 0xa0) s.abort(number);
      else if (what >= 0x80) s.handleError(number);
      else s.handleAck(number, nowMs);
      t.check(s.blocks <= sent, "takes an ACK of what was not sent");
      sent = Math.max(sent, drainSender(s, size, unknown, nowMs, t));
      t.check(s.octets <= Math.max(size, 0) || unknown, "more acknowledged than there is");
      if (s.state === "done") t.check(s.octets === size, "done before everything arrived");
    }
  },
};

/** Takes what is to be sent now; returns the highest block in it. */
function drainSender(
  s: TftpSender,
  size: number,
  unknown: boolean,
  nowMs: number,
  t: Trace,
): number {
  let packets = 0;
  let highest = 0;
  for (let p = s.pollTransmit(nowMs); p; p = s.pollTransmit(nowMs)) {
    packets += 1;
    t.check(packets <= s.windowsize, "sends more than a window");
    t.add(p.kind, p.block, p.at, p.len, p.errorCode);
    if (p.kind !== "data") continue;
    t.check(p.at >= 0 && p.len >= 0 && p.len <= s.blksize, "a block of a wrong size");
    highest = Math.max(highest, p.at / s.blksize + 1);
    // The reader of a text of unknown size meets the end.
    if (unknown && p.at + p.len >= size) s.endsAt(size);
    t.check(unknown || p.at + p.len <= size, "sends what is behind the end");
    t.check(unknown || p.len === s.blksize || p.at + p.len === size, "a short block inside");
  }
  t.add(s.state, s.failure, s.blocks, s.retransmissions);
  t.check(s.finished === (s.pollTimeout() === Number.POSITIVE_INFINITY), "waits for nothing");
  return highest;
}

/** A read being made: the input is a sequence of kind, argument and length, each a packet of the server, or time. */
export const tftpReceiver: Target = {
  name: "tftp-receiver",
  sources: ["/protocols/tftp/receiver", "/protocols/tftp/options"],
  maxLen: 400,
  dictionary: [
    ...TFTP_WORDS,
    ascii("\0\x01\x10"),
    ascii("\x40\0\0"),
    ascii("\x80\0\x10"),
    ascii("\xc0\0\0"),
    ascii("\x80\0\x0ablksize\x0016"),
  ],
  seeds: [ascii("\x80\0\x0ablksize\x0016\0\x01\x10\0\x02\x05"), ascii("\0\x01\x10")],
  run(o, at, len, t) {
    if (len === 0) return;
    const flags = o.u8[at] ?? 0;
    const options = { blksize: 16, windowsize: 1 + (flags & 3), tsize: 0, timeout: 2 };
    const r = new TftpReceiver({
      filename: "f",
      mode: flags & 4 ? TftpMode.Netascii : TftpMode.Octet,
      options: flags & 8 ? {} : options,
      probe: (flags & 16) !== 0,
      timeoutMs: 1_000,
      maxTimeoutMs: 4_000,
      maxRetries: 3,
    });
    let nowMs = 0;
    let total = 0;
    drainReceiver(r, nowMs, t);
    let p = at + 1;
    while (p + 3 <= at + len) {
      const what = o.u8[p] ?? 0;
      const arg = o.u8[p + 1] ?? 0;
      const size = o.u8[p + 2] ?? 0;
      p += 3;
      const from = p;
      let n = 0;
      if (what >= 0xc0) {
        nowMs = Math.min(r.pollTimeout(), 1e9);
        r.handleTimeout(nowMs);
        if (what === 0xff) r.abort(arg, "no");
      } else if (what >= 0x80) {
        const room = Math.min(size, at + len - from);
        n = emitOack([], made, 0) + room;
        made.u8.set(o.u8.subarray(from, from + room), 2);
        made.u8[n++] = 0;
        p += room;
      } else if (what >= 0x40) n = emitError(arg, "no", made, 0);
      else n = emitDataHeader(arg, made, 0) + (size & 63);
      if (n > 0 && view.reset(made, 0, n) === Status.Ok) {
        const outcome = r.handlePacket(view, SERVER, what & 1 ? 4_001 : 4_000, nowMs);
        t.add(outcome);
        if (outcome === TftpInput.Data) {
          t.check(r.dataOffset === total, "hands out a block that is not the next one");
          t.check(view.dataLen <= r.blksize, "takes a block that is larger than agreed");
          total += view.dataLen;
        }
      }
      t.check(r.octets === total, "counts what was not handed out");
      drainReceiver(r, nowMs, t);
    }
  },
};

function drainReceiver(r: TftpReceiver, nowMs: number, t: Trace): void {
  const n = r.pollTransmit(out, 0, nowMs);
  t.check(n <= 512, "a packet above 512 octets");
  if (n > 0) t.check(view.reset(out, 0, n) === Status.Ok, "sends what it would refuse");
  t.check(r.pollTransmit(out, 0, nowMs) === 0, "sends without end");
  t.add(r.state, r.failure, n, r.blksize, r.windowsize, r.tsize);
}
