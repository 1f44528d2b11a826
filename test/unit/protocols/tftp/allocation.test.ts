import { expect, it } from "vitest";
import {
  emitAck,
  emitDataHeader,
  TFTP_HEADER_LEN,
  TftpView,
} from "../../../../protocols/tftp/packet.ts";
import { TFTP_SENDER_POLICY, TftpSender } from "../../../../protocols/tftp/sender.ts";
import { ALLOCATION_GATE, octetsPerOperation } from "../../../support/allocation.ts";
import { dirty } from "../../../support/hex.ts";

it("serves a window without allocating: ACK in, headers out", () => {
  const size = 8 * 10_000_000;
  const options = { blksize: 8, windowsize: 4 };
  const sender = new TftpSender({ options, size, policy: TFTP_SENDER_POLICY });
  const view = new TftpView();
  const ack = dirty(TFTP_HEADER_LEN);
  const out = dirty(TFTP_HEADER_LEN);
  let nowMs = 1_000_000_000.5;
  let block = 0;
  sender.pollTransmit(nowMs);
  const perWindow = octetsPerOperation(() => {
    nowMs += 0.25;
    emitAck(block & 0xffff, ack, 0);
    view.reset(ack, 0, TFTP_HEADER_LEN);
    sender.handleAck(view.block, nowMs);
    for (let p = sender.pollTransmit(nowMs); p; p = sender.pollTransmit(nowMs)) {
      emitDataHeader(p.block, out, 0);
    }
    block += 4;
  });
  expect(sender.state).toBe("data");
  expect(perWindow).toBeLessThan(ALLOCATION_GATE);
});
