import type { Content } from "../../assets/content.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import type { Machine } from "../../site/site.ts";
import { type ServiceContext, whoIs } from "../context.ts";

const PROGRESS_MS = 250;
/** Files of one machine that are followed at once; the one read longest ago makes room. */
const MAX_FILES = 32;

interface Reading {
  readonly name: string;
  readonly startMs: number;
  toldMs: number;
  octets: number;
}

/** What one machine reads. */
interface Readings {
  /** By name, in the order in which they were read last. */
  readonly files: Map<string, Reading>;
  newest: Reading | undefined;
}

/**
 * Makes transfers out of single READ calls, for the journal: a file that was read to its end is one entry.
 *
 * NFS has no open and no close, so a transfer begins with the first READ and is done when the last octet was read.
 */
export class ReadAccounts {
  private readonly context: ServiceContext;
  private readonly machines = new Map<Machine, Readings>();

  constructor(context: ServiceContext) {
    this.context = context;
  }

  /** `len` octets at `at` of a file went to a machine at `nowMs` of the clock. */
  account(plan: BootPlan, content: Content, at: number, len: number, nowMs: number): void {
    const { name, size } = content;
    const own = this.readingsOf(plan.machine);
    const known = own.newest?.name === name ? own.newest : own.files.get(name);
    const end = at + len >= size;
    // A read past the end, or of the end once more because our answer was lost, is no transfer.
    if (end && !known && at > 0) return;
    const reading = known ?? { name, startMs: nowMs, toldMs: nowMs, octets: 0 };
    reading.octets += len;
    if (end) {
      forget(own, reading);
      this.tell(plan, content, reading, "done");
      return;
    }
    renew(own, reading);
    if (!known) this.context.needs.touch(content.etag);
    if (nowMs - reading.toldMs < PROGRESS_MS) return;
    reading.toldMs = nowMs;
    this.context.needs.touch(content.etag);
    this.tell(plan, content, reading, "progress");
  }

  private readingsOf(machine: Machine): Readings {
    const known = this.machines.get(machine);
    if (known) return known;
    const fresh: Readings = { files: new Map(), newest: undefined };
    this.machines.set(machine, fresh);
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

/** It was read now. Most reads are of the file that was read before, and move nothing. */
function renew(own: Readings, reading: Reading): void {
  if (own.newest === reading) return;
  own.newest = reading;
  own.files.delete(reading.name);
  own.files.set(reading.name, reading);
  const [oldest] = own.files.values();
  if (oldest && own.files.size > MAX_FILES) own.files.delete(oldest.name);
}

function forget(own: Readings, { name }: Reading): void {
  own.files.delete(name);
  if (own.newest?.name === name) own.newest = undefined;
}
