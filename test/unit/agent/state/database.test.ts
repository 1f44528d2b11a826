import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Database, openDatabase } from "../../../../agent/state/database.ts";
import { databaseFault } from "../../../../agent/state/database-file.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const PAGE = 4096;
const DIST = new URL("../../../../dist/agent/state/database.js", import.meta.url).href;

function opened(dir: string, replaceDamaged = false): Database {
  const database = openDatabase({ dir, replaceDamaged });
  onTestFinished(() => database.close().catch(() => undefined));
  return database;
}

/** A closed database with short and long records, and its file. */
async function made(records = 300): Promise<{ dir: string; file: string }> {
  const dir = tempDir();
  const database = openDatabase({ dir });
  const table = database.table<Uint8Array>("t");
  await database.transaction(() => {
    for (let i = 0; i < records; i++) {
      void table.put(`key ${i}`, new Uint8Array(i % 50 === 0 ? 20_000 : 100));
    }
  });
  await database.close();
  return { dir, file: path.join(dir, "data.mdb") };
}

/** Opens a database in another process, reads all of it and writes to it. */
function elsewhere(dir: string): { status: number | null; signal: string | null; out: string } {
  const script = `
    import { openDatabase } from ${JSON.stringify(DIST)};
    const database = openDatabase({ dir: ${JSON.stringify(dir)} });
    let n = 0;
    for (const { value } of database.table("t").getRange()) n += value.length;
    await database.transaction(() => { database.table("t").put("from elsewhere", new Uint8Array(1)); });
    console.log("read", n > 0);
    await database.close();
  `;
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script],
    { encoding: "utf8", timeout: 15_000 },
  );
  return { status, signal, out: stdout + stderr };
}

/** A process that ends while it has a database open; `then` is what it does then. */
function ending(dir: string, then: string): { status: number | null; signal: string | null } {
  const script = `
    import { openDatabase } from ${JSON.stringify(DIST)};
    const database = openDatabase({ dir: ${JSON.stringify(dir)} });
    const table = database.table("t");
    await database.transaction(() => void table.put("before", new Uint8Array(9)));
    ${then}
  `;
  const { status, signal } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script],
    // Its own signal tells that it hung.
    { timeout: 15_000, killSignal: "SIGUSR1" },
  );
  return { status, signal };
}

describe("a process that ends", () => {
  it.each([
    "database.transaction(() => { table.put('half', new Uint8Array(9)); process.exit(3); });",
    "database.transaction(() => { table.put('half', new Uint8Array(9)); queueMicrotask(() => { throw new Error(); }); });",
  ])("does not hang in a transaction, and leaves nothing broken: %s", (then) => {
    const dir = tempDir();
    expect(ending(dir, then)).toEqual({ status: null, signal: "SIGKILL" });
    expect(elsewhere(dir)).toMatchObject({ status: 0, out: "read true\n" });
  });

  it.each(["process.exit(3);", "await database.close(); process.exit(3);"])(
    "has its own status where nothing is under way: %s",
    (then) => {
      expect(ending(tempDir(), then)).toEqual({ status: 3, signal: null });
    },
  );
});

describe("openDatabase", () => {
  it("keeps records, those of several processes too", async () => {
    const { dir } = await made();
    const database = opened(dir);
    expect(elsewhere(dir)).toMatchObject({ status: 0, out: "read true\n" });
    expect(database.table<Uint8Array>("t").get("from elsewhere")).toHaveLength(1);
    expect(database.table<Uint8Array>("t").get("key 50")).toHaveLength(20_000);
  });

  it("grows with its records", async () => {
    const database = opened(tempDir());
    const table = database.table<Uint8Array>("t");
    for (let i = 0; i < 50; i++) {
      await database.transaction(() => void table.put(`k${i}`, new Uint8Array(1_000_000).fill(i)));
    }
    expect(table.get("k49")?.at(-1)).toBe(49);
  });

  it("does not write when the change throws before its first write", async () => {
    const database = opened(tempDir());
    const change = database.transaction(() => {
      throw new Error("no");
    });
    await expect(change).rejects.toThrow("no");
    expect(database.table("t").get("k")).toBeUndefined();
  });

  it("says who owns a folder that it cannot write in", () => {
    const dir = tempDir();
    const script = `
      import { openDatabase } from ${JSON.stringify(DIST)};
      process.setgid(65534); process.setuid(65534);
      try { openDatabase({ dir: ${JSON.stringify(path.join(dir, "db"))} }); }
      catch (error) { console.log(error.code, error.message); }
    `;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect(out).toMatch(
      /^E_STATE cannot write in .*: .* belongs to user 0, and this runs as user 65534/,
    );
  });

  it.each(["/proc/nothing", "/dev/null/db"])("refuses %s without waiting for ever", (dir) => {
    expect(() => openDatabase({ dir })).toThrow(expect.objectContaining({ code: "E_STATE" }));
  });

  it("gives what root makes to the owner of the folder", () => {
    const dir = tempDir();
    execFileSync("chown", ["65534:65534", dir]);
    opened(path.join(dir, "db"));
    for (const file of ["", "data.mdb", "data.mdb-lock", "open"]) {
      expect(statSync(path.join(dir, "db", file)).uid).toBe(65534);
    }
  });

  it("refuses records of a later version", async () => {
    const dir = tempDir();
    const database = openDatabase({ dir });
    const state = database.table("state");
    await database.transaction(() => void state.put("schema", { version: 99 }));
    await database.close();
    expect(() => openDatabase({ dir })).toThrow(/version 99/);
  });
});

