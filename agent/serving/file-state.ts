import type { Logger } from "pino";
import { LazyOverlays } from "../assets/trees/overlay/lazy-overlays.ts";
import { TreeRecords } from "../assets/trees/tree-records.ts";
import type { Journal } from "../log/journal.ts";
import type { PlannerInput } from "../plan/planner.ts";
import type { StatusCounters } from "../services/context.ts";
import { FileHandles } from "../services/nfs/handle.ts";
import { openHandleKey } from "../services/nfs/handle-key.ts";
import { UploadStore } from "../services/tftp/upload-store.ts";
import type { Database } from "../state/database.ts";

/** What is kept of the files that machines read and write, whatever site is served. */
export class FileState {
  /** What machines wrote by TFTP. */
  readonly uploads: UploadStore;
  private readonly overlays: LazyOverlays;
  private readonly records: TreeRecords;
  private readonly stateDir: string;
  private readonly journal: Pick<Journal, "note">;
  private opened: FileHandles | undefined;

  constructor(
    stateDir: string,
    database: Database,
    { journal, log }: { readonly journal: Pick<Journal, "note">; readonly log: Logger },
  ) {
    this.stateDir = stateDir;
    this.journal = journal;
    this.uploads = new UploadStore(`${stateDir}/uploads`);
    this.records = new TreeRecords(database);
    this.overlays = new LazyOverlays(stateDir, (error) =>
      log.warn(`what is left of dropped overlays stays: ${error.message}`),
    );
  }

  /** What NFS handles are made with, once `open` has resolved. */
  get handles(): FileHandles {
    if (!this.opened) throw new Error("services without a key");
    return this.opened;
  }

  /** Rejects with E_STATE. */
  async open(counters: StatusCounters): Promise<void> {
    this.opened ??= new FileHandles(await openHandleKey(this.stateDir), counters);
  }

  /** What plans are made with. */
  forPlans(): Pick<PlannerInput, "overlays" | "readOnlyGuest" | "firstReads" | "nodeIndex"> {
    const { firstReads, nodeIndex } = this.records;
    return {
      overlays: this.overlays,
      firstReads,
      nodeIndex,
      readOnlyGuest: ({ name, mac }, profile) =>
        this.journal.note({
          protocol: "nfs",
          event: `root of ${profile.name}`,
          decision: "read-only: an overlay is for machines that the site names",
          outcome: "noted",
          machine: name,
          mac,
        }),
    };
  }

  async close(): Promise<void> {
    await this.overlays.close();
    await this.records.close();
  }
}
