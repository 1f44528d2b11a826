import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ExportEntry,
  emitMountDump,
  emitMountExport,
  MountDumpView,
  type MountEntry,
  MountExportView,
} from "../../../../protocols/mount/lists.ts";
import { readText } from "../../../../protocols/sunrpc/xdr-text.ts";
import type { Octets } from "../../../../protocols/wire/octets.ts";
import { Status } from "../../../../protocols/wire/status.ts";
import { dirty, hex, toHex } from "../../../support/hex.ts";
import {
  expectEveryTruncationRefused,
  expectNeverThrows,
  inSlab,
  touch,
} from "../../../support/view-checks.ts";

// What nmap's nfs-showmount was answered: one export without groups.
const EXPORT = hex("00000001 00000008 2f737276 2f6e6673 00000000 00000000");
const EXPORT_GROUPS = hex(`
  00000001 00000002 2f610000 00000001 00000002 68310000 00000001 00000002 68320000 00000000
  00000001 00000002 2f620000 00000000 00000000`);
const GROUPS: ExportEntry[] = [
  { directory: "/a", groups: ["h1", "h2"] },
  { directory: "/b", groups: [] },
];
const DUMP = hex(`
  00000001 00000004 76313030 00000003 2f617600
  00000001 00000003 69707800 00000004 2f617070
  00000000`);
const MOUNTS: MountEntry[] = [
  { host: "v100", directory: "/av" },
  { host: "ipx", directory: "/app" },
];

function exportsOf(v: MountExportView, o: Octets): ExportEntry[] {
  const entries: ExportEntry[] = [];
  while (v.next()) {
    const directory = readText(o, v.directoryAt, v.directoryLen);
    const groups: string[] = [];
    while (v.nextGroup()) groups.push(readText(o, v.groupAt, v.groupLen));
    entries.push({ directory, groups });
  }
  return entries;
}

function mountsOf(v: MountDumpView, o: Octets): MountEntry[] {
  const entries: MountEntry[] = [];
  while (v.next()) {
    const host = readText(o, v.hostAt, v.hostLen);
    entries.push({ host, directory: readText(o, v.directoryAt, v.directoryLen) });
  }
  return entries;
}

describe("EXPORT", () => {
  it.each([
    ["without groups", EXPORT, [{ directory: "/srv/nfs", groups: [] }]],
    ["with groups", EXPORT_GROUPS, GROUPS],
    ["empty", hex("00000000"), []],
  ])("%s, both ways", (_, sample, want) => {
    const { o, at, len } = inSlab(sample);
    const v = new MountExportView();
    expect([v.reset(o, at, len), v.count]).toEqual([Status.Ok, want.length]);
    expect(exportsOf(v, o)).toEqual(want);
    expect([v.next(), v.nextGroup()]).toEqual([false, false]);
    const out = dirty(200);
    expect(toHex(out, 3, emitMountExport(want, 150, out, 3))).toBe(toHex(sample));
  });

  it("steps over groups that nobody asks for", () => {
    const v = new MountExportView();
    v.reset(EXPORT_GROUPS, 0, EXPORT_GROUPS.u8.length);
    expect(v.next() && v.nextGroup() && v.next()).toBe(true);
    expect(readText(EXPORT_GROUPS, v.directoryAt, v.directoryLen)).toBe("/b");
    expect([v.nextGroup(), v.next()]).toEqual([false, false]);
  });
});

describe("DUMP", () => {
  it("both ways", () => {
    const { o, at, len } = inSlab(DUMP);
    const v = new MountDumpView();
    expect([v.reset(o, at, len), v.count]).toEqual([Status.Ok, 2]);
    expect(mountsOf(v, o)).toEqual(MOUNTS);
    expect(v.next()).toBe(false);
    const out = dirty(200);
    expect(toHex(out, 3, emitMountDump(MOUNTS, 100, out, 3))).toBe(toHex(DUMP));
  });
});

describe("both lists", () => {
  const text = fc.string({ maxLength: 20 });
  const mounts = fc.array(fc.record({ host: text, directory: text }), { maxLength: 6 });
  const exported = fc.array(
    fc.record({ directory: text, groups: fc.array(text, { maxLength: 4 }) }),
    { maxLength: 6 },
  );

  it("keep within their limit and hold what fits, in order", () => {
    const o = dirty(2_000);
    const dump = new MountDumpView();
    const list = new MountExportView();
    fc.assert(
      fc.property(mounts, exported, fc.integer({ min: 4, max: 400 }), (m, e, limit) => {
        const n = emitMountDump(m, limit, o, 5);
        expect(n).toBeLessThanOrEqual(limit);
        expect(dump.reset(o, 5, n)).toBe(Status.Ok);
        expect(mountsOf(dump, o)).toEqual(m.slice(0, dump.count));
        if (dump.count < m.length) {
          expect(emitMountDump(m.slice(0, dump.count + 1), 2_000, o, 0)).toBeGreaterThan(limit);
        }
        const k = emitMountExport(e, limit, o, 5);
        expect(k).toBeLessThanOrEqual(limit);
        expect(list.reset(o, 5, k)).toBe(Status.Ok);
        expect(exportsOf(list, o)).toEqual(e.slice(0, list.count));
        if (list.count < e.length) {
          expect(emitMountExport(e.slice(0, list.count + 1), 2_000, o, 0)).toBeGreaterThan(limit);
        }
      }),
    );
  });

  it("refuse every truncation and never throw", () => {
    const dump = new MountDumpView();
    expectEveryTruncationRefused(dump, DUMP);
    expectNeverThrows(dump, [DUMP], (_, end) => {
      while (dump.next()) touch(dump, 0, end);
    });
    const list = new MountExportView();
    expectEveryTruncationRefused(list, EXPORT_GROUPS);
    expectNeverThrows(list, [EXPORT, EXPORT_GROUPS], (_, end) => {
      while (list.next()) while (list.nextGroup()) touch(list, 0, end);
    });
  });

  it("take nothing behind the end of a list for another item", () => {
    // Found by fuzzing: an empty list, and behind it what looks like one more item.
    const o = hex("00000000 00000001 00000000 00000000 00000000");
    for (const view of [new MountDumpView(), new MountExportView()]) {
      expect(view.reset(o, 0, 20)).toBe(Status.Ok);
      expect([view.next(), view.next(), view.next()]).toEqual([false, false, false]);
    }
  });

  it("bound their strings", () => {
    const o = dirty(1_400);
    const dump = new MountDumpView();
    const reset = (host: string, directory: string) =>
      dump.reset(o, 0, emitMountDump([{ host, directory }], 1_400, o, 0));
    expect(reset("h".repeat(255), "d".repeat(1_024))).toBe(Status.Ok);
    expect(reset("h".repeat(256), "")).toBe(Status.BadLength);
    expect(reset("", "d".repeat(1_025))).toBe(Status.BadLength);
    const list = new MountExportView();
    const entry = { directory: "/", groups: ["g".repeat(256)] };
    expect(list.reset(o, 0, emitMountExport([entry], 1_400, o, 0))).toBe(Status.BadLength);
  });
});
