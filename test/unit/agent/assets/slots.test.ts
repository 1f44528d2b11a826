import { describe, expect, it } from "vitest";
import { ChunkCache } from "../../../../agent/assets/chunk-cache.ts";
import { FixedSlot } from "../../../../agent/assets/fixed-slot.ts";
import { PaddedSlot } from "../../../../agent/assets/padded-slot.ts";
import { onSettled, whenSettled } from "../../../../agent/assets/settling.ts";
import { AssetStore } from "../../../../agent/assets/store.ts";
import { TextContent } from "../../../../agent/assets/text-content.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { fileAsset } from "../../../support/asset-specs.ts";
import { settle } from "../../../support/eventually.ts";
import { FakeSlot } from "../../../support/fake-slots.ts";
import { SlowContent } from "./contents.ts";

const text = (words: string): TextContent => new TextContent(words, words, 0);
const GONE = new AgentError("E_ASSET_MISSING", "gone");

describe("PaddedSlot", () => {
  it("pads whatever version is there, and passes on all else", () => {
    const cache = new ChunkCache(16, 1_000);
    const inner = new FakeSlot("loader", new SlowContent(new Uint8Array(5), cache));
    const slot = new PaddedSlot(4, inner);
    expect(slot.current()).toMatchObject({ size: 8 });
    expect(slot.current()).toBe(slot.current());
    inner.become(new SlowContent(new Uint8Array(9), cache));
    expect(slot.current()).toMatchObject({ size: 12 });
    inner.become(GONE);
    expect(slot.current()).toBe(GONE);
    const wait = inner.wait();
    expect(slot.current()).toBe(wait);
    slot.want();
    expect([slot.name, inner.wants]).toEqual(["loader", 1]);
  });
});

describe("AssetStore", () => {
  it("has a place for each asset of the site, and for no other", async () => {
    const spec = fileAsset("a", "/nonexistent/a");
    const store = await AssetStore.open([spec], new ChunkCache(16, 0));
    expect(store.slot(spec).current()).toMatchObject({ code: "E_ASSET_MISSING" });
    expect(store.slot(spec)).toBe(store.slot(spec));
    expect(store.slot(spec)).toBeInstanceOf(FixedSlot);
    expect(() => store.slot(fileAsset("b", "/b"))).toThrow("not of this site");
  });
});

describe("whenSettled", () => {
  it("waits through all that comes before the octets", async () => {
    const slot = new FakeSlot("a", text("old"));
    slot.wait("first mirror");
    let result: unknown;
    const over = whenSettled(slot).then((state) => {
      result = state;
    });
    slot.wait("second mirror");
    await settle();
    expect(result).toBeUndefined();
    slot.become(GONE);
    await over;
    expect(result).toBe(GONE);
  });

  it("does not go round for ever when a slot says nothing new", async () => {
    const slot = new FakeSlot("a", { waiting: true, why: "stuck", settled: Promise.resolve() });
    expect(await whenSettled(slot)).toMatchObject({ code: "E_ASSET_PENDING" });
  });
});

describe("onSettled", () => {
  it("tells all who still listen, once, and leaves nothing with those who went", async () => {
    let resolve = (): void => {};
    const settled = new Promise<void>((done) => {
      resolve = done;
    });
    let subscriptions = 0;
    const then = settled.then.bind(settled);
    // biome-ignore lint/suspicious/noThenProperty: it is a promise, whose subscriptions are counted
    Object.defineProperty(settled, "then", {
      value: (fn: () => void) => {
        subscriptions += 1;
        return then(fn);
      },
    });
    const heard: number[] = [];
    for (let i = 0; i < 1_000; i++) onSettled(settled, () => heard.push(i))();
    onSettled(settled, () => heard.push(-1));
    resolve();
    await settle();
    expect(heard).toEqual([-1]);
    expect(subscriptions).toBe(1);
  });
});
