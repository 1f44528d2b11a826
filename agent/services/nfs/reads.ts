import { LRUCache } from "lru-cache";
import type { Content } from "../../assets/content.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { Machine } from "../../site/site.ts";
import { type ServiceContext, whoIs } from "../context.ts";

const PROGRESS_MS = 250;
/** Files of one machine that are followed at once; the one read longest ago makes room. */
const MAX_FILES = 32;

interface Reading {
  readonly startMs: number;
  toldMs: number;
  octets: number;
}

/**
 * Makes transfers out of single READ calls, for the journal: a file that was read to its end is one entry.
 *
 * NFS has no open and no close, so a transfer begins with the first READ and is done when the last octet was read.
 */
export class ReadAccounts {
  private readonly context: ServiceContext;
  private readonly files = new Map<Machine, LRUCache<string, Reading>>();

  constructor(context: ServiceContext) {
    this.context = context;
  }

  /** `len` octets at `at` of a file went to a machine at `nowMs` of the clock. */
  account(plan: BootPlan, content: Content, at: number, len: number, nowMs: number): void {
    const { name, size } = content;
    const own = this.filesOf(plan.machine);
    // Most reads are of the file that was read before: for those the cache moves nothing.
    const known = own.get(name);
    const end = at + len >= size;
    // A read past the end, or of the end once more because our answer was lost, is no transfer.
    if (end && !known && at > 0) return;
    const reading = known ?? { startMs: nowMs, toldMs: nowMs, octets: 0 };
    reading.octets += len;
    if (end) {
      own.delete(name);
      this.tell(plan, content, reading, "done");
      return;
    }
    if (!known) {
      own.set(name, reading);
      this.context.needs.touch(content.etag);
    }
    if (nowMs - reading.toldMs < PROGRESS_MS) return;
    reading.toldMs = nowMs;
    this.context.needs.touch(content.etag);
    this.tell(plan, content, reading, "progress");
  }

  private filesOf(machine: Machine): LRUCache<string, Reading> {
    const known = this.files.get(machine);
    if (known) return known;
    const fresh = new LRUCache<string, Reading>({ max: MAX_FILES });
    this.files.set(machine, fresh);
    return fresh;
  }

  private tell(
    plan: BootPlan,
    content: Content,
    reading: Reading,
    outcome: "progress" | "done",
  ): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "nfs",
      event: `read ${content.name}`,
      decision: "a file of its root",
      outcome,
      octets: reading.octets,
      ms: this.context.clock.now() - reading.startMs,
      file: content.name,
      total: content.size,
    });
  }
}
