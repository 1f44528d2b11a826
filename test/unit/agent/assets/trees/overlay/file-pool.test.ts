import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { ContentFile } from "../../../../../../agent/assets/trees/overlay/content-file.ts";
import { FilePool } from "../../../../../../agent/assets/trees/overlay/file-pool.ts";
import { tempDir } from "../../../../../support/temp-dir.ts";

const IGNORED = (): void => {};

describe("FilePool", () => {
  it("keeps the files that were used last, and no more", async () => {
    const dir = tempDir({ a: "a", b: "b", c: "c" });
    const pool = new FilePool(2);
    for (const name of ["a", "b", "a", "c"]) {
      await pool.use(path.join(dir, name), IGNORED, (file) => file.stat.size);
    }
    expect(["a", "b", "c"].map((name) => pool.peek(path.join(dir, name)) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
    await pool.close();
    expect(pool.peek(path.join(dir, "a"))).toBeUndefined();
  });

  it("closes no file that is in use", async () => {
    const dir = tempDir({ a: "a", b: "b" });
    const pool = new FilePool(0);
    const a = path.join(dir, "a");
    await pool.use(a, IGNORED, async (file: ContentFile) => {
      await pool.use(path.join(dir, "b"), IGNORED, () => {});
      pool.forget(a);
      await file.write(1, Buffer.from("bc"));
    });
    expect(readFileSync(a, "utf8")).toBe("abc");
  });

  it("opens a file anew that could not be opened before", async () => {
    const file = path.join(tempDir(), "later");
    const pool = new FilePool();
    await expect(pool.use(file, IGNORED, () => {})).rejects.toThrow("ENOENT");
    writeFileSync(file, "now");
    expect(await pool.use(file, IGNORED, ({ stat }) => stat.size)).toBe(3);
    await pool.close();
  });

  it("tells by how much a file grew on the disk", async () => {
    const file = path.join(tempDir({ f: "" }), "f");
    const pool = new FilePool();
    let grown = 0;
    const add = (octets: number): void => {
      grown += octets;
    };
    await pool.use(file, add, (f) => f.write(0, Buffer.alloc(20_000, 1)));
    expect(grown).toBeGreaterThanOrEqual(20_000);
    await pool.use(file, add, (f) => f.truncate(0));
    expect(grown).toBe(0);
    await pool.close();
  });
});
