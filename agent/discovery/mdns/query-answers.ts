import type { Clock } from "../../link/clock.ts";
import { type Counters, type Lane, MDNS_PORT, type Message, type Peer } from "./lane.ts";
import { OnLink } from "./links.ts";
import { type DnsRecord, keyOf } from "./record.ts";
import type { ServiceRecords } from "./service-records.ts";

/** RFC 6762 section 6: how long an answer that others may give too is held back, ms. */
const SHARED_DELAY_MS = 20;
const SHARED_SPREAD_MS = 100;
/** Section 7.2: how long the rest of the known answers is waited for. */
const TRUNCATED_DELAY_MS = 400;
const TRUNCATED_SPREAD_MS = 100;
/** Section 6: a record is multicast at most once in this time; sooner only to defend a name. */
const REPEAT_MS = 1_000;
const DEFENCE_REPEAT_MS = 250;
/** Section 6.7: what a resolver that knows nothing of mDNS may keep an answer for, s. */
const LEGACY_TTL_S = 10;
/** Queries whose known answers are still coming. */
const MAX_WAITING = 8;
/** Unicast answers in a second: they could be asked for in somebody else's name. */
const UNICAST_PER_SECOND = 20;

interface Waiting {
  readonly message: Message;
  readonly known: DnsRecord[];
  readonly cancel: () => void;
}

/** Answers queries on one lane: whom, when, and without what the asker knows already (RFC 6762 sections 5.4, 6 and 7). */
export class QueryAnswers {
  private readonly lane: Lane;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly counters: Counters;
  private readonly onLink: OnLink;
  private records: ServiceRecords;
  private readonly sentMs = new Map<string, number>();
  private readonly due = new Map<string, DnsRecord>();
  private cancelDue: (() => void) | undefined;
  private readonly waiting = new Map<string, Waiting>();
  private unicasts = 0;
  private unicastsSinceMs = 0;

  constructor(
    lane: Lane,
    records: ServiceRecords,
    tools: { readonly clock: Clock; readonly random: () => number; readonly counters: Counters },
  ) {
    this.lane = lane;
    this.records = records;
    this.clock = tools.clock;
    this.random = tools.random;
    this.counters = tools.counters;
    this.onLink = new OnLink(lane.link);
  }

  /** From now on these are the answers. */
  replace(records: ServiceRecords): void {
    this.stop();
    this.records = records;
  }

  stop(): void {
    this.cancelDue?.();
    this.cancelDue = undefined;
    this.due.clear();
    for (const { cancel } of this.waiting.values()) cancel();
    this.waiting.clear();
    this.sentMs.clear();
  }

  handle(message: Message): void {
    const { truncated, questions, from, answers } = message;
    const waiting = this.waiting.get(from.address);
    if (questions.length === 0) {
      waiting?.known.push(...answers.slice(0, 100));
      return;
    }
    if (!truncated || waiting !== undefined || this.waiting.size >= MAX_WAITING) {
      this.answer(message, answers);
      return;
    }
    const cancel = this.clock.after(
      TRUNCATED_DELAY_MS + this.random() * TRUNCATED_SPREAD_MS,
      () => {
        const complete = this.waiting.get(from.address);
        this.waiting.delete(from.address);
        if (complete) this.answer(message, complete.known);
      },
    );
    this.waiting.set(from.address, { message, known: [...answers], cancel });
  }

  private answer(message: Message, known: readonly DnsRecord[]): void {
    const { questions, from, authorities } = message;
    const legacy = from.port !== MDNS_PORT;
    const keys = new Map(known.map((r) => [keyOf(r), r.ttl]));
    const wanted = new Map<string, DnsRecord>();
    let direct = legacy;
    for (const question of questions) {
      for (const record of this.records.answers(question)) {
        const key = keyOf(record);
        // Section 7.1: what the asker keeps for at least half of its time yet is not said again.
        if (!legacy && (keys.get(key) ?? 0) >= record.ttl / 2) continue;
        wanted.set(key, record);
        if (question.unicast && this.heardLately(key, record)) direct = true;
      }
    }
    if (wanted.size === 0) return;
    if (direct) this.sendTo(from, message, [...wanted.values()], legacy);
    else this.multicast(wanted, authorities.length > 0);
  }

  /** Section 5.4: what was multicast within a quarter of its time need not be again. */
  private heardLately(key: string, record: DnsRecord): boolean {
    const sentMs = this.sentMs.get(key);
    return sentMs !== undefined && this.clock.now() - sentMs < (record.ttl * 1_000) / 4;
  }

  private sendTo(to: Peer, asked: Message, answers: readonly DnsRecord[], legacy: boolean): void {
    const now = this.clock.now();
    if (now - this.unicastsSinceMs >= 1_000) {
      this.unicasts = 0;
      this.unicastsSinceMs = now;
    }
    if (this.lane.family === 4 && !this.onLink.has(to.address)) return;
    if (++this.unicasts > UNICAST_PER_SECOND) {
      this.counters.add("mdns", "flood");
      return;
    }
    const additionals = this.records.additionals(answers);
    if (!legacy) {
      void this.lane.send({ kind: "response", answers, additionals }, to);
      return;
    }
    const plain = (r: DnsRecord): DnsRecord => ({
      ...r,
      flush: false,
      ttl: Math.min(r.ttl, LEGACY_TTL_S),
    });
    const { id, questions } = asked;
    const reply = { answers: answers.map(plain), additionals: additionals.map(plain) };
    void this.lane.send({ kind: "response", id, questions, ...reply }, to);
  }

  private multicast(wanted: ReadonlyMap<string, DnsRecord>, defence: boolean): void {
    const now = this.clock.now();
    const least = defence ? DEFENCE_REPEAT_MS : REPEAT_MS;
    let shared = false;
    for (const [key, record] of wanted) {
      if (now - (this.sentMs.get(key) ?? Number.NEGATIVE_INFINITY) < least) continue;
      this.due.set(key, record);
      if (!record.flush) shared = true;
    }
    if (this.due.size === 0) return;
    if (!shared) this.flush();
    else {
      this.cancelDue ??= this.clock.after(SHARED_DELAY_MS + this.random() * SHARED_SPREAD_MS, () =>
        this.flush(),
      );
    }
  }

  private flush(): void {
    this.cancelDue?.();
    this.cancelDue = undefined;
    const answers = [...this.due.values()];
    this.due.clear();
    this.announce(answers, this.records.additionals(answers));
  }

  /** Multicasts records, and remembers when. */
  announce(answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): void {
    const now = this.clock.now();
    for (const record of answers) this.sentMs.set(keyOf(record), now);
    void this.lane.send({ kind: "response", answers, additionals });
  }
}
