import { type Answer, encode } from "dns-packet";

/** Records of one list of a message that are looked at; no honest message of 9000 octets has more that concern us. */
const MAX_RECORDS = 200;
/** Octets of a TXT record that are looked at (RFC 6763 section 6.2 wants at most 1300). */
const MAX_TXT_LEN = 1_300;
/** TTLs above that of shared records say nothing to us, s: what is forged shall not stay for years. */
const MAX_TTL_S = 4_500;
/** Header, root name, type, class, TTL, length: what stands before the data of the only record of a message. */
const RDATA_AT: number = 12 + 1 + 2 + 2 + 4 + 2;

interface Common {
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  /** The cache-flush bit: whoever hears it forgets other records of this name and type (RFC 6762 section 10.2). */
  readonly flush: boolean;
}

/** What a SRV record holds (RFC 2782). */
export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** The kinds of records that DNS-SD is made of. Names are dotted, without a dot at the end. */
export type DnsRecord =
  | (Common & { readonly type: "PTR" | "A" | "AAAA"; readonly data: string })
  | (Common & { readonly type: "SRV"; readonly data: SrvData })
  | (Common & { readonly type: "TXT"; readonly data: readonly Uint8Array[] })
  | (Common & {
      readonly type: "NSEC";
      readonly data: { readonly nextDomain: string; readonly rrtypes: readonly string[] };
    });

export type RecordType = DnsRecord["type"];

/** A record as `dns-packet` encodes it. */
export function toAnswer(record: DnsRecord): Answer {
  const { name, type, ttl, flush } = record;
  return { name, type, ttl, flush, class: "IN", data: dataOf(record) } as Answer;
}

/** The library changes lists that it is given, so it gets one of its own. */
function dataOf(record: DnsRecord): unknown {
  return record.type === "TXT" ? record.data.map((s) => Buffer.from(s)) : record.data;
}

/** The data of a record in canonical form: names in lower case and not compressed (RFC 6762 section 8.2). */
export function rdataOf(record: DnsRecord): Uint8Array {
  const { type } = record;
  const data =
    type === "SRV"
      ? { ...record.data, target: lower(record.data.target) }
      : type === "PTR"
        ? lower(record.data)
        : dataOf(record);
  return encode({ answers: [{ name: ".", type, ttl: 0, data } as Answer] }).subarray(RDATA_AT);
}

/** One text for name, type and data: the same for records that say the same. */
export function keyOf(record: DnsRecord): string {
  return `${record.type} ${lower(record.name)} ${Buffer.from(rdataOf(record)).toString("latin1")}`;
}

/** DNS compares ASCII letters without case. */
export function sameName(a: string, b: string): boolean {
  return lower(a) === lower(b);
}

export function lower(name: string): string {
  return name.replace(/[A-Z]/g, (c) => c.toLowerCase());
}

/** The records of a decoded list that have a class and a type that concern us and data of the right form. */
export function readRecords(list: readonly unknown[] | undefined): readonly DnsRecord[] {
  const records: DnsRecord[] = [];
  for (const item of (list ?? []).slice(0, MAX_RECORDS)) {
    const record = readRecord(item as Raw);
    if (record) records.push(record);
  }
  return records;
}

interface Raw {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly class?: unknown;
  readonly ttl?: unknown;
  readonly flush?: unknown;
  readonly data?: unknown;
}

function readRecord(raw: Raw): DnsRecord | undefined {
  const { name, type, data } = raw;
  if (raw.class !== "IN" || typeof name !== "string" || typeof raw.ttl !== "number") return;
  const ttl = Math.min(raw.ttl, MAX_TTL_S);
  const common = { name, ttl, flush: raw.flush === true };
  switch (type) {
    case "PTR":
    case "A":
    case "AAAA":
      return typeof data === "string" ? { ...common, type, data } : undefined;
    case "SRV":
      return isSrv(data) ? { ...common, type, data } : undefined;
    case "TXT": {
      const strings = Array.isArray(data) ? data.filter((s) => s instanceof Uint8Array) : [];
      const len = strings.reduce((sum, s) => sum + s.length + 1, 0);
      // The decoder gives windows on the datagram, which would keep all of it.
      return len > MAX_TXT_LEN
        ? undefined
        : { ...common, type, data: strings.map((s) => Uint8Array.from(s)) };
    }
    default:
      return;
  }
}

function isSrv(data: unknown): data is SrvData {
  const { port, target } = (data ?? {}) as Partial<SrvData>;
  return typeof port === "number" && typeof target === "string";
}
