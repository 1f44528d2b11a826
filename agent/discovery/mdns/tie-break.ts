import { type DnsRecord, type RecordType, rdataOf } from "./record.ts";

const CODES: Readonly<Record<RecordType, number>> = {
  A: 1,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NSEC: 47,
};

/**
 * Who wins where two hosts probe for one name at the same time (RFC 6762 section 8.2): above 0 we do, below 0 the other one;
 * 0: both say the same, so that there is nothing to decide. The lists hold the records of that name alone, all of class IN.
 */
export function tieBreak(ours: readonly DnsRecord[], theirs: readonly DnsRecord[]): number {
  const a = sorted(ours);
  const b = sorted(theirs);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = Buffer.compare(a[i] ?? Buffer.alloc(0), b[i] ?? Buffer.alloc(0));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Type, then data, as octets that compare as the records do. */
function sorted(records: readonly DnsRecord[]): readonly Buffer[] {
  return records
    .map((r) => Buffer.concat([Buffer.of(0, CODES[r.type]), rdataOf(r)]))
    .sort(Buffer.compare);
}