describe("a damaged database", () => {
  const damages: [string, (file: string) => void][] = [
    ["garbage", (file) => writeFileSync(file, Buffer.alloc(50_000, 0xa5))],
    ["zeros", (file) => writeFileSync(file, Buffer.alloc(50_000))],
    ["a short text", (file) => writeFileSync(file, "hello\n")],
    ["its first half", (file) => truncateSync(file, statSync(file).size / 2)],
    ["its meta pages alone", (file) => truncateSync(file, 2 * PAGE)],
    ["less than a page", (file) => truncateSync(file, 100)],
  ];

  it.each(damages)("is an error: %s", async (_, damage) => {
    const { dir, file } = await made();
    damage(file);
    expect(() => openDatabase({ dir })).toThrow(expect.objectContaining({ code: "E_STATE" }));
  });

  it.each(damages)("is put aside where that is wanted: %s", async (_, damage) => {
    const { dir, file } = await made();
    damage(file);
    const database = opened(dir, true);
    expect(database.setAside).toBe(`${file}.damaged-1`);
    expect(database.table("t").get("key 1")).toBeUndefined();
  });

  it("is put aside a few times at most", async () => {
    const { dir, file } = await made();
    for (let i = 0; i < 4; i++) {
      writeFileSync(file, "garbage");
      const database = openDatabase({ dir, replaceDamaged: true });
      await database.close();
    }
    expect(readdirSync(dir).filter((name) => name.includes("damaged"))).toHaveLength(2);
  });

  it("is found within, after a process that did not close it", async () => {
    const { dir, file } = await made();
    const octets = readFileSync(file);
    octets.fill(0xa5, 3 * PAGE, 20 * PAGE);
    writeFileSync(file, octets);
    writeFileSync(path.join(dir, "open"), "another boot:1:1");
    expect(() => openDatabase({ dir })).toThrow(/is damaged: page/);
  });

  it("is sound after a process that did not close it", async () => {
    const { dir, file } = await made(3000);
    expect(databaseFault(file, true)).toBeUndefined();
    writeFileSync(path.join(dir, "open"), "another boot:1:1");
    expect(opened(dir).table("t").getKeysCount()).toBe(3000);
  });

  it("never ends a process that looks closer at it", { timeout: 60_000 }, async () => {
    const { dir, file } = await made();
    const whole = readFileSync(file);
    const pages = whole.length / PAGE;
    // What a worn card does: blocks that read as nothing, or as something else.
    const damage = fc.tuple(fc.nat({ max: pages - 1 }), fc.constantFrom(0x00, 0xff, 0xa5));
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 8 }), async (damages) => {
        const octets = Buffer.from(whole);
        for (const [page, value] of damages) octets.fill(value, page * PAGE, (page + 1) * PAGE);
        writeFileSync(file, octets);
        rmSync(path.join(dir, "data.mdb-lock"), { force: true });
        writeFileSync(path.join(dir, "open"), "another boot:1:1");
        if (databaseFault(file, true) !== undefined) return;
        tried++;
        const { signal } = elsewhere(dir);
        expect(signal).toBeNull();
      }),
      { interruptAfterTimeLimit: 8_000, numRuns: 400 },
    );
    expect(tried).toBeGreaterThan(0);
  });
});
