import { AgentError } from "../../../errors.ts";
import type { ChunkCache } from "../../chunk-cache.ts";
import type { Tree } from "../tree.ts";
import { type LayerOwner, Overlays } from "./overlays.ts";

/** The overlays of a state folder, which are opened when the first machine has one. */
export class LazyOverlays {
  private readonly stateDir: string;
  private readonly failed: (error: AgentError) => void;
  private overlays: Overlays | undefined;

  /** `failed`: told why what is left of dropped layers could not be removed. */
  constructor(stateDir: string, failed: (error: AgentError) => void) {
    this.stateDir = stateDir;
    this.failed = failed;
  }

  /** Throws E_STATE. */
  tree(owner: LayerOwner, quota: number, lower: Tree, chunks: ChunkCache): Tree {
    return this.open().tree(owner, quota, lower, chunks);
  }

  async close(): Promise<void> {
    await this.overlays?.close();
    this.overlays = undefined;
  }

  private open(): Overlays {
    if (this.overlays) return this.overlays;
    const overlays = Overlays.open(this.stateDir);
    overlays.sweep().catch((error: unknown) => {
      this.failed(
        error instanceof AgentError
          ? error
          : new AgentError("E_STATE", error instanceof Error ? error.message : String(error)),
      );
    });
    this.overlays = overlays;
    return overlays;
  }
}
