import type { OverrideRecord, OverrideRecords } from "../../agent/plan/overrides.ts";
import { isEmpty } from "../../agent/plan/overrides.ts";

/** Overrides in memory; a write can be made to wait, or to fail. */
export class MemoryOverrides implements OverrideRecords {
  readonly records = new Map<string, OverrideRecord>();
  /** Awaited before each write. */
  before: () => Promise<void> = () => Promise.resolve();

  read(): Iterable<readonly [string, OverrideRecord]> {
    return [...this.records];
  }

  async write(machine: string, record: OverrideRecord | undefined): Promise<void> {
    await this.before();
    if (record && !isEmpty(record)) this.records.set(machine, record);
    else this.records.delete(machine);
  }
}
