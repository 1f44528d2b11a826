import { isIP } from "node:net";
import { instanceOf, LOCAL, serviceName } from "./names.ts";
import { type DnsRecord, lower, rdataOf, type SrvData, sameName } from "./record.ts";

/** Service instances and hosts of one link, and addresses of a host. A flood of forged ones finds no more room than that. */
const MAX_INSTANCES = 200;
const MAX_HOSTS = 200;
const MAX_ADDRESSES = 8;
/** RFC 6762 sections 10.1 and 10.2: a goodbye, and what a cache-flush bit makes obsolete, lasts this long. */
const LAST_MS = 1_000;
/** Section 5.2: at which parts of its time a record is asked for again. */
const REFRESH_AT: readonly number[] = [0.8, 0.85, 0.9, 0.95];
/** When what is missing of an instance is asked for, after it was heard of first; then no more. */
const RESOLVE_AT_MS: readonly number[] = [0, 1_000, 3_000, 10_000];

/** A value with its time. */
interface Timed<T> {
  readonly value: T;
  readonly heardMs: number;
  ttlMs: number;
  /** How many of `REFRESH_AT` were asked. */
  refreshed: number;
}

interface Instance {
  readonly label: string;
  readonly pointer: Timed<DnsRecord>;
  srv?: Timed<SrvData>;
  txt?: Timed<readonly Uint8Array[]>;
  /** When all was known last, or when it was heard of first. */
  sinceMs: number;
  resolved: number;
}

/** A service instance of which all is known. */
export interface ResolvedInstance {
  readonly label: string;
  readonly host: string;
  readonly port: number;
  readonly txt: readonly Uint8Array[];
  /** IPv4 first; without zones. */
  readonly addresses: readonly string[];
}

export interface Asking {
  readonly name: string;
  readonly type: string;
}

/** What one link has told of the instances of a service: records with their time, and what to ask when. Time is an argument. */
export class BrowseCache {
  private readonly service: string;
  private readonly instances = new Map<string, Instance>();
  private readonly hosts = new Map<string, Map<string, Timed<DnsRecord>>>();
  private readonly full: () => void;

  /** `full`: something was not remembered, since there is no room. */
  constructor(service: string, full: () => void) {
    this.service = service;
    this.full = full;
  }

  /** Takes the records of one response: pointers first, so that what else is in it finds its instance. */
  take(records: readonly DnsRecord[], nowMs: number): void {
    for (const r of records) if (r.type === "PTR") this.takePointer(r, nowMs);
    for (const r of records)
      if (r.type === "SRV" || r.type === "TXT") this.takeOfInstance(r, nowMs);
    for (const r of records) if (r.type === "A" || r.type === "AAAA") this.takeAddress(r, nowMs);
  }

  /** Forgets what has run out. */
  expire(nowMs: number): void {
    for (const [key, instance] of this.instances) {
      if (over(instance.pointer, nowMs)) this.instances.delete(key);
      if (instance.srv && over(instance.srv, nowMs)) delete instance.srv;
      if (instance.txt && over(instance.txt, nowMs)) delete instance.txt;
    }
    const wanted = new Set(
      [...this.instances.values()].map((i) => lower(i.srv?.value.target ?? "")),
    );
    for (const [host, addresses] of this.hosts) {
      for (const [key, address] of addresses) if (over(address, nowMs)) addresses.delete(key);
      if (addresses.size === 0 || !wanted.has(host)) this.hosts.delete(host);
    }
  }

  /** Those of which all is known. */
  resolved(): readonly ResolvedInstance[] {
    const found: ResolvedInstance[] = [];
    for (const { label, srv, txt } of this.instances.values()) {
      if (!srv || !txt) continue;
      const host = srv.value.target;
      const known = [...(this.hosts.get(lower(host))?.values() ?? [])].map(({ value }) => value);
      const addresses = [...known]
        .sort((a, b) => (a.type === b.type ? 0 : a.type === "A" ? -1 : 1))
        .map(({ data }) => String(data));
      if (addresses.length === 0) continue;
      found.push({ label, host, port: srv.value.port, txt: txt.value, addresses });
    }
    return found;
  }

  /** What shall be asked now, since it is missing or about to run out. Each is told once. */
  asking(nowMs: number): readonly Asking[] {
    const asking = new Map<string, Asking>();
    const ask = (name: string, type: string): void => {
      asking.set(`${lower(name)} ${type}`, { name, type });
    };
    const addressesOf = (host: string): void => {
      ask(host, "A");
      ask(host, "AAAA");
    };
    for (const instance of this.instances.values()) {
      const { pointer, srv, txt, label } = instance;
      const name = `${label}.${serviceName(this.service)}`;
      const addresses = srv && this.hosts.get(lower(srv.value.target));
      if (ages(pointer, nowMs)) ask(serviceName(this.service), "PTR");
      if (srv && ages(srv, nowMs)) ask(name, "SRV");
      if (txt && ages(txt, nowMs)) ask(name, "TXT");
      for (const address of addresses?.values() ?? []) {
        if (srv && ages(address, nowMs)) ask(srv.value.target, address.value.type);
      }
      if (srv && txt && addresses) {
        instance.resolved = 0;
        instance.sinceMs = nowMs;
        continue;
      }
      const dueMs = RESOLVE_AT_MS[instance.resolved];
      if (dueMs === undefined || nowMs < instance.sinceMs + dueMs) continue;
      instance.resolved += 1;
      if (!srv) ask(name, "SRV");
      if (!txt) ask(name, "TXT");
      if (srv && !addresses) addressesOf(srv.value.target);
    }
    return [...asking.values()];
  }

