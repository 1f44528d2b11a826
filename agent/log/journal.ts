import { LRUCache } from "lru-cache";
import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { printableCut } from "./printable.ts";

/** The protocols a journal entry can speak of; `assets` is what is fetched and kept, `agent` the agent's own affairs. */
export type JournalProtocol =
  | "rarp"
  | "bootp"
  | "dhcp"
  | "tftp"
  | "rpc"
  | "portmap"
  | "bootparams"
  | "mount"
  | "nfs"
  | "http"
  | "assets"
  | "agent";

/**
 * How a step ended.
 *
 * `answered`: a reply went out. `refused`: a reply that says no went out. `silent`: nothing went out, and `decision` says
 * why. `progress`, `done`, `failed`: a transfer. `noted`: something that happened without anyone asking.
 */
export type Outcome = "answered" | "refused" | "silent" | "progress" | "done" | "failed" | "noted";

/** One step of one machine's boot. Times are ISO 8601, `ms` and `octets` are what the step cost. */
export interface JournalEntry {
  readonly time: string;
  /** Name in the site; null for a machine that the site does not know. */
  readonly machine: string | null;
  readonly mac: string | null;
  readonly address: string | null;
  /** Firmware family as recognised so far. */
  readonly family: string | null;
  readonly protocol: JournalProtocol;
  /** What arrived, or what happened. */
  readonly event: string;
  /** What was decided, and why. */
  readonly decision: string;
  /** What was sent; null when nothing was. */
  readonly reply: string | null;
  readonly outcome: Outcome;
  readonly octets: number;
  readonly ms: number;
  /** For transfers: the file's name and size. */
  readonly file: string | null;
  readonly total: number | null;
}

/** What a service says of a step; what it leaves out is null, 0 or unknown. */
export interface JournalNote {
  readonly protocol: JournalProtocol;
  readonly event: string;
  readonly decision: string;
  readonly outcome: Outcome;
  readonly machine?: string | undefined;
  readonly mac?: string | undefined;
  readonly address?: Ipv4 | undefined;
  readonly family?: string | undefined;
  readonly reply?: string | undefined;
  readonly octets?: number;
  readonly ms?: number;
  readonly file?: string;
  readonly total?: number;
}

/**
 * A step that somebody follows. Its entry is written out when it is asked for: most steps of a storm are never looked at, and
 * its texts cost more than the rest of a DHCP answer.
 */
export class JournalStep {
  private readonly note: JournalNote;
  private readonly atMs: number;
  private readonly since: string;
  private written: JournalEntry | undefined;

  /** `atMs`: since 1970. `since`: what is said of repeats. */
  constructor(note: JournalNote, atMs: number, since: string) {
    this.note = note;
    this.atMs = atMs;
    this.since = since;
  }

  get machine(): string | null {
    return this.note.machine ?? null;
  }

  get mac(): string | null {
    return this.note.mac ?? null;
  }

  get protocol(): JournalProtocol {
    return this.note.protocol;
  }

  get outcome(): Outcome {
    return this.note.outcome;
  }

  entry(): JournalEntry {
    this.written ??= entryOf(this.note, this.atMs, this.since);
    return this.written;
  }
}

/** Longest text kept of anything that a peer chose, in characters. */
const MAX_TEXT = 300;
/** The same of what is not written out yet: one more, so that it shows that it was cut. */
const MAX_NOTED = MAX_TEXT + 1;
/** Strangers are remembered by what they asked, so that a flood of one question costs one line a minute. */
const REPEAT_MS = 60_000;
const MAX_REMEMBERED = 1_024;
/** Part of the limit by which the journal may be longer until its oldest entries go. */
const SPARE = 0.1;
/** Entries about strangers a minute: whoever makes up a new address for each question costs no more than these. */
const MAX_STRANGERS = 60;
/** The same of addresses given to machines that only a rule lets in: this part of all entries that are kept. */
const GUESTS_SHARE = 0.1;

/** Counts what happens within a minute. */
class MinuteLimit {
  readonly most: number;
  private sinceMs = 0;
  private counted = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** One more; how many there were in this minute, with it. */
  count(nowMs: number): number {
    if (nowMs - this.sinceMs >= REPEAT_MS) {
      this.sinceMs = nowMs;
      this.counted = 0;
    }
    this.counted += 1;
    return this.counted;
  }
}

/**
 * The boot journal: the last steps of all machines, in memory, bounded.
 *
 * A question that goes unanswered again and again (a stranger's DISCOVER every few seconds) is journalled once a minute
 * with the number of repeats, and strangers together get no more than a fixed number of entries a minute, so that no peer
 * can push the machines of the site out of the journal.
 */
