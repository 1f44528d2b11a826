import type { TreeSpace } from "../tree.ts";

/** What a record is charged with: a name or a node with its keys, in LMDB's pages. */
export const RECORD_OCTETS = 512;
/** Records of a layer at the most, however large its quota is: all of them are walked through when it is reported. */
export const MAX_RECORDS = 250_000;
/** What files are stored in at least. */
const BLOCK = 4_096;

/** How much of its quota a layer uses: octets that are allocated on the disk, and records. */
export class Usage {
  /** The site may change it. */
  quota: number;
  private octets = 0;
  /** Promised to writes that are under way. */
  private promised = 0;
  /** Free on the disk, when somebody looked. */
  hostFree: number = Number.POSITIVE_INFINITY;

  constructor(quota: number) {
    this.quota = quota;
  }

  grown(octets: number): void {
    this.octets += octets;
  }

  /** What is used, all in all. */
  used(records: number): number {
    return Math.max(0, this.octets) + records * RECORD_OCTETS;
  }

  space(records: number): TreeSpace {
    const left = Math.max(0, this.quota - this.used(records));
    return { total: this.quota, free: Math.min(left, this.hostFree) };
  }

  /** Whether so many more records are within the bounds. */
  hasRecords(records: number, more: number): boolean {
    if (records + more > MAX_RECORDS) return false;
    return this.used(records + more) + this.promised <= this.quota;
  }

  /** Runs `work` with room for so many octets put aside; undefined: there is no room, and it does not run. */
  async promise<T>(
    records: number,
    octets: number,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    const whole = octets === 0 ? 0 : Math.ceil(octets / BLOCK) * BLOCK;
    if (whole > 0 && this.used(records) + this.promised + whole > this.quota) return undefined;
    this.promised += whole;
    try {
      return await work();
    } finally {
      this.promised -= whole;
    }
  }
}
