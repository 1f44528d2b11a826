import type { AgentError } from "../errors.ts";
import type { Content } from "./content.ts";
import type { Slot } from "./slot.ts";

/** A slot whose state is known once and for all: a rendered text, or a file that was verified in its place. */
export class FixedSlot implements Slot {
  readonly name: string;
  private readonly state: Content | AgentError;

  constructor(name: string, state: Content | AgentError) {
    this.name = name;
    this.state = state;
  }

  current(): Content | AgentError {
    return this.state;
  }

  /** There is nothing to fetch. */
  want(): void {}
}
