import type { MacText } from "../../protocols/wire/mac-address.ts";

/** At a time; whoever comes meanwhile asks again. */
const MAX_ADMITTING = 64;

/** Cards that the site does not name and that are being let in: their plans are made while others ask. Bounded. */
export class Admissions {
  private readonly running = new Set<MacText>();

  /** Begins `work` at once, unless it runs for this card already or for too many others. `failed` is told what it rejects with. */
  admit(mac: MacText, work: () => Promise<void>, failed: (error: unknown) => void): void {
    if (this.running.has(mac) || this.running.size >= MAX_ADMITTING) return;
    this.running.add(mac);
    work()
      .catch(failed)
      .finally(() => this.running.delete(mac));
  }
}
