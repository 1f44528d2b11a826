import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTftpOptions } from "../../../../protocols/tftp/options.ts";
import {
  emitAck,
  emitDataHeader,
  emitError,
  emitOack,
  emitRrq,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../../../protocols/tftp/packet.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { bytes, dirty, hex, toHex } from "../../../support/hex.ts";

/** Read requests as real clients sent them. */
const requests = [
  {
    client: "U-Boot 2023.01, arm64",
    octets: `0001 626c6f622e62696e00 6f6374657400 74696d656f757400 3500 626c6b73697a6500 3134363800`,
    filename: "blob.bin",
    options: { timeout: 5, blksize: 1468 },
  },
  {
    client: "U-Boot 2023.01, x86",
    octets: `0001 626c6f622e62696e00 6f6374657400 74696d656f757400 3500 7473697a6500 3000
      626c6b73697a6500 3134363800`,
    filename: "blob.bin",
    options: { timeout: 5, tsize: 0, blksize: 1468 },
  },
  {
    client: "U-Boot 2023.01 built with TFTP_WINDOWSIZE 8",
    octets: `0001 626c6f622e62696e00 6f6374657400 74696d656f757400 3500 626c6b73697a6500 3134363800
      77696e646f7773697a6500 3800`,
    filename: "blob.bin",
    options: { timeout: 5, blksize: 1468, windowsize: 8 },
  },
  {
    client: "EDK2 (OVMF), size probe",
    octets: `0001 697078652e65666900 6f6374657400 7473697a6500 3000 626c6b73697a6500 3134363800
      77696e646f7773697a6500 3400`,
    filename: "ipxe.efi",
    options: { tsize: 0, blksize: 1468, windowsize: 4 },
  },
  {
    client: "EDK2 (OVMF), the read after the probe",
    octets: `0001 697078652e65666900 6f6374657400 626c6b73697a6500 3134363800
      77696e646f7773697a6500 3400`,
    filename: "ipxe.efi",
    options: { blksize: 1468, windowsize: 4 },
  },
  {
    client: "iPXE 1.0.0 ROM",
    octets: `0001 7078656c696e75782e3000 6f6374657400 626c6b73697a6500 3134333200 7473697a6500 3000`,
    filename: "pxelinux.0",
    options: { blksize: 1432, tsize: 0 },
  },
  {
    client: "PXELINUX",
    octets: `0001 6c646c696e75782e63333200 6f6374657400 7473697a6500 3000 626c6b73697a6500 3134303800`,
    filename: "ldlinux.c32",
    options: { tsize: 0, blksize: 1408 },
  },
  {
    client: "GRUB i386-pc, leading slash",
    octets: `0001 2f626f6f742f677275622f693338362d70632f6e6f726d616c2e6d6f6400 6f6374657400
      626c6b73697a6500 3130323400 7473697a6500 3000`,
    filename: "/boot/grub/i386-pc/normal.mod",
    options: { blksize: 1024, tsize: 0 },
  },
  {
    client: "SLOF and the s390 netboot firmware",
    octets: `0001 6f662e66746800 6f6374657400 626c6b73697a6500 3134323800`,
    filename: "of.fth",
    options: { blksize: 1428 },
  },
  {
    client: "atftp with windowsize",
    octets: `0001 626c6f622e62696e00 6f6374657400 7473697a6500 3000 626c6b73697a6500 3134323800
      77696e646f7773697a6500 3800`,
    filename: "blob.bin",
    options: { tsize: 0, blksize: 1428, windowsize: 8 },
  },
  {
    client: "tftp-hpa, no options",
    octets: `0001 626c6f622e62696e00 6f6374657400`,
    filename: "blob.bin",
    options: {},
  },
];

describe("TftpView: requests", () => {
  it.each(requests)("reads that of $client", ({ octets, filename, options }) => {
    const o = hex(octets);
    const v = new TftpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(v.opcode).toBe(TftpOpcode.Rrq);
    expect(v.mode).toBe(TftpMode.Octet);
    expect(v.filenameText()).toBe(filename);
    expect(readTftpOptions(v)).toEqual(options);
  });

  it.each(requests)("emits that of $client again", ({ octets, filename }) => {
    const o = hex(octets);
    const v = new TftpView();
    v.reset(o, 0, o.u8.length);
    const options = Array.from({ length: v.optionCount }, (_, i) => ({
      name: v.optionName(i),
      value: v.optionValue(v.optionName(i)) ?? "",
    }));
    const out = dirty(512);
    const len = emitRrq({ filename, mode: TftpMode.Octet, options }, out, 7);
    expect(toHex(out, 7, len)).toBe(toHex(o));
    expect(out.u8[7 + len]).toBe(0xa5);
  });

  it("needs both terminators, and takes an unfinished option as not sent", () => {
    const whole = bytes("0001 6100 6f6374657400 626c6b73697a6500 3134363800");
    const v = new TftpView();
    for (let n = 0; n < whole.length; n++) {
      const status = v.reset(new Octets(whole.slice(0, n)), 0, n);
      if (n < 2) expect(status).toBe(Status.Truncated);
      else if (n < 10) expect(status).toBe(Status.BadText);
      else {
        expect(status).toBe(Status.Ok);
        expect(v.optionCount).toBe(0);
      }
    }
  });

  it("takes zero padding after the mode as the end", () => {
    const o = hex("0001 6100 4f6354657400 0000 0000");
    const v = new TftpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(v.mode).toBe(TftpMode.Octet);
    expect(v.optionCount).toBe(0);
  });

  it.each([
    { text: "6e657461736369 6900", mode: TftpMode.Netascii },
    { text: "4e4554415343494900", mode: TftpMode.Netascii },
    { text: "6d61696c00", mode: TftpMode.Mail },
    { text: "6f6374657474 00", mode: TftpMode.Unknown },
    { text: "00", mode: TftpMode.Unknown },
  ])("reads mode $text", ({ text, mode }) => {
    const o = hex(`0002 6100 ${text}`);
    const v = new TftpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect([v.opcode, v.mode]).toEqual([TftpOpcode.Wrq, mode]);
  });

  it("matches option names in any case, and the first of two wins", () => {
    const o = hex("0001 6100 6f6374657400 424c4b53495a4500 313000 626c6b73697a6500 3230 00");
    const v = new TftpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(v.optionValue("blksize")).toBe("10");
    expect(v.optionValue("tsize")).toBeUndefined();
  });

  it("refuses more than 16 options", () => {
    const v = new TftpView();
    const fit = hex(`0001 6100 6f6374657400 ${"6100 6200".repeat(16)}`);
    expect(v.reset(fit, 0, fit.u8.length)).toBe(Status.Ok);
    expect(v.optionCount).toBe(16);
    const over = hex(`0001 6100 6f6374657400 ${"6100 6200".repeat(17)}`);
    expect(v.reset(over, 0, over.u8.length)).toBe(Status.TooMany);
    expect(v.opcode).toBe(0);
  });
});

describe("TftpView: answers", () => {
  it("reads the OACK that atftpd sent", () => {
    const o = hex(`0006 7473697a6500 3130303030303000 626c6b73697a6500 3134323800
      77696e646f7773697a6500 3800`);
    const v = new TftpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect(readTftpOptions(v)).toEqual({ tsize: 1_000_000, blksize: 1428, windowsize: 8 });
    const out = dirty(128);
    const options = [
      { name: "tsize", value: "1000000" },
      { name: "blksize", value: "1428" },
      { name: "windowsize", value: "8" },
    ];
    const len = emitOack(options, out, 0);
    expect(toHex(out, 0, len)).toBe(toHex(o));
  });

  it("is strict about an OACK's texts", () => {
    const whole = bytes("0006 626c6b73697a6500 3134323800");
    const v = new TftpView();
    for (let n = 3; n < whole.length; n++) {
      expect(v.reset(new Octets(whole.slice(0, n)), 0, n)).toBe(Status.BadText);
    }
    expect(v.reset(hex("0006 0000"), 0, 4)).toBe(Status.BadText);
  });

  it("reads how EDK2 ends its size probe", () => {
    const o = hex("0005 0008 557365722061626f7274656420746865207472616e7366657200");
    const v = new TftpView();
    expect(v.reset(o, 0, o.u8.length)).toBe(Status.Ok);
    expect([v.errorCode, v.errorMessageText()]).toEqual([8, "User aborted the transfer"]);
    const out = dirty(64);
    expect(toHex(out, 0, emitError(8, "User aborted the transfer", out, 0))).toBe(toHex(o));
  });

  it("reads an error message that lacks its terminator", () => {
    const v = new TftpView();
    expect(v.reset(hex("0005 0001 6e6f"), 0, 6)).toBe(Status.Ok);
    expect(v.errorMessageText()).toBe("no");
    expect(v.reset(hex("0005 0001"), 0, 4)).toBe(Status.Ok);
    expect(v.errorMessageText()).toBe("");
  });

  it("reads DATA and a padded ACK", () => {
    const v = new TftpView();
    expect(v.reset(hex("a5a5 0003 ffff 010203 a5"), 2, 7)).toBe(Status.Ok);
    expect([v.opcode, v.block, v.dataAt, v.dataLen]).toEqual([3, 65_535, 6, 3]);
    expect(v.reset(hex("0004 0102 0000"), 0, 6)).toBe(Status.Ok);
    expect([v.opcode, v.block, v.dataLen, v.errorCode]).toEqual([4, 258, 0, 0]);
  });

  it("emits DATA headers and ACKs modulo 65536", () => {
    const out = dirty(8);
    expect(emitDataHeader(65_537, out, 0)).toBe(4);
    expect(emitAck(65_536, out, 4)).toBe(4);
    expect(toHex(out)).toBe("0003000100040000");
  });

  it.each([
    { what: "nothing", octets: "", want: Status.Truncated },
    { what: "half an opcode", octets: "00", want: Status.Truncated },
    { what: "opcode 0", octets: "0000 0000", want: Status.BadCode },
    { what: "opcode 7", octets: "0007 0000", want: Status.BadCode },
    { what: "a short ACK", octets: "0004 00", want: Status.Truncated },
    { what: "a short DATA", octets: "0003", want: Status.Truncated },
    { what: "a short ERROR", octets: "0005 00", want: Status.Truncated },
  ])("refuses $what", ({ octets, want }) => {
    const o = hex(octets);
    expect(new TftpView().reset(o, 0, o.u8.length)).toBe(want);
  });
});

describe("TftpView: anything", () => {
  it("never throws and never points outside its window", () => {
    const v = new TftpView();
    const packet = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(packet, ([op, body]) => {
        const o = new Octets(Uint8Array.of(0xff, 0, op, ...body));
        const end = o.u8.length;
        if (v.reset(o, 1, end - 1) !== Status.Ok) return;
        expect(v.filenameAt + v.filenameLen).toBeLessThanOrEqual(end);
        expect(v.dataAt + v.dataLen).toBeLessThanOrEqual(Math.max(end, v.dataAt));
        expect(v.errorMessageAt + v.errorMessageLen).toBeLessThanOrEqual(
          Math.max(end, v.errorMessageAt),
        );
        for (let i = 0; i < v.optionCount; i++) {
          expect(v.optionNameAt(i) + v.optionNameLen(i)).toBeLessThan(end);
          expect(v.optionValueAt(i) + v.optionValueLen(i)).toBeLessThan(end);
        }
        readTftpOptions(v);
        v.errorMessageText();
      }),
      { interruptAfterTimeLimit: 1_000, numRuns: 5_000 },
    );
  });

  it("gives back any request that was emitted", () => {
    const text = fc.string({
      unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
      maxLength: 40,
    });
    const name = text.filter((t) => t.length > 0);
    const v = new TftpView();
    const out = dirty(4096);
    fc.assert(
      fc.property(
        text,
        fc.array(fc.record({ name, value: text }), { maxLength: 16 }),
        (filename, options) => {
          const len = emitRrq({ filename, mode: TftpMode.Netascii, options }, out, 3);
          expect(v.reset(new Octets(out.u8.slice(3, 3 + len)), 0, len)).toBe(Status.Ok);
          expect(v.filenameText()).toBe(filename);
          expect(v.mode).toBe(TftpMode.Netascii);
          expect(v.optionCount).toBe(options.length);
          for (const [i, option] of options.entries()) expect(v.optionName(i)).toBe(option.name);
        },
      ),
      { interruptAfterTimeLimit: 1_000 },
    );
  });
});
