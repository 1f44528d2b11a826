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

/** Longest text kept of anything that a peer chose, in characters. */
const MAX_TEXT = 300;
/** Strangers are remembered by what they asked, so that a flood of one question costs one line a minute. */
const REPEAT_MS = 60_000;
const MAX_REMEMBERED = 1_024;
/** Part of the limit by which the journal may be longer until its oldest entries go. */
const SPARE = 0.1;
/** Entries about strangers a minute: whoever makes up a new address for each question costs no more than these. */
const MAX_STRANGERS = 60;

/**
 * The boot journal: the last steps of all machines, in memory, bounded.
 *
 * A question that goes unanswered again and again (a stranger's DISCOVER every few seconds) is journalled once a minute
 * with the number of repeats, and strangers together get no more than a fixed number of entries a minute, so that no peer
 * can push the machines of the site out of the journal.
 */
export class Journal {
  private readonly ring: JournalEntry[] = [];
  private readonly listeners = new Set<(entry: JournalEntry) => void>();
  private readonly silences = new Map<string, { sinceMs: number; repeats: number }>();
  private strangersSinceMs = 0;
  private strangers = 0;
  private readonly limit: number;
  private readonly spare: number;
  private readonly now: () => number;

  /** `limit`: entries kept, from the board's budget. `now`: milliseconds since 1970. */
  constructor(limit: number, now: () => number) {
    this.limit = limit;
    this.spare = Math.ceil(limit * SPARE);
    this.now = now;
  }

  /** Adds a step. Control characters in texts that came from the wire are replaced, and long ones cut. */
  note(n: JournalNote): void {
    const nowMs = this.now();
    const since = n.outcome === "silent" ? this.sinceLast(n, nowMs) : "";
    if (since === undefined) return;
    if (n.outcome === "silent" && n.machine === undefined && !this.admitsStranger(nowMs)) return;
    this.enter(n, nowMs, since);
  }

  /** The entries kept, oldest first. */
  entries(): readonly JournalEntry[] {
    return this.ring.length > this.limit ? this.ring.slice(-this.limit) : this.ring;
  }

  /** Calls `listener` for each entry from now on; returns what ends that. */
  follow(listener: (entry: JournalEntry) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private enter(n: JournalNote, nowMs: number, since: string): void {
    const entry: JournalEntry = {
      time: new Date(nowMs).toISOString(),
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
    if (entry.outcome !== "progress") {
      this.ring.push(entry);
      // Many at a time: to move all others up for each new one would cost more than the rest of a DHCP answer.
      if (this.ring.length > this.limit + this.spare) {
        this.ring.splice(0, this.ring.length - this.limit);
      }
    }
    for (const listener of this.listeners) listener(entry);
  }

  /** Whether one more entry about strangers is due in this minute; the minute's last one says that the rest is left out. */
  private admitsStranger(nowMs: number): boolean {
    if (nowMs - this.strangersSinceMs >= REPEAT_MS) {
      this.strangersSinceMs = nowMs;
      this.strangers = 0;
    }
    this.strangers += 1;
    if (this.strangers === MAX_STRANGERS) {
      const rest: JournalNote = {
        protocol: "agent",
        event: `${MAX_STRANGERS} questions of strangers within a minute`,
        decision: "further ones are not entered until it is over",
        outcome: "silent",
      };
      this.enter(rest, nowMs, "");
    }
    return this.strangers < MAX_STRANGERS;
  }

  /** What to say of the repeats since this silence was last entered; undefined when it is not due again yet. */
  private sinceLast(n: JournalNote, nowMs: number): string | undefined {
    const key = `${n.protocol} ${n.mac ?? n.address ?? ""} ${n.decision}`;
    const seen = this.silences.get(key);
    if (seen && nowMs - seen.sinceMs < REPEAT_MS) {
      seen.repeats += 1;
      return undefined;
    }
    this.silences.delete(key);
    if (this.silences.size >= MAX_REMEMBERED) {
      const oldest = this.silences.keys().next().value;
      if (oldest !== undefined) this.silences.delete(oldest);
    }
    this.silences.set(key, { sinceMs: nowMs, repeats: 0 });
    if (!seen || seen.repeats === 0) return "";
    return ` (${seen.repeats} more since ${new Date(seen.sinceMs).toISOString().slice(11, 19)})`;
  }
}
