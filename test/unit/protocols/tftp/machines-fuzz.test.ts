import fc from "fast-check";
import { expect, it } from "vitest";
import { TFTP_HEADER_LEN, TftpMode, TftpView } from "../../../../protocols/tftp/packet.ts";
import { TftpInput, TftpReceiver } from "../../../../protocols/tftp/receiver.ts";
import { TFTP_SENDER_POLICY, TftpSender } from "../../../../protocols/tftp/sender.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty } from "../../../support/hex.ts";

const BOUNDED = { interruptAfterTimeLimit: 1_500, numRuns: 3_000 };

it("TftpSender: any input draws at most one window, inside the file", () => {
  const input = fc.oneof(
    { weight: 8, arbitrary: fc.nat(40).map((block) => ({ kind: "ack" as const, block })) },
    { weight: 2, arbitrary: fc.nat(0xffff).map((block) => ({ kind: "ack" as const, block })) },
    { weight: 2, arbitrary: fc.constant({ kind: "wait" as const }) },
    { weight: 1, arbitrary: fc.nat(9).map((code) => ({ kind: "error" as const, code })) },
  );
  const option = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: 0 });
  fc.assert(
    fc.property(
      fc.nat(600),
      option(64).map((n) => n && Math.max(n, 8)),
      option(10),
      fc.array(input, { maxLength: 60 }),
      (size, blksize, windowsize, inputs) => {
        const options = { ...(blksize ? { blksize } : {}), ...(windowsize ? { windowsize } : {}) };
        const s = new TftpSender({ options, size, policy: TFTP_SENDER_POLICY });
        let nowMs = 0;
        const drain = (): void => {
          let packets = 0;
          for (let p = s.pollTransmit(nowMs); p; p = s.pollTransmit(nowMs)) {
            packets += 1;
            expect(packets).toBeLessThanOrEqual(s.windowsize);
            if (p.kind !== "data") continue;
            expect(p.at).toBe((p.block - 1) * s.blksize);
            expect(p.at + p.len).toBeLessThanOrEqual(size);
            expect(p.len === s.blksize || p.at + p.len === size).toBe(true);
          }
          expect(s.finished).toBe(s.pollTimeout() === Number.POSITIVE_INFINITY);
        };
        drain();
        for (const i of inputs) {
          if (i.kind === "ack") s.handleAck(i.block, nowMs);
          else if (i.kind === "error") s.handleError(i.code);
          else {
            nowMs = Math.min(s.pollTimeout(), 1e9);
            s.handleTimeout(nowMs);
          }
          drain();
          if (s.state === "done") expect(s.octets).toBe(size);
          expect(s.octets).toBeLessThanOrEqual(size);
        }
      },
    ),
    BOUNDED,
  );
});

it("TftpReceiver: any packets leave it with what came in order", () => {
  const packet = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(6), fc.nat(20), fc.nat(9));
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 60 }), (packets) => {
      const r = new TftpReceiver({
        filename: "f",
        mode: TftpMode.Octet,
        options: { blksize: 16, windowsize: 3, tsize: 0 },
        timeoutMs: 1_000,
        maxTimeoutMs: 1_000,
        maxRetries: 5,
      });
      const v = new TftpView();
      const out = dirty(600);
      let total = 0;
      r.pollTransmit(out, 0, 0);
      for (const [op, block, len, port] of packets) {
        const o = new Octets(new Uint8Array(TFTP_HEADER_LEN + len));
        o.dv.setUint16(0, op);
        o.dv.setUint16(2, block);
        if (v.reset(o, 0, o.u8.length) !== Status.Ok) continue;
        if (r.handlePacket(v, 1, port === 0 ? 4001 : 4000, 0) === TftpInput.Data) {
          expect(r.dataOffset).toBe(total);
          total += v.dataLen;
        }
        expect(r.octets).toBe(total);
        expect(r.pollTransmit(out, 0, 0)).toBeLessThanOrEqual(64);
        expect(r.pollTransmit(out, 0, 0)).toBe(0);
      }
    }),
    BOUNDED,
  );
});
