import type { ChunkCache } from "../../agent/assets/chunk-cache.ts";
import type { Content } from "../../agent/assets/content.ts";
import type { Assets, AssetWait, Slot, SlotState } from "../../agent/assets/slot.ts";
import type { AgentError } from "../../agent/errors.ts";
import type { AssetSpec } from "../../agent/site/site.ts";

/** A slot whose state is what a test says. */
export class FakeSlot implements Slot {
  readonly name: string;
  /** How often a machine was said to be on its way to it. */
  wants = 0;
  private state: SlotState;
  private settle: () => void = () => {};

  constructor(name: string, state: SlotState) {
    this.name = name;
    this.state = state;
  }

  current(): SlotState {
    return this.state;
  }

  want(): void {
    this.wants += 1;
  }

  /** From now on it is being fetched. */
  wait(why = `fetching ${this.name} (3.1 of 6.0 MB)`): AssetWait {
    const before = this.settle;
    const settled = new Promise<void>((resolve) => {
      this.settle = resolve;
    });
    const state: AssetWait = { waiting: true, why, settled };
    this.change(state, before);
    return state;
  }

  /** It is there, or cannot be had. */
  become(state: Content | AgentError): void {
    this.change(state, this.settle);
  }

  private change(state: SlotState, tell: () => void): void {
    this.state = state;
    tell();
  }
}

/** Assets whose slots begin as those of other assets, and are then changed by a test. */
export class FakeAssets implements Assets {
  readonly chunks: ChunkCache;
  readonly slots = new Map<string, FakeSlot>();
  private readonly inner: Assets;

  constructor(inner: Assets) {
    this.inner = inner;
    this.chunks = inner.chunks;
  }

  slot(spec: AssetSpec): FakeSlot {
    const known = this.slots.get(spec.name);
    if (known) return known;
    const slot = new FakeSlot(spec.name, this.inner.slot(spec).current());
    this.slots.set(spec.name, slot);
    return slot;
  }

  /** The slot of an asset that a plan uses. */
  named(name: string): FakeSlot {
    const slot = this.slots.get(name);
    if (!slot) throw new Error(`no slot ${name}`);
    return slot;
  }

  /** Makes an asset one that is being fetched; the returned function says that it is there, as it was before. */
  withhold(name: string): () => void {
    const slot = this.named(name);
    const state = slot.current();
    if ("waiting" in state) throw new Error(`${name} is being fetched already`);
    slot.wait();
    return () => slot.become(state);
  }
}
