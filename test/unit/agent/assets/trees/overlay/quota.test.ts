import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Usage } from "../../../../../../agent/assets/trees/overlay/usage.ts";
import { ok, overlay } from "./fixture.ts";

const BLOCK = Buffer.alloc(8_192, "x");

describe("an overlay's quota", () => {
  it("is what may be written, and no more", async () => {
    const o = await overlay();
    o.quota = 100_000;
    await o.open();
    expect(o.tree.writable.space().total).toBe(100_000);
    await ok(o.files.create("big", 0o600));
    let written = 0;
    let refused: unknown;
    while (refused === undefined && written < 200_000) {
      refused = await o.files.write("big", written, BLOCK);
      if (refused === undefined) written += BLOCK.length;
    }
    expect(refused).toBe("over-quota");
    expect(written).toBeGreaterThan(80_000);
    expect(written).toBeLessThanOrEqual(100_000);
    // Over what is there already it goes on writing.
    expect(await o.files.write("big", 0, BLOCK)).toBeUndefined();
    await ok(o.files.remove("big"));
    expect(o.tree.writable.space().free).toBeGreaterThan(98_000);
  });

  it("holds for many writes at once", async () => {
    const o = await overlay();
    o.quota = 100_000;
    await o.open();
    await ok(o.files.create("big", 0o600));
    const id = await o.id("big");
    const all = Array.from({ length: 40 }, (_, i) =>
      o.tree.writable.write(id, i * BLOCK.length, BLOCK),
    );
    const results = await Promise.all(all);
    expect(results).toContain("over-quota");
    expect(results.filter((result) => result === undefined).length * BLOCK.length).toBeLessThan(
      100_000,
    );
  });

  it("is given back for a file that is removed while it is written to", async () => {
    const o = await overlay();
    const free = (): number => o.tree.writable.space().free;
    await ok(o.files.create("warm", 0o600));
    await ok(o.files.remove("warm"));
    const before = free();
    for (let i = 0; i < 10; i++) {
      await o.put("big", "x");
      const id = await o.id("big");
      const writes = [1, 2, 3, 4].map((n) => o.tree.writable.write(id, n * BLOCK.length, BLOCK));
      await Promise.all([...writes, o.files.remove("big")]);
    }
    expect(free()).toBe(before);
  });

  it("counts names, so that empty files come to an end", async () => {
    const o = await overlay();
    o.quota = 10_000;
    await o.open();
    const results: unknown[] = [];
    for (let i = 0; i < 30; i++) results.push(await o.files.create(`f${i}`, 0o600));
    expect(results.filter((result) => result === "over-quota").length).toBeGreaterThan(10);
    expect(await o.files.mkdir("dir", 0o700)).toBe("over-quota");
  });

  it("is no reason to refuse a removal", async () => {
    const o = await overlay({ "etc/rc": "rc", motd: "motd" });
    o.quota = 600;
    await o.open();
    expect(await o.files.create("new", 0o600)).toBe("over-quota");
    await ok(o.files.remove("etc/rc"));
    await ok(o.files.rmdir("etc"));
    expect(await o.list()).toEqual(["motd"]);
  });

  it("is counted anew when it is opened, from what is on the disk", async () => {
    const o = await overlay();
    await o.put("file", "x".repeat(50_000));
    const { free } = o.tree.writable.space();
    await o.reopen();
    await o.tree.layer.open();
    await o.tree.layer.ready();
    expect(o.tree.writable.space().free).toBe(free);
    expect(free).toBeLessThan(o.quota - 50_000);
  });

  it("is what the site says now", async () => {
    const o = await overlay();
    await o.put("file", "x");
    o.quota = 5_000_000;
    await o.open();
    expect(o.tree.writable.space().total).toBe(5_000_000);
    expect(await o.text("file")).toBe("x");
  });

  it("does not promise more than the disk has", () => {
    const usage = new Usage(1_000_000);
    usage.hostFree = 4_000;
    expect(usage.space(0)).toEqual({ total: 1_000_000, free: 4_000 });
  });
});

describe("files that no record tells of", () => {
  it("are removed when the overlay is opened", async () => {
    const o = await overlay();
    await o.put("file", "x");
    const dir = o.overlays.filesOf("sun1/sun", 1);
    const before = readdirSync(dir);
    for (const name of ["80000099", "80000001.new", "rubbish"]) {
      writeFileSync(path.join(dir, name), "left behind");
    }
    await o.reopen();
    await o.tree.layer.ready();
    expect(readdirSync(dir)).toEqual(before);
    expect(await o.text("file")).toBe("x");
  });
});

describe("a layer that is reset", () => {
  it("begins anew at once, and old handles are stale", async () => {
    const o = await overlay({ motd: "hello" });
    await ok(o.files.write("motd", 0, Buffer.from("J")));
    await o.put("own", "own");
    const own = await o.id("own");
    expect(await o.overlays.store.reset("sun1/sun")).toBe(true);
    expect(await o.tree.attributes(own)).toBe("stale");
    expect(await o.tree.writable.write(own, 0, BLOCK)).toBe("stale");
    expect(await o.list()).toEqual(["motd"]);
    expect(await o.text("motd")).toBe("hello");
    await o.put("next", "next");
    expect(await o.id("next")).toBeGreaterThan(own);
    await o.overlays.sweep();
    expect(readdirSync(path.dirname(o.overlays.filesOf("sun1/sun", 1)))).toEqual(["00000002"]);
    expect([...o.overlays.store.allNames(1)]).toEqual([]);
    expect([...o.overlays.store.dropped()]).toEqual([]);
    expect(await o.overlays.store.reset("nobody/sun")).toBe(false);
  });
});
