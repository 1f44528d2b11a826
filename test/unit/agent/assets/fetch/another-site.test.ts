import { describe, expect, it } from "vitest";
import { isWait } from "../../../../../agent/assets/slot.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import type { AssetSpec } from "../../../../../agent/site/site.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { Rig } from "./rig.ts";

const OCTETS = Uint8Array.from({ length: 1_000 }, (_, i) => i * 7);
const OTHER = Uint8Array.from({ length: 1_000 }, (_, i) => i * 11);

/** A site with these assets. */
function site(...specs: readonly AssetSpec[]): Parameters<Rig["keeper"]["adopt"]>[1] {
  return { assets: new Map(specs.map((spec) => [spec.name, spec])), cache: { versions: 3 } };
}

describe("another site", () => {
  it("keeps an asset that it describes in the same words: nothing is asked or fetched anew", async () => {
    const rig = new Rig();
    const store = rig.source("a", OCTETS);
    const before = rig.slot("kernel", ["a"]);
    await rig.served(before);
    const draft = rig.keeper.draft();
    const spec = rig.spec("kernel", ["a"]);
    expect(draft.slot(spec)).toBe(before);
    rig.keeper.adopt(draft, site(spec));
    await rig.keeper.prefetch([spec]);
    await settle();
    expect(rig.keeper.slot(spec)).toBe(before);
    expect([store.opens, store.probes]).toEqual([[0], 0]);
  });

  it("goes on with what is being fetched for it", async () => {
    const rig = new Rig();
    const store = rig.source("a", OCTETS);
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    store.pace = () => gate;
    const slot = rig.slot("kernel", ["a"]);
    slot.want();
    await eventually(() => store.active === 1, "the transfer");
    const spec = rig.spec("kernel", ["a"]);
    rig.keeper.adopt(rig.keeper.draft(), site(spec));
    go();
    expect(await rig.served(rig.keeper.slot(spec))).toEqual(OCTETS);
    expect(store.opens).toEqual([0]);
  });

  it("fetches nothing before it is the one that is served", async () => {
    const rig = new Rig();
    const store = rig.source("a", OCTETS);
    const spec = rig.spec("kernel", ["a"]);
    const draft = rig.keeper.draft();
    const slot = draft.slot(spec);
    slot.want();
    expect(isWait(slot.current())).toBe(true);
    await settle();
    expect(store.opens).toEqual([]);
    rig.keeper.adopt(draft, site(spec));
    expect(await rig.served(slot)).toEqual(OCTETS);
  });

  it("ends the fetch of what it does not name, and whoever waits is told", async () => {
    const rig = new Rig();
    const store = rig.source("a", OCTETS);
    store.stallAt = 300;
    const slot = rig.slot("kernel", ["a"]);
    slot.want();
    const state = slot.current();
    await eventually(() => store.active === 1, "the transfer");
    rig.keeper.adopt(rig.keeper.draft(), site());
    if (!isWait(state)) throw new Error("it does not wait");
    await state.settled;
    expect(slot.current()).toBeInstanceOf(AgentError);
    await eventually(() => store.active === 0, "its end");
    slot.want();
    await rig.pass(120_000, 10);
    expect(store.opens).toEqual([0]);
    expect((await rig.keeper.status()).assets).toEqual([]);
    expect(rig.events("failed")).toEqual([]);
  });

  it("lets be read to its end what it does not name any more", async () => {
    const rig = new Rig();
    rig.source("a", OCTETS);
    const slot = rig.slot("kernel", ["a"]);
    await rig.served(slot);
    rig.keeper.adopt(rig.keeper.draft(), site());
    expect(await rig.served(slot)).toEqual(OCTETS);
  });

  it("fetches an asset anew that comes from another store, under the same name", async () => {
    const rig = new Rig();
    rig.source("a", OCTETS);
    rig.source("b", OTHER).etag = "2";
    const old = rig.slot("kernel", ["a"], { pin: "none" });
    await rig.served(old);
    const spec = rig.spec("kernel", ["b"], { pin: "none" });
    const draft = rig.keeper.draft();
    const slot = draft.slot(spec);
    expect(slot).not.toBe(old);
    rig.keeper.adopt(draft, site(spec));
    // Until the other is here, what there is under this name is served.
    expect(await rig.served(slot)).toEqual(OCTETS);
    rig.keeper.refresh(spec);
    await eventually(() => rig.sources.get("b")?.opens.length === 1, "the other store");
    await settle();
    expect(await rig.served(slot)).toEqual(OTHER);
  });

  it("asks with the credentials that it has now", async () => {
    const rig = new Rig();
    const opened: unknown[] = [];
    const keeper = new Rig({
      openSource: (spec) => {
        opened.push(spec);
        return rig.source("a", OCTETS);
      },
    });
    const first = keeper.spec("kernel", ["a"]);
    await keeper.served(keeper.keeper.slot(first));
    const access = { username: "eva" };
    const second: AssetSpec = { ...first, sources: [{ kind: "http", url: "a", access }] };
    keeper.keeper.adopt(keeper.keeper.draft(), site(second));
    await keeper.keeper.prefetch([second]);
    expect(opened).toEqual([first.sources[0], second.sources[0]]);
  });

  it("leaves an origin to the assets that it still has", async () => {
    const rig = new Rig();
    const store = rig.source("a", OCTETS);
    const kernel = rig.spec("kernel", ["a"]);
    const part = rig.spec("part", ["a"], { treatment: { extract: "100-200" } });
    await rig.served(rig.keeper.slot(kernel));
    await rig.served(rig.keeper.slot(part));
    rig.keeper.adopt(rig.keeper.draft(), site(part));
    expect(rig.keeper.uses("a")).toBe(true);
    rig.keeper.adopt(rig.keeper.draft(), site());
    expect(rig.keeper.uses("a")).toBe(false);
    expect(store.opens).toEqual([0]);
  });

  it("that names another place for an asset gets what is there, although what was there first was another", async () => {
    const rig = new Rig();
    rig.source("http one", OCTETS);
    rig.source("http two", OTHER);
    await rig.served(rig.slot("kernel", ["http one"]));
    const spec = rig.spec("kernel", ["http two"]);
    const draft = rig.keeper.draft();
    const slot = draft.slot(spec);
    rig.keeper.adopt(draft, site(spec));
    // Until it is here, what was served is served on.
    expect(await rig.served(slot)).toEqual(OCTETS);
    await rig.keeper.prefetch([spec]);
    for (let i = 0; i < 20 && (await rig.served(slot))[1] !== OTHER[1]; i++) {
      rig.clock.advance(5_000);
      await settle();
    }
    expect(await rig.served(slot)).toEqual(OTHER);
  });
});
