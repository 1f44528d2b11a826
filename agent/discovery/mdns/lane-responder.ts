import type { Clock } from "../../link/clock.ts";
import type { Counters, Lane, Message } from "./lane.ts";
import { QueryAnswers } from "./query-answers.ts";
import type { DnsRecord } from "./record.ts";
import type { OwnName, ServiceRecords } from "./service-records.ts";
import { tieBreak } from "./tie-break.ts";

/** RFC 6762 section 8.1. */
const PROBES = 3;
const PROBE_EVERY_MS = 250;
/** Section 8.3. */
const ANNOUNCEMENTS = 2;
const ANNOUNCE_EVERY_MS = 1_000;
/** Section 8.2: how long the loser of a tie waits before it probes again. */
const TIE_DELAY_MS = 1_000;
const OWN_NAMES: readonly OwnName[] = ["instance", "host"];

/** What a lane's responder gets from outside. */
export interface LaneResponderOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly counters: Counters;
  /** Whether a record is one that we announce on any link: two of our interfaces may be in one network. */
  readonly isOurs: (record: DnsRecord) => boolean;
  /** Somebody else has this name. */
  readonly conflict: (name: OwnName) => void;
  /** The names are ours on this lane. */
  readonly established: () => void;
}

/** One service on one lane: probes for its names, announces, answers, defends, and says goodbye (RFC 6762 sections 8 to 10). */
export class LaneResponder {
  readonly lane: Lane;
  private readonly options: LaneResponderOptions;
  private readonly answers: QueryAnswers;
  private records: ServiceRecords;
  private phase: "waiting" | "probing" | "announced" | "ended" = "waiting";
  private cancelTimer: () => void = () => {};

  constructor(lane: Lane, records: ServiceRecords, options: LaneResponderOptions) {
    this.lane = lane;
    this.records = records;
    this.options = options;
    this.answers = new QueryAnswers(lane, records, options);
  }

  /** Probes for the names of `records` after `delayMs`, then announces. Nothing is answered before. */
  probe(records: ServiceRecords, delayMs: number = this.options.random() * PROBE_EVERY_MS): void {
    this.records = records;
    // Before the first probe no name is ours to lose: who claims each in turn cannot make us rename without end.
    this.phase = "waiting";
    this.answers.replace(records);
    this.later(delayMs, () => {
      this.phase = "probing";
      this.sendProbe(PROBES);
    });
  }

  /** Other data under the same names (section 8.4): no probing, only announcing. */
  change(records: ServiceRecords): void {
    this.records = records;
    if (this.phase !== "announced") return;
    this.answers.replace(records);
    this.announce(ANNOUNCEMENTS);
  }

  handle(message: Message): void {
    if (this.phase === "ended" || this.phase === "waiting") return;
    if (message.kind === "response") this.handleResponse(message);
    else if (this.phase === "announced") this.answers.handle(message);
    else this.handleProbe(message);
  }

  /** Takes everything back that was announced (section 10.1), and falls silent. */
  async goodbye(): Promise<void> {
    const announced = this.phase === "announced";
    this.stop();
    if (!announced) return;
    const [pointer] = this.records.shared;
    const all = [...(pointer ? [pointer] : []), ...this.records.unique];
    await this.lane.send({ kind: "response", answers: all.map((r) => ({ ...r, ttl: 0 })) });
  }

  stop(): void {
    this.phase = "ended";
    this.cancelTimer();
    this.answers.stop();
  }

  private sendProbe(left: number): void {
    if (left === 0) {
      this.phase = "announced";
      this.options.established();
      this.announce(ANNOUNCEMENTS);
      return;
    }
    const { instance, host, unique } = this.records;
    const questions = [instance, host].map((name) => ({ name, type: "ANY" }));
    // A probe's records are proposals: without the bit that would flush caches (section 10.2).
    const authorities = unique.map((r) => ({ ...r, flush: false }));
    void this.lane.send({ kind: "query", questions, authorities });
    this.later(PROBE_EVERY_MS, () => this.sendProbe(left - 1));
  }

  private announce(left: number): void {
    this.answers.announce([...this.records.shared, ...this.records.unique]);
    if (left > 1) this.later(ANNOUNCE_EVERY_MS, () => this.announce(left - 1));
  }

  /** Somebody says something of a name: while we probe it is theirs, later we look who is right by probing again (section 9). */
  private handleResponse(message: Message): void {
    const foreign = this.foreign([...message.answers, ...message.additionals]);
    if (foreign === undefined) return;
    if (this.phase === "probing") this.options.conflict(foreign);
    else this.probe(this.records);
  }

  private foreign(heard: readonly DnsRecord[]): OwnName | undefined {
    for (const record of heard) {
      if (record.ttl === 0 || record.type === "PTR") continue;
      const owner = this.records.owner(record.name);
      if (owner !== undefined && !this.options.isOurs(record)) return owner;
    }
    return;
  }

  /** Somebody probes for a name that we probe for as well. */
  private handleProbe(message: Message): void {
    const { authorities, questions } = message;
    if (authorities.length === 0 || questions.length === 0) return;
    for (const name of OWN_NAMES) {
      const theirs = authorities.filter((r) => this.records.owner(r.name) === name);
      if (theirs.length === 0 || theirs.every(this.options.isOurs)) continue;
      const ours = this.records.unique.filter((r) => this.records.owner(r.name) === name);
      if (tieBreak(ours, theirs) < 0) {
        // They go first; if they mean it, our next probe is answered.
        this.later(TIE_DELAY_MS, () => this.sendProbe(PROBES));
        return;
      }
    }
  }

  private later(ms: number, fn: () => void): void {
    this.cancelTimer();
    this.cancelTimer = this.options.clock.after(ms, fn);
  }
}
