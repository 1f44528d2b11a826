import { EventEmitter } from "node:events";
import {
  appendFileSync,
  type FSWatcher,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FileSource } from "../../../../../agent/assets/stores/file-source.ts";
import { FolderSource } from "../../../../../agent/assets/stores/folder-source.ts";
import type { LocalSource } from "../../../../../agent/assets/stores/local-source.ts";
import { type WatchOptions, watchSources } from "../../../../../agent/assets/stores/watch.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { until } from "../../../../support/until.ts";

async function watching(sources: readonly LocalSource[], options: WatchOptions): Promise<string[]> {
  const told: string[] = [];
  const watch = watchSources(sources, (id) => told.push(id), options);
  onTestFinished(() => watch.close());
  await watch.ready;
  return told;
}

/** Only the kernel tells. */
const EVENTS: WatchOptions = { quietMs: 20, pollMs: 1_000_000 };
/** Nothing but comparing tells. */
const POLLS: WatchOptions = {
  quietMs: 1,
  pollMs: 10,
  watch: () => {
    throw new Error("no watches left");
  },
};

test("tells of the sources whose files changed, and of no others", async () => {
  const dir = tempDir({ a: "1", b: "1", "x.iso": "1" });
  const [a, b, folder] = [
    new FileSource(join(dir, "a")),
    new FileSource(join(dir, "b")),
    new FolderSource(dir, "*.iso"),
  ];
  const told = await watching([a, b, folder], EVENTS);
  appendFileSync(join(dir, "a"), "2");
  await until("the first", () => told.includes(a.id));
  writeFileSync(join(dir, "y.iso.part"), "2");
  renameSync(join(dir, "y.iso.part"), join(dir, "y.iso"));
  await until("the folder", () => told.includes(folder.id));
  expect(told).not.toContain(b.id);
  rmSync(join(dir, "b"));
  await until("the third", () => told.includes(b.id));
});

test("makes one call of many changes", async () => {
  const dir = tempDir({ a: "" });
  const a = new FileSource(join(dir, "a"));
  const told = await watching([a], { ...EVENTS, quietMs: 60 });
  for (let i = 0; i < 50; i++) appendFileSync(a.label, "x");
  await until("the change", () => told.length > 0);
  appendFileSync(a.label, "x");
  await until("the next change", () => told.length > 1);
  expect(told).toEqual([a.id, a.id]);
});

test("compares where a folder cannot be watched, and tells each change once", async () => {
  const dir = tempDir({ a: "1", "real/b": "1" });
  symlinkSync(join(dir, "real/b"), join(dir, "b"));
  const [a, b, none] = [
    new FileSource(join(dir, "a")),
    new FileSource(join(dir, "b")),
    new FolderSource(join(dir, "none"), "*"),
  ];
  const told = await watching([a, b, none], POLLS);
  appendFileSync(a.label, "2");
  await until("the file", () => told.includes(a.id));
  appendFileSync(join(dir, "real/b"), "2");
  await until("what the link leads to", () => told.includes(b.id));
  mkdirSync(join(dir, "none"));
  writeFileSync(join(dir, "none/c"), "x");
  await until("the folder that was not there", () => told.includes(none.id));
  expect(told.filter((id) => id !== none.id)).toEqual([a.id, b.id]);
});

test("what the kernel told of is not told again by comparing", async () => {
  const dir = tempDir({ a: "1", b: "1" });
  const [a, b] = [new FileSource(join(dir, "a")), new FileSource(join(dir, "b"))];
  const told = await watching([a, b], { quietMs: 1, pollMs: 50 });
  appendFileSync(a.label, "2");
  await until("the first", () => told.length > 0);
  appendFileSync(b.label, "2");
  await until("the second", () => told.includes(b.id));
  expect(told.filter((id) => id === a.id)).toHaveLength(1);
});

test("watches the folder that takes the place of another", async () => {
  const dir = tempDir({ "f/a": "1" });
  const a = new FileSource(join(dir, "f/a"));
  const told = await watching([a], { quietMs: 5, pollMs: 20 });
  renameSync(join(dir, "f"), join(dir, "old"));
  await until("its disappearance", () => told.length > 0);
  mkdirSync(join(dir, "f"));
  writeFileSync(a.label, "new");
  const before = told.length;
  await until("its return", () => told.length > before);
});

test("a watcher that fails is made anew", async () => {
  const dir = tempDir({ a: "1" });
  const made: EventEmitter[] = [];
  const told = await watching([new FileSource(join(dir, "a"))], {
    quietMs: 1,
    pollMs: 10,
    watch: (_folder, _options, listener) => {
      const watcher = Object.assign(new EventEmitter(), { close: () => undefined });
      made.push(watcher);
      if (made.length === 2) setImmediate(() => listener("rename", null));
      return watcher as unknown as FSWatcher;
    },
  });
  made[0]?.emit("error", new Error("inotify is gone"));
  await until("the second watcher's word, for a file without a name", () => told.length > 0);
  expect(made).toHaveLength(2);
});

test("after close nothing is told, and the process is not kept alive", async () => {
  const dir = tempDir({ a: "1" });
  const a = new FileSource(join(dir, "a"));
  const told: string[] = [];
  const holding = (): string[] =>
    process.getActiveResourcesInfo().filter((r) => r === "Timeout" || r.startsWith("FSEvent"));
  const before = holding();
  const watch = watchSources([a], (id) => told.push(id), { quietMs: 1, pollMs: 5 });
  await watch.ready;
  expect(holding()).toEqual(before);
  appendFileSync(a.label, "2");
  watch.close();
  const other = await watching([a], { quietMs: 1, pollMs: 5 });
  appendFileSync(a.label, "3");
  await until("the one that still watches", () => other.length > 0);
  expect(told).toEqual([]);
});
