import { expect, it } from "vitest";
import { DhcpView } from "../../../../protocols/dhcp/packet.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { hex } from "../../../support/hex.ts";
import { EDK2_REQUEST, IPXE_DISCOVER } from "./frames.ts";

// The view does not clear its index for each message: entries carry a 16-bit number of the message they belong to.

const ipxe = hex(IPXE_DISCOVER);
const edk2 = hex(EDK2_REQUEST);

it("forgets the options of the message before", () => {
  const view = new DhcpView();
  expect(view.optionAt(0)).toBe(-1);
  expect(view.reset(ipxe, 0, ipxe.u8.length)).toBe(Status.Ok);
  expect(view.optionLen(77)).toBe(4);
  expect(view.reset(edk2, 0, edk2.u8.length)).toBe(Status.Ok);
  expect(view.optionAt(77)).toBe(-1);
  expect(view.optionLen(50)).toBe(4);
});

it("still does so when the numbers start anew", () => {
  const view = new DhcpView();
  view.reset(ipxe, 0, ipxe.u8.length);
  for (let i = 0; i < 0x2_0000; i++) {
    view.reset(edk2, 0, edk2.u8.length);
    if (view.optionAt(77) !== -1 || view.optionAt(1) !== -1) throw new Error(`message ${i}`);
    if (view.optionLen(50) !== 4) throw new Error(`message ${i}`);
  }
  expect(view.messageType).toBe(3);
});

it("refuses a message that no datagram can hold, whose offsets would not fit", () => {
  const long = hex(`${EDK2_REQUEST} ${"00".repeat(0x10000)}`);
  expect(new DhcpView().reset(long, 0, long.u8.length)).toBe(Status.BadLength);
});
