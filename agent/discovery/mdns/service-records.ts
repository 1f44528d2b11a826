import type { Question } from "./lane.ts";
import type { Link } from "./links.ts";
import { ALL_SERVICES, LOCAL, serviceName } from "./names.ts";
import { type DnsRecord, keyOf, lower, sameName } from "./record.ts";

/** RFC 6762 section 10: records that name a host or hold its address, and all others. Seconds. */
const HOST_TTL_S = 120;
const OTHER_TTL_S = 4_500;

/** A service as it is to be known on every link. */
export interface ServiceNames {
  /** "_pilotlight._tcp". */
  readonly service: string;
  /** One label. */
  readonly instance: string;
  /** One label. */
  readonly host: string;
  readonly port: number;
  readonly txt: readonly Uint8Array[];
}

/** Which of our two unique names. */
export type OwnName = "instance" | "host";

/** All records of one service on one link (RFC 6763 sections 4 to 6 and 9). */
export class ServiceRecords {
  readonly instance: string;
  readonly host: string;
  /** Those that others may have too. */
  readonly shared: readonly DnsRecord[];
  /** Those that are ours alone. */
  readonly unique: readonly DnsRecord[];
  private readonly addresses: readonly DnsRecord[];
  private readonly keys: ReadonlySet<string>;

  constructor(names: ServiceNames, link: Link) {
    const { service, port, txt } = names;
    const type = serviceName(service);
    this.instance = `${names.instance}.${type}`;
    this.host = `${names.host}.${LOCAL}`;
    const { instance, host } = this;
    const shared = { ttl: OTHER_TTL_S, flush: false, type: "PTR" as const };
    this.shared = [
      { ...shared, name: type, data: instance },
      { ...shared, name: ALL_SERVICES, data: type },
    ];
    this.addresses = link.addresses.map(({ family, address }) => ({
      name: host,
      type: family === 4 ? "A" : "AAAA",
      ttl: HOST_TTL_S,
      flush: true,
      data: address,
    }));
    const srv = { priority: 0, weight: 0, port, target: host };
    this.unique = [
      { name: instance, type: "SRV", ttl: HOST_TTL_S, flush: true, data: srv },
      { name: instance, type: "TXT", ttl: OTHER_TTL_S, flush: true, data: txt },
      ...this.addresses,
    ];
    this.keys = new Set(this.unique.map(keyOf));
  }

  /** Which of our unique names this is. */
  owner(name: string): OwnName | undefined {
    if (sameName(name, this.instance)) return "instance";
    return sameName(name, this.host) ? "host" : undefined;
  }

  /** Whether a record is one of our unique ones, word for word. */
  has(record: DnsRecord): boolean {
    return this.keys.has(keyOf(record));
  }

  /** What answers a question; that a unique name of ours has no record of a type is an answer too (RFC 6762 section 6.1). */
  answers(question: Question): readonly DnsRecord[] {
    const { name, type } = question;
    const any = type === "ANY";
    const all = [...this.shared, ...this.unique];
    const found = all.filter((r) => (any || r.type === type) && sameName(r.name, name));
    if (found.length > 0) return found;
    const owner = this.owner(name);
    return owner === undefined ? [] : [this.nothingElse(owner)];
  }

  /** What whoever gets these answers will ask next (RFC 6763 section 12). */
  additionals(answers: readonly DnsRecord[]): readonly DnsRecord[] {
    const wanted = new Set<DnsRecord>();
    for (const { type, name } of answers) {
      if (type === "PTR" && lower(name) !== ALL_SERVICES)
        for (const r of this.unique) wanted.add(r);
      if (type === "SRV") for (const r of this.addresses) wanted.add(r);
      if (type === "A" || type === "AAAA") for (const r of this.addresses) wanted.add(r);
    }
    return [...wanted].filter((r) => !answers.includes(r));
  }

  private nothingElse(owner: OwnName): DnsRecord {
    const name = owner === "instance" ? this.instance : this.host;
    const mine = this.unique.filter((r) => r.name === name);
    const rrtypes = [...new Set(mine.map(({ type }) => type))];
    return {
      name,
      type: "NSEC",
      ttl: HOST_TTL_S,
      flush: true,
      data: { nextDomain: name, rrtypes },
    };
  }
}
