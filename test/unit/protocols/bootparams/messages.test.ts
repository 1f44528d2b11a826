import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emitGetfileArgs,
  emitGetfileResult,
  emitWhoamiArgs,
  emitWhoamiResult,
  GetfileArgsView,
  GetfileResultView,
  WhoamiArgsView,
  WhoamiResultView,
} from "../../../../protocols/bootparams/messages.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import { parseIpv4 } from "../../../../protocols/wire/ipv4-address.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
} from "../../../support/view-checks.ts";

const ip = (text: string) => parseIpv4(text) ?? 0;

// What netkit's callbootd and rpc.bootparamd say to each other.
const WHOAMI_ARGS = hex("00000001 ffffffc0 ffffffa8 0000004d 00000015");
const WHOAMI_RESULT = hex(`
  00000006 75626f6f 74310000 00000006 286e6f6e 65290000
  00000001 ffffffc0 ffffffa8 0000004d 00000001`);
const GETFILE_ARGS = hex("00000006 75626f6f 74310000 00000004 726f6f74");
const GETFILE_RESULT = hex(`
  00000007 626f6f74 73727600 00000001 ffffffc0 ffffffa8 0000004d 00000001
  00000008 2f737276 2f6e6673`);

describe("WHOAMI", () => {
  it.each([
    ["sign-extended", WHOAMI_ARGS],
    ["not extended", hex("00000001 000000c0 000000a8 0000004d 00000015")],
  ])("reads an address whose octets are %s", (_, args) => {
    const v = new WhoamiArgsView();
    expect(v.reset(args, 0, 20)).toBe(Status.Ok);
    expect(v.clientAddress).toBe(ip("192.168.77.21"));
  });

  it.each([
    ["an address type of 2", "00000002 000000c0 000000a8 0000004d 00000015", Status.BadCode],
    ["an octet of 256", "00000001 00000100 000000a8 0000004d 00000015", Status.BadMagic],
    ["an octet of -129", "00000001 ffffff7f 000000a8 0000004d 00000015", Status.BadMagic],
  ])("refuses %s", (_, text, want) => {
    expect(new WhoamiArgsView().reset(hex(text), 0, 20)).toBe(want);
  });

  it("writes its argument as real clients do", () => {
    const o = dirty(32);
    expect(toHex(o, 3, emitWhoamiArgs(ip("192.168.77.21"), o, 3))).toBe(toHex(WHOAMI_ARGS));
  });

  it("reads and writes its result", () => {
    const { o, at, len } = inSlab(WHOAMI_RESULT);
    const v = new WhoamiResultView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect(readText(o, v.clientNameAt, v.clientNameLen)).toBe("uboot1");
    expect(readText(o, v.domainAt, v.domainLen)).toBe("(none)");
    expect(v.router).toBe(ip("192.168.77.1"));
    const out = dirty(64);
    const r = { clientName: "uboot1", domain: "(none)", router: ip("192.168.77.1") };
    expect(toHex(out, 1, emitWhoamiResult(r, out, 1))).toBe(toHex(WHOAMI_RESULT));
  });
});

describe("GETFILE", () => {
  it("reads and writes its argument", () => {
    const { o, at, len } = inSlab(GETFILE_ARGS);
    const v = new GetfileArgsView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect(readText(o, v.clientNameAt, v.clientNameLen)).toBe("uboot1");
    expect(readText(o, v.keyAt, v.keyLen)).toBe("root");
    const out = dirty(64);
    expect(toHex(out, 1, emitGetfileArgs("uboot1", "root", out, 1))).toBe(toHex(GETFILE_ARGS));
  });

  it("reads and writes its result", () => {
    const { o, at, len } = inSlab(GETFILE_RESULT);
    const v = new GetfileResultView();
    expect(v.reset(o, at, len)).toBe(Status.Ok);
    expect(readText(o, v.serverNameAt, v.serverNameLen)).toBe("bootsrv");
    expect(readText(o, v.pathAt, v.pathLen)).toBe("/srv/nfs");
    expect(v.serverAddress).toBe(ip("192.168.77.1"));
    const out = dirty(64);
    const r = { serverName: "bootsrv", serverAddress: v.serverAddress, path: "/srv/nfs" };
    expect(toHex(out, 1, emitGetfileResult(r, out, 1))).toBe(toHex(GETFILE_RESULT));
  });

  it("has an empty result", () => {
    const o = dirty(64);
    const n = emitGetfileResult({ serverName: "", serverAddress: 0, path: "" }, o, 0);
    const v = new GetfileResultView();
    expect([n, v.reset(o, 0, n)]).toEqual([28, Status.Ok]);
    expect([v.serverNameLen, v.serverAddress, v.pathLen]).toEqual([0, 0, 0]);
  });

  it.each([
    ["a path", 1_024, (n: number) => ({ serverName: "", serverAddress: 0, path: "p".repeat(n) })],
    ["a name", 255, (n: number) => ({ serverName: "s".repeat(n), serverAddress: 0, path: "" })],
  ])("bounds %s", (_, max, repr) => {
    const o = dirty(1_200);
    const v = new GetfileResultView();
    expect(v.reset(o, 0, emitGetfileResult(repr(max), o, 0))).toBe(Status.Ok);
    expect(v.reset(o, 0, emitGetfileResult(repr(max + 1), o, 0))).toBe(Status.BadLength);
  });

  it("bounds a key", () => {
    const o = dirty(100);
    const v = new GetfileArgsView();
    expect(v.reset(o, 0, emitGetfileArgs("c", "k".repeat(32), o, 0))).toBe(Status.Ok);
    expect(v.reset(o, 0, emitGetfileArgs("c", "k".repeat(33), o, 0))).toBe(Status.BadLength);
  });
});

describe("any message", () => {
  it.each([
    ["WHOAMI argument", new WhoamiArgsView(), WHOAMI_ARGS],
    ["WHOAMI result", new WhoamiResultView(), WHOAMI_RESULT],
    ["GETFILE argument", new GetfileArgsView(), GETFILE_ARGS],
    ["GETFILE result", new GetfileResultView(), GETFILE_RESULT],
  ])("%s: every truncation is refused, nothing throws", (_, view, sample) => {
    expectEveryTruncationRefused(view, sample);
    expectNeverThrows(view, [sample]);
  });

  it("round-trips", () => {
    const text = fc.string({ maxLength: 60 });
    const o = dirty(600);
    const whoami = new WhoamiResultView();
    const getfile = new GetfileResultView();
    fc.assert(
      fc.property(text, text, fc.integer(), (a, b, address) => {
        const n = emitWhoamiResult({ clientName: a, domain: b, router: address }, o, 9);
        expect([whoami.reset(o, 9, n), whoami.router]).toEqual([Status.Ok, address]);
        expect(readText(o, whoami.clientNameAt, whoami.clientNameLen)).toBe(a);
        expect(readText(o, whoami.domainAt, whoami.domainLen)).toBe(b);
        const m = emitGetfileResult({ serverName: a, serverAddress: address, path: b }, o, 9);
        expect([getfile.reset(o, 9, m), getfile.serverAddress]).toEqual([Status.Ok, address]);
        expect(readText(o, getfile.serverNameAt, getfile.serverNameLen)).toBe(a);
        expect(readText(o, getfile.pathAt, getfile.pathLen)).toBe(b);
      }),
    );
  });
});
