import { AgentError } from "../../errors.ts";
import type { Caller } from "../caller.ts";

/** Streams at once: of all, of those who only read, and of one address among these. */
const MAX_STREAMS = 64;
const MAX_READERS = 48;
const MAX_AN_ADDRESS = 8;

/** Counts streams that go on. Readers leave room for operators. */
export class StreamDesk {
  private all = 0;
  private readonly readers = new Map<string, number>();

  /** Takes a place; what it returns gives it back, once. Throws E_BUSY when there is none. */
  enter(caller: Caller): () => void {
    if (this.all >= MAX_STREAMS) throw busy();
    if (caller.kind === "reader") this.enterReader(caller.address);
    this.all += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.all -= 1;
      if (caller.kind === "reader") this.leaveReader(caller.address);
    };
  }

  private enterReader(address: string): void {
    const here = this.readers.get(address) ?? 0;
    const reading = [...this.readers.values()].reduce((sum, n) => sum + n, 0);
    if (here >= MAX_AN_ADDRESS || reading >= MAX_READERS) throw busy();
    this.readers.set(address, here + 1);
  }

  private leaveReader(address: string): void {
    const here = this.readers.get(address) ?? 0;
    if (here > 1) this.readers.set(address, here - 1);
    else this.readers.delete(address);
  }
}

function busy(): AgentError {
  return new AgentError("E_BUSY", "as many streams are open as the agent has room for");
}
