import { TcpConnection } from "../../../protocols/tcp/connection.ts";
import {
  emitTcp,
  TcpView,
  tcpHeaderLen,
  tcpResetFor,
  verifyTcpChecksum,
} from "../../../protocols/tcp/segment.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, type Target } from "../engine/target.ts";

const SRC = 0x0a00_0001;
const DST = 0x0a00_0002;
const ISS = 1_000;
const MSS = 64;
const ROOM = 128;

const view = new TcpView();
const segment = new TcpView();
const out = Octets.alloc(ROOM);
const made = Octets.alloc(ROOM);
const text = new Uint8Array(100).fill(0x2e);

const OPTIONS = [
  ascii("\x02\x04\x05\xb4"),
  ascii("\x03\x03\x07"),
  ascii("\x04\x02"),
  ascii("\x08\x0a12345678"),
  ascii("\x01"),
];

/** Segments and the options in their headers. */
export const tcpSegment: Target = {
  name: "tcp",
  sources: ["/protocols/tcp/segment"],
  maxLen: 512,
  dictionary: [...OPTIONS, ascii("\x50\x02"), ascii("\xf0\x12")],
  run(o, at, len, t) {
    const status = view.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(view);
    t.add(verifyTcpChecksum(o, at, len, SRC, DST));
    const r = tcpResetFor(view);
    out.u8.fill(0xa5);
    const n = emitTcp(r, 0, SRC, DST, out, 0);
    t.check(segment.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
    t.check(verifyTcpChecksum(out, 0, n, SRC, DST), "the emitted checksum is wrong");
  },
};

/** A connection to which the input says, six octets a step, what happens: segments, calls, time. */
export const tcpConnection: Target = {
  name: "tcp-connection",
  sources: ["/protocols/tcp/"],
  maxLen: 600,
  dictionary: [
    ascii("\x02\0\0\0\0\0"),
    ascii("\x12\0\0\0\x01\0"),
    ascii("\x10\0\x01\0\x01\x08"),
    ascii("\x11\0\x01\0\x01\0"),
    ascii("\x04\0\x01\0\0\0"),
    ascii("\x40\0\0\0\0\0"),
    ascii("\x80\0\0\0\0\0"),
    ascii("\xc0\0\0\0\0\0"),
  ],
  seeds: [ascii("\0\x40\0\0\0\0\0\x12\0\0\0\x01\0\x10\0\x01\0\x01\x08\x11\0\x09\0\x01\0")],
  run(o, at, len, t) {
    const c = new TcpConnection({
      localAddress: SRC,
      localPort: 1_024,
      remoteAddress: DST,
      remotePort: 80,
      iss: ISS,
      mss: MSS,
      window: 4_096,
      sendQueue: 256,
    });
    let nowMs = 0;
    const drain = (): void => {
      for (let packets = 0; ; packets++) {
        t.check(packets < 64, "sends without end");
        out.u8.fill(0xa5);
        const n = c.pollTransmit(out, 0, nowMs);
        if (n === 0) return;
        t.check(view.reset(out, 0, n) === Status.Ok, "sends what it would refuse");
        t.check(verifyTcpChecksum(out, 0, n, SRC, DST), "sends a wrong checksum");
        t.add(view.flags, view.seq, view.ack, view.payloadLen);
      }
    };
    for (let p = at; p + 6 <= at + len; p += 6) {
      const what = o.u8[p] ?? 0;
      const seq = o.dv.getUint16(p + 1);
      const ack = o.dv.getUint16(p + 3);
      const size = (o.u8[p + 5] ?? 0) & 0x3f;
      if (what >= 0xc0) {
        const deadline = c.pollTimeout();
        if (deadline !== Number.POSITIVE_INFINITY) nowMs = deadline;
        c.handleTimeout(nowMs);
      } else if (what >= 0x80) {
        t.add(c.send(text.subarray(0, size)));
        if (what & 0x20) c.close();
        if (what === 0xbf) c.abort();
      } else if (what >= 0x40) {
        c.connect();
      } else {
        const r = {
          srcPort: 80,
          dstPort: 1_024,
          seq: 0x7fff_fff0 + (seq & 0xff),
          ack: ISS + (ack & 0xff),
          flags: what,
          window: seq & 0x1000 ? 0 : ack,
          mss: what & 2 && size & 1 ? 16 + size : 0,
        };
        const payload = Math.min(size, ROOM - tcpHeaderLen(r));
        made.u8.fill(0x41);
        const n = emitTcp(r, payload, DST, SRC, made, 0) + payload;
        if (segment.reset(made, 0, n) !== Status.Ok) continue;
        const got = c.handleSegment(segment, nowMs);
        t.check(got <= payload, "hands out more than arrived");
        if (got > 0) {
          t.check(c.receivedAt >= segment.payloadAt, "hands out what is not payload");
          t.check(c.receivedAt + got <= n, "hands out what did not arrive");
        }
        t.add(got);
      }
      drain();
      t.check(c.unacknowledged >= 0 && c.sendRoom >= 0, "the queue is out of its bounds");
      t.add(c.state, c.failure, c.pollTimeout());
    }
  },
  limits: { allocatedOctets: 4_096 },
};
