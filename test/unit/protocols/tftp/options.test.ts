import { describe, expect, it } from "vitest";
import {
  parseTftpMulticast,
  readTftpOptions,
  tftpOptionReprs,
} from "../../../../protocols/tftp/options.ts";
import { emitOack, emitRrq, TftpMode, TftpView } from "../../../../protocols/tftp/packet.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { dirty } from "../../../support/hex.ts";

function read(name: string, value: string): ReturnType<typeof readTftpOptions> {
  const o = dirty(200);
  const options = [{ name, value }];
  const len = emitRrq({ filename: "f", mode: TftpMode.Octet, options }, o, 0);
  const v = new TftpView();
  v.reset(o, 0, len);
  return readTftpOptions(v);
}

describe("TFTP options", () => {
  it.each([
    ["blksize", "8", { blksize: 8 }],
    ["blksize", "7", {}],
    ["blksize", "65464", { blksize: 65_464 }],
    ["blksize", "65468", { blksize: 65_468 }],
    ["blksize", "", {}],
    ["blksize", "-1", {}],
    ["blksize", "1468 ", {}],
    ["blksize", "0x200", {}],
    ["blksize", "5.5", {}],
    ["blksize", "99999999999999999999", {}],
    ["BlkSize", "512", { blksize: 512 }],
    ["timeout", "0", {}],
    ["timeout", "1", { timeout: 1 }],
    ["timeout", "255", { timeout: 255 }],
    ["timeout", "256", {}],
    ["tsize", "0", { tsize: 0 }],
    ["tsize", "5000000000", { tsize: 5_000_000_000 }],
    ["windowsize", "0", {}],
    ["windowsize", "65535", { windowsize: 65_535 }],
    ["windowsize", "65536", {}],
    ["utimeout", "100000", {}],
    ["multicast", "", { multicast: { address: undefined, port: undefined, master: false } }],
  ])("%s=%j reads as %j", (name, value, want) => {
    expect(read(name, value)).toEqual(want);
  });

  it.each([
    ["239.255.0.1,1758,1", { address: parseIpv4("239.255.0.1"), port: 1758, master: true }],
    [",,0", { address: undefined, port: undefined, master: false }],
    ["239.255.0.1,1758", undefined],
    ["239.255.0.1,1758,1,1", undefined],
    ["239.255.0.1,1758,2", undefined],
    ["239.255.0,1758,1", undefined],
    ["239.255.0.1,0,1", undefined],
    ["x", undefined],
  ])("multicast %j (RFC 2090)", (text, want) => {
    expect(parseTftpMulticast(text)).toEqual(want);
  });

  it("gives back what it wrote", () => {
    const options = { timeout: 3, blksize: 1468, tsize: 12, windowsize: 16 };
    const o = dirty(200);
    const len = emitOack(tftpOptionReprs(options), o, 0);
    const v = new TftpView();
    v.reset(o, 0, len);
    expect(readTftpOptions(v)).toEqual(options);
  });
});
