import type { Clock } from "../../link/clock.ts";
import type { Counters, Lane, Message } from "./lane.ts";
import { LaneResponder } from "./lane-responder.ts";
import { Lanes, type LanesOptions } from "./lanes.ts";
import { hostLabel, instanceLabel } from "./names.ts";
import type { DnsRecord } from "./record.ts";
import { type OwnName, type ServiceNames, ServiceRecords } from "./service-records.ts";

/** RFC 6762 section 8.1: after so many conflicts in so long, each attempt waits. */
const CONFLICTS = 15;
const CONFLICTS_WITHIN_MS = 10_000;
const CONFLICTS_DELAY_MS = 5_000;
/** How long without a conflict ends that. */
const CONFLICTS_CALM_MS = 60_000;
/** Sets of records that are remembered as ours: what we said before a change may still come back to us. */
const MAX_REMEMBERED = 32;

/** A service that is to be known. */
export interface Service {
  /** "_pilotlight._tcp". */
  readonly type: string;
  /** The instance name that it wants. */
  readonly name: string;
  readonly port: number;
  readonly txt: readonly Uint8Array[];
  /** Makes the name of the host rare. */
  readonly fingerprint: string;
}

export interface ResponderOptions extends LanesOptions {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly counters: Counters;
  /** Another name had to be taken; `instance` is the new one. */
  readonly renamed: (instance: string) => void;
  readonly failed: (interfaceName: string, why: string) => void;
}

/** A responder of our own: what a host does where no Avahi runs. It answers for one service and its host name, nothing else. */
export class Responder {
  private readonly options: ResponderOptions;
  private readonly lanes: Lanes;
  private readonly responders = new Map<Lane, LaneResponder>();
  /** Newest last. */
  private remembered: ServiceRecords[] = [];
  private service: Service;
  private numbers: Record<OwnName, number> = { instance: 1, host: 1 };
  private conflictsMs: number[] = [];
  private slowUntilMs = 0;
  private establishedLanes = 0;

  constructor(service: Service, options: ResponderOptions) {
    this.service = service;
    this.options = options;
    this.lanes = new Lanes(options, {
      opened: (lane) => this.open(lane),
      closed: (lane) => this.closed(lane),
      message: (lane, message) => this.handle(lane, message),
      failed: options.failed,
    });
  }

  start(): void {
    this.lanes.start();
  }

  /** The instance name in use. */
  get instance(): string {
    return instanceLabel(this.service.name, this.numbers.instance);
  }

  /** How often a lane's names were established: more than 0 when it can be found somewhere. */
  get established(): number {
    return this.establishedLanes;
  }

  update(service: Service): void {
    const renamed = service.name !== this.service.name;
    if (!renamed) {
      this.service = service;
      for (const responder of this.responders.values()) {
        responder.change(this.makeRecords(responder.lane));
      }
      return;
    }
    const old = [...this.responders.values()];
    this.service = service;
    this.numbers = { instance: 1, host: 1 };
    for (const responder of old) {
      void responder.goodbye();
      this.open(responder.lane);
    }
  }

  async stop(): Promise<void> {
    const all = [...this.responders.values()];
    this.responders.clear();
    await Promise.all(all.map((responder) => responder.goodbye()));
    await this.lanes.stop();
  }

  private open(lane: Lane, delayMs?: number): void {
    const { clock, random, counters } = this.options;
    this.responders.get(lane)?.stop();
    const records = this.makeRecords(lane);
    const responder = new LaneResponder(lane, records, {
      clock,
      random,
      counters,
      isOurs: (record) => this.isOurs(record),
      conflict: (name) => this.conflict(name),
      established: () => {
        this.establishedLanes += 1;
      },
    });
    this.responders.set(lane, responder);
    responder.probe(records, delayMs);
  }

  private closed(lane: Lane): void {
    this.responders.get(lane)?.stop();
    this.responders.delete(lane);
  }

  private handle(lane: Lane, message: Message): void {
    this.responders.get(lane)?.handle(message);
  }

  private makeRecords(lane: Lane): ServiceRecords {
    const { type, name, port, txt, fingerprint } = this.service;
    const names: ServiceNames = {
      service: type,
      instance: this.instance,
      host: hostLabel(name, fingerprint, this.numbers.host),
      port,
      txt,
    };
    const records = new ServiceRecords(names, lane.link);
    this.remembered = [...this.remembered, records].slice(-MAX_REMEMBERED);
    return records;
  }

  private isOurs(record: DnsRecord): boolean {
    return this.remembered.some((records) => records.has(record));
  }

  /** Takes the next name on all links. What was announced under the old one is the winner's now, so no goodbye is said. */
  private conflict(name: OwnName): void {
    this.numbers[name] += 1;
    const now = this.options.clock.now();
    this.conflictsMs = [...this.conflictsMs, now].filter((ms) => now - ms < CONFLICTS_WITHIN_MS);
    if (this.conflictsMs.length >= CONFLICTS || now < this.slowUntilMs) {
      this.slowUntilMs = now + CONFLICTS_CALM_MS;
    }
    const delayMs = now < this.slowUntilMs ? CONFLICTS_DELAY_MS : undefined;
    for (const lane of [...this.responders.keys()]) this.open(lane, delayMs);
    if (name === "instance") this.options.renamed(this.instance);
  }
}
