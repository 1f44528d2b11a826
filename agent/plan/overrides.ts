import type { Database, Table } from "../state/database.ts";

const TABLE = "plan.overrides";

/** A boot with another profile than the site's. `since`: ISO 8601. */
export interface BootOverride {
  readonly profile: string;
  /** Who asked for it. */
  readonly by: string;
  readonly since: string;
}

/** What is different about a machine from what the site says. */
export interface OverrideRecord {
  /** Of its next boot. */
  readonly next?: BootOverride;
  /** Of the boot that it has begun, or of what it booted and runs. */
  readonly taken?: BootOverride;
  /** It gets no answer. */
  readonly hold?: { readonly by: string; readonly since: string };
}

/** Where overrides are kept, by the machine's name. */
export interface OverrideRecords {
  read(): Iterable<readonly [string, OverrideRecord]>;
  /** Resolves when it is durable; undefined or an empty record: none any more. */
  write(machine: string, record: OverrideRecord | undefined): Promise<void>;
}

/** Overrides in the agent's database. Writes reject with E_STATE. */
export function overrideRecords(database: Database): OverrideRecords {
  const table: Table<OverrideRecord> = database.table(TABLE);
  return {
    *read() {
      for (const { key, value } of table.getRange()) yield [key, value] as const;
    },
    write: (machine, record) =>
      database.transaction(() => {
        if (record && !isEmpty(record)) table.putSync(machine, record);
        else table.removeSync(machine);
      }),
  };
}

/** Whether nothing is different. */
export function isEmpty({ next, taken, hold }: OverrideRecord): boolean {
  return next === undefined && taken === undefined && hold === undefined;
}