export class Journal {
  private readonly ring: JournalStep[] = [];
  private readonly listeners = new Set<(step: JournalStep) => void>();
  private readonly silences = new LRUCache<string, { sinceMs: number; repeats: number }>({
    max: MAX_REMEMBERED,
  });
  private readonly strangers = new MinuteLimit(MAX_STRANGERS);
  private readonly guests: MinuteLimit;
  private readonly limit: number;
  private readonly spare: number;
  private readonly now: () => number;

  /** `limit`: entries kept, from the board's budget. `now`: milliseconds since 1970. */
  constructor(limit: number, now: () => number) {
    this.limit = limit;
    this.spare = Math.ceil(limit * SPARE);
    this.guests = new MinuteLimit(Math.ceil(limit * GUESTS_SHARE));
    this.now = now;
  }

  /** Adds a step. Control characters in texts that came from the wire are replaced, and long ones cut. */
  note(n: JournalNote): void {
    const nowMs = this.now();
    const since = n.outcome === "silent" ? this.sinceLast(n, nowMs) : "";
    if (since === undefined) return;
    if (
      n.outcome === "silent" &&
      n.machine === undefined &&
      !this.admits(this.strangers, "questions of strangers")
    )
      return;
    this.enter(n, nowMs, since);
  }

  /**
   * Whether a step of a machine that only a rule lets in is to be noted; counts as having been. A storm of them would push out
   * what the machines of the site did.
   */
  admitsGuest(): boolean {
    return this.admits(this.guests, "steps of machines that a rule lets in");
  }

  /** The entries kept, oldest first. */
  entries(): readonly JournalEntry[] {
    return this.ring.slice(-this.limit).map((step) => step.entry());
  }

  /** Calls `listener` for each step from now on; returns what ends that. */
  follow(listener: (step: JournalStep) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private enter(n: JournalNote, nowMs: number, since: string): void {
    const step = new JournalStep(bounded(n), nowMs, since);
    if (n.outcome !== "progress") {
      this.ring.push(step);
      // Many at a time: to move all others up for each new one would cost more than the rest of a DHCP answer.
      if (this.ring.length > this.limit + this.spare) {
        this.ring.splice(0, this.ring.length - this.limit);
      }
    }
    for (const listener of this.listeners) listener(step);
  }

  /** Whether one more entry is due in this minute; the minute's last one says that the rest is left out. */
  private admits(limit: MinuteLimit, what: string): boolean {
    const nowMs = this.now();
    const count = limit.count(nowMs);
    if (count === limit.most) {
      const rest: JournalNote = {
        protocol: "agent",
        event: `${limit.most} ${what} within a minute`,
        decision: "further ones are not entered until it is over",
        outcome: "silent",
      };
      this.enter(rest, nowMs, "");
    }
    return count < limit.most;
  }

  /** What to say of the repeats since this silence was last entered; undefined when it is not due again yet. */
  private sinceLast(n: JournalNote, nowMs: number): string | undefined {
    const key = `${n.protocol} ${n.mac ?? n.address ?? ""} ${n.decision}`;
    const seen = this.silences.get(key);
    if (seen && nowMs - seen.sinceMs < REPEAT_MS) {
      seen.repeats += 1;
      return undefined;
    }
    this.silences.set(key, { sinceMs: nowMs, repeats: 0 });
    if (!seen || seen.repeats === 0) return "";
    return ` (${seen.repeats} more since ${new Date(seen.sinceMs).toISOString().slice(11, 19)})`;
  }
}

/** The same, but without texts that are longer than what is ever shown of them. */
function bounded(n: JournalNote): JournalNote {
  const texts = [n.event, n.decision, n.reply, n.file];
  if (texts.every((text) => text === undefined || text.length <= MAX_NOTED)) return n;
  const cut = (text: string): string => text.slice(0, MAX_NOTED);
  return {
    ...n,
    event: cut(n.event),
    decision: cut(n.decision),
    ...(n.reply === undefined ? {} : { reply: cut(n.reply) }),
    ...(n.file === undefined ? {} : { file: cut(n.file) }),
  };
}

function entryOf(n: JournalNote, atMs: number, since: string): JournalEntry {
  return {
    time: new Date(atMs).toISOString(),
    machine: n.machine ?? null,
    mac: n.mac ?? null,
    address: n.address === undefined ? null : formatIpv4(n.address),
    family: n.family ?? null,
    protocol: n.protocol,
    event: printableCut(n.event, MAX_TEXT),
    decision: printableCut(n.decision + since, MAX_TEXT),
    reply: n.reply === undefined ? null : printableCut(n.reply, MAX_TEXT),
    outcome: n.outcome,
    octets: n.octets ?? 0,
    ms: Math.round((n.ms ?? 0) * 10) / 10,
    file: n.file === undefined ? null : printableCut(n.file, MAX_TEXT),
    total: n.total ?? null,
  };
}
