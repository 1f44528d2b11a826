import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OptionFraming, OptionWalker } from "../../../../protocols/dhcp/option-walker.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { hex, toHex } from "../../../support/hex.ts";

function walk(text: string, framing: OptionFraming): { list: string[]; status: Status } {
  const o = hex(text);
  const w = new OptionWalker();
  w.reset(o, 0, o.u8.length, framing);
  const list: string[] = [];
  while (w.next()) list.push(`${w.code}=${toHex(o, w.valueAt, w.valueLen)}`);
  return { list, status: w.status };
}

describe("OptionWalker", () => {
  it.each([
    { text: "", dhcp: [], bare: [] },
    { text: "01 02 aabb 02 00", dhcp: ["1=aabb", "2="], bare: ["1=aabb", "2="] },
    { text: "00 01 01 ff 00", dhcp: ["1=ff"], bare: ["0=01", "255="] },
    { text: "00 00 00", dhcp: [], bare: ["0="] },
    { text: "ff 00", dhcp: [], bare: ["255="] },
  ])("walks $text in both framings", ({ text, dhcp, bare }) => {
    expect(walk(text, OptionFraming.Dhcp).list).toEqual(dhcp);
    expect(walk(text, OptionFraming.Bare).list).toEqual(bare);
  });

  it.each(["01", "01 01", "01 02 aa", "01 00 02"])("stops at a malformed %s", (text) => {
    expect(walk(text, OptionFraming.Dhcp).status).toBe(Status.BadLength);
    expect(walk(text, OptionFraming.Bare).status).toBe(Status.BadLength);
  });

  it("stays stopped", () => {
    const w = new OptionWalker();
    w.reset(hex("01 05 aa"), 0, 3, OptionFraming.Dhcp);
    expect([w.next(), w.status]).toEqual([false, Status.BadLength]);
    expect([w.next(), w.status]).toEqual([false, Status.BadLength]);
    w.reset(hex("01 01 aa"), 0, 3, OptionFraming.Dhcp);
    expect([w.status, w.next()]).toEqual([Status.Ok, true]);
  });

  it("never throws, never leaves its window, always ends", () => {
    const w = new OptionWalker();
    const framing = fc.constantFrom(OptionFraming.Dhcp, OptionFraming.Bare);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), framing, (octets, f) => {
        w.reset(new Octets(octets), 0, octets.length, f);
        let steps = 0;
        while (w.next()) {
          steps++;
          expect(w.valueAt + w.valueLen).toBeLessThanOrEqual(octets.length);
        }
        expect(steps).toBeLessThanOrEqual(octets.length / 2);
      }),
    );
  });
});
