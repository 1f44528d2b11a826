import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StatusCounters } from "../../../../../agent/services/context.ts";
import { FileHandles } from "../../../../../agent/services/nfs/handle.ts";
import { openHandleKey, randomHandleKey } from "../../../../../agent/services/nfs/handle-key.ts";
import { dirty, toHex } from "../../../../support/hex.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

function made(key = KEY) {
  const counters = new StatusCounters();
  return { counters, handles: new FileHandles(key, counters) };
}

describe("FileHandles", () => {
  it("writes magic, fsid, fileid, zeros and a MAC", () => {
    const { handles } = made();
    const o = dirty(40);
    expect(handles.emit(1, 0xdead_beef, o, 4)).toBe(32);
    expect(toHex(o, 0, 24)).toBe(
      "a5a5a5a5504c000200000001deadbeef00000000".padEnd(40, "0") + toHex(o, 20, 4),
    );
    expect(toHex(o, 36, 4)).toBe("a5a5a5a5");
    expect(handles.claimedFsid(o, 4)).toBe(1);
    expect(handles.fileidOf(1, o, 4)).toBe(0xdead_beef);
  });

  it("reads what was written under the same key", () => {
    fc.assert(
      fc.property(u32, u32, (fsid, fileid) => {
        const o = dirty(32);
        made().handles.emit(fsid, fileid, o, 0);
        expect(made().handles.fileidOf(fsid, o, 0)).toBe(fileid);
      }),
      { interruptAfterTimeLimit: 1_000 },
    );
  });

  it("refuses a handle with any bit changed", () => {
    const { handles, counters } = made();
    const o = dirty(32);
    for (let bit = 0; bit < 256; bit++) {
      handles.emit(7, 9, o, 0);
      o.u8[bit >> 3] = (o.u8[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(handles.fileidOf(7, o, 0), `bit ${bit}`).toBe(-1);
    }
    expect(counters.get("nfs", "foreign-handle")).toBe(64);
    expect(counters.get("nfs", "forged-handle")).toBe(192);
  });

  it("refuses what another key made", () => {
    const o = dirty(32);
    made(new Uint8Array(16)).handles.emit(7, 9, o, 0);
    expect(made().handles.fileidOf(7, o, 0)).toBe(-1);
  });

  it("refuses what is of another tree", () => {
    const { handles } = made();
    const o = dirty(32);
    handles.emit(7, 9, o, 0);
    expect(handles.fileidOf(8, o, 0)).toBe(-1);
  });
});

describe("openHandleKey", () => {
  it("makes a key that only the agent's user may read, and keeps it", async () => {
    const dir = tempDir({});
    const key = await openHandleKey(dir);
    const file = path.join(dir, "nfs-handles.key");
    expect(key).toHaveLength(16);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await openHandleKey(dir)).toEqual(key);
    expect(await openHandleKey(tempDir({}))).not.toEqual(key);
    expect(randomHandleKey()).not.toEqual(key);
  });

  it("replaces one that was cut off", async () => {
    const dir = tempDir({ "nfs-handles.key": "short" });
    const key = await openHandleKey(dir);
    expect(new Uint8Array(readFileSync(path.join(dir, "nfs-handles.key")))).toEqual(key);
  });

  it("says E_STATE when the folder cannot be used", async () => {
    const dir = tempDir({});
    writeFileSync(path.join(dir, "file"), "");
    chmodSync(dir, 0o700);
    await expect(openHandleKey(path.join(dir, "file"))).rejects.toMatchObject({ code: "E_STATE" });
  });
});
