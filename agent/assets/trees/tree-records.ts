import type { Database } from "../../state/database.ts";
import { FirstReads } from "./first-reads.ts";
import { NodeIndex } from "./node-index.ts";

/** What is remembered of trees when the agent is started anew. */
export class TreeRecords {
  readonly firstReads: FirstReads;
  readonly nodeIndex: NodeIndex;

  constructor(database?: Database) {
    this.firstReads = new FirstReads(database);
    this.nodeIndex = new NodeIndex(database);
  }

  /** Writes what was not written yet. Rejects with E_STATE. */
  async close(): Promise<void> {
    try {
      await this.firstReads.close();
    } finally {
      await this.nodeIndex.close();
    }
  }
}
