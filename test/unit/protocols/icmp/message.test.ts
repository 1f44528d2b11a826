import { describe, expect, it } from "vitest";
import { IcmpView, icmpName } from "../../../../protocols/icmp/message.ts";
import { foldChecksum, sum16 } from "../../../../protocols/wire/checksum.ts";
import type { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { hex } from "../../../support/hex.ts";
import { expectNeverThrows } from "../../../support/view-checks.ts";

function summed(text: string): Octets {
  const o = hex(text);
  o.dv.setUint16(2, 0);
  o.dv.setUint16(2, foldChecksum(sum16(o, 0, o.u8.length, 0)));
  return o;
}

const INNER = "4500 0040 0007 0000 40 11 0000 c0a84d01 c0a84d15";
const unreachable = summed(`03 03 0000 00000000 ${INNER} 9c40 07d1 002c 0000`);
const tooBig = summed(`03 04 0000 0000 05dc ${INNER} 9c40 07d1 002c 0000`);

describe("IcmpView", () => {
  const v = new IcmpView();

  it("reads what an error is about", () => {
    expect(v.reset(unreachable, 0, unreachable.u8.length)).toBe(Status.Ok);
    expect(v).toMatchObject({ type: 3, code: 3, isUnreachable: true, hasInner: true });
    expect(v).toMatchObject({ innerProtocol: 17, innerSrcPort: 40_000, innerDstPort: 2_001 });
    expect(v.innerSrc).toBe(0xc0a84d01 | 0);
    expect(v.nextHopMtu).toBe(0);
    expect(icmpName(3, 3)).toBe("port unreachable");
  });

  it("reads what the next hop can carry", () => {
    expect(v.reset(tooBig, 0, tooBig.u8.length)).toBe(Status.Ok);
    expect(v.nextHopMtu).toBe(1_500);
  });

  it("keeps apart what is no error", () => {
    const echo = summed(`08 00 0000 12340001 ${INNER} 9c40 07d1 002c 0000`);
    expect(v.reset(echo, 0, echo.u8.length)).toBe(Status.Ok);
    expect(v).toMatchObject({ isError: false, hasInner: false, innerSrc: 0, innerDstPort: 0 });
  });

  it("reads as much of the inner packet as there is", () => {
    for (let len = 8; len < unreachable.u8.length; len++) {
      const o = summed(Buffer.from(unreachable.u8.slice(0, len)).toString("hex"));
      expect(v.reset(o, 0, len)).toBe(Status.Ok);
      expect(v.hasInner).toBe(len >= 28);
      expect(v.innerDstPort).toBe(len >= 32 ? 2_001 : 0);
    }
  });

  it("refuses what is short or damaged", () => {
    for (let len = 0; len < 8; len++) expect(v.reset(unreachable, 0, len)).toBe(Status.Truncated);
    const damaged = hex(Buffer.from(unreachable.u8).toString("hex"));
    damaged.dv.setUint8(1, 1);
    expect(v.reset(damaged, 0, damaged.u8.length)).toBe(Status.BadChecksum);
  });

  it("never throws", () => {
    expectNeverThrows(v, [unreachable, tooBig]);
  });
});