  /** The pointers that need not be told again (RFC 6762 section 7.1), with the time that they have left. */
  known(nowMs: number): readonly DnsRecord[] {
    const known: DnsRecord[] = [];
    for (const { pointer } of this.instances.values()) {
      const leftMs = pointer.heardMs + pointer.ttlMs - nowMs;
      if (leftMs > pointer.ttlMs / 2) {
        known.push({ ...pointer.value, ttl: Math.floor(leftMs / 1_000) });
      }
    }
    return known;
  }

  /** When something runs out or is to be asked for, ms; Infinity: never. */
  nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    const look = (t: Timed<unknown> | undefined): void => {
      if (t) next = Math.min(next, endOf(t), refreshMs(t));
    };
    for (const instance of this.instances.values()) {
      look(instance.pointer);
      look(instance.srv);
      look(instance.txt);
      const dueMs = RESOLVE_AT_MS[instance.resolved];
      const complete =
        instance.srv && instance.txt && this.hosts.has(lower(instance.srv.value.target));
      if (!complete && dueMs !== undefined) next = Math.min(next, instance.sinceMs + dueMs);
    }
    for (const addresses of this.hosts.values()) for (const a of addresses.values()) look(a);
    return next;
  }

  private takePointer(record: DnsRecord & { type: "PTR" | "A" | "AAAA" }, nowMs: number): void {
    if (!sameName(record.name, serviceName(this.service))) return;
    const label = instanceOf(record.data, this.service);
    if (label === undefined) return;
    const key = lower(label);
    const before = this.instances.get(key);
    if (record.ttl === 0) {
      if (before) shorten(before.pointer, nowMs);
      return;
    }
    const pointer = timed<DnsRecord>(record, record.ttl, nowMs);
    if (before) this.instances.set(key, { ...before, pointer });
    else if (this.instances.size < MAX_INSTANCES || this.dropUnresolved()) {
      this.instances.set(key, { label, pointer, sinceMs: nowMs, resolved: 0 });
    } else this.full();
  }

  /** Makes room by forgetting the oldest instance that nobody stands behind; false when there is none. */
  private dropUnresolved(): boolean {
    for (const [key, { srv, txt }] of this.instances) {
      if (srv && txt && this.hosts.has(lower(srv.value.target))) continue;
      this.instances.delete(key);
      this.full();
      return true;
    }
    return false;
  }

  private takeOfInstance(record: DnsRecord, nowMs: number): void {
    const label = instanceOf(record.name, this.service);
    const instance = label === undefined ? undefined : this.instances.get(lower(label));
    if (!instance) return;
    if (record.type === "SRV") {
      if (record.ttl === 0) shorten(instance.srv, nowMs);
      else if (record.data.port !== 0) instance.srv = timed(record.data, record.ttl, nowMs);
    } else if (record.type === "TXT") {
      if (record.ttl === 0) shorten(instance.txt, nowMs);
      else instance.txt = timed(record.data, record.ttl, nowMs);
    }
  }

  private takeAddress(record: DnsRecord, nowMs: number): void {
    if (!usable(record)) return;
    const host = lower(record.name);
    if (!host.endsWith(`.${LOCAL}`) || !this.isTarget(host)) return;
    let addresses = this.hosts.get(host);
    const key = `${record.type} ${Buffer.from(rdataOf(record)).toString("hex")}`;
    if (record.ttl === 0) {
      shorten(addresses?.get(key), nowMs);
      return;
    }
    if (!addresses) {
      if (this.hosts.size >= MAX_HOSTS) {
        this.full();
        return;
      }
      addresses = new Map();
      this.hosts.set(host, addresses);
    }
    if (record.flush) {
      for (const other of addresses.values()) {
        if (other.value.type === record.type && nowMs - other.heardMs > LAST_MS)
          shorten(other, nowMs);
      }
    }
    if (addresses.has(key) || addresses.size < MAX_ADDRESSES) {
      addresses.set(key, timed<DnsRecord>(record, record.ttl, nowMs));
    } else this.full();
  }

  private isTarget(host: string): boolean {
    for (const { srv } of this.instances.values()) {
      if (srv && lower(srv.value.target) === host) return true;
    }
    return false;
  }
}

function timed<T>(value: T, ttlS: number, nowMs: number): Timed<T> {
  return { value, heardMs: nowMs, ttlMs: ttlS * 1_000, refreshed: 0 };
}

function endOf({ heardMs, ttlMs }: Timed<unknown>): number {
  return heardMs + ttlMs;
}

function over(t: Timed<unknown>, nowMs: number): boolean {
  return endOf(t) <= nowMs;
}

function shorten(t: Timed<unknown> | undefined, nowMs: number): void {
  if (!t) return;
  t.ttlMs = Math.min(t.ttlMs, nowMs + LAST_MS - t.heardMs);
  t.refreshed = REFRESH_AT.length;
}

function refreshMs({ heardMs, ttlMs, refreshed }: Timed<unknown>): number {
  const part = REFRESH_AT[refreshed];
  return part === undefined ? Number.POSITIVE_INFINITY : heardMs + ttlMs * part;
}

/** Whether it is time to ask for it again; says so once for each of the times. */
function ages(t: Timed<unknown>, nowMs: number): boolean {
  let due = false;
  while (refreshMs(t) <= nowMs) {
    t.refreshed += 1;
    due = true;
  }
  return due;
}

/** Neither of nobody, nor of the host itself, nor of a group. */
function usable({ data, type }: DnsRecord): boolean {
  const address = String(data);
  if (isIP(address) !== (type === "A" ? 4 : 6)) return false;
  return !/^(0\.|127\.|22[4-9]\.|23\d\.|2[45]\d\.|::1?$|ff|::ffff:)/i.test(address);
}
