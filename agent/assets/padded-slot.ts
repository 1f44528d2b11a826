import { AgentError } from "../errors.ts";
import { PaddedContent } from "./padded-content.ts";
import { isWait, type Slot, type SlotState } from "./slot.ts";

/** A slot around a slot: whatever version is in the inner one is served padded to whole units. */
export class PaddedSlot implements Slot {
  private readonly unit: number;
  private readonly inner: Slot;

  /** `unit`: octets. */
  constructor(unit: number, inner: Slot) {
    this.unit = unit;
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }

  current(): SlotState {
    const state = this.inner.current();
    if (state instanceof AgentError || isWait(state)) return state;
    return PaddedContent.to(this.unit, state);
  }

  want(): void {
    this.inner.want();
  }
}
